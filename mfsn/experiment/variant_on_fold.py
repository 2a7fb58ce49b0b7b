"""A variant on one fold: what training may see of it, how it is tested, and what is written down.

U utterances of the test part, C classes.
"""

from typing import Any

import numpy as np
from torch import nn

from mfsn.data.fold_data import FoldData, IntArray, labels_of
from mfsn.data.normalization import BinRange
from mfsn.experiment.experiment import Experiment
from mfsn.experiment.results import DEV, OPTIMISTIC
from mfsn.experiment.tasks import FusionTask
from mfsn.model.build import make_network
from mfsn.model.genotype import Genotype
from mfsn.search.predict import FloatArray, NetworkFunction, Scores, predict, score
from mfsn.search.training import OnRow, Training


class VariantOnFold:
    """A variant on one fold, with everything that training and testing need."""

    def __init__(
        self,
        task: FusionTask,
        experiment: Experiment,
        *,
        streams: nn.Module | None = None,
        bins: BinRange | None = None,
    ) -> None:
        """Nothing of the test part is read here.

        Args:
            task: Which variant and fold.
            experiment: What tasks share.
            streams: Already trained ones; otherwise the encoders as they were given.
            bins: The normalisation of a saved network; otherwise the training part's.
        """
        self.task = task
        self.experiment = experiment
        self.settings = experiment.settings
        self.device = experiment.device
        self.variant = experiment.variants[task.variant]
        part = experiment.corpus.parts[task.fold]
        self.train, self.dev, self.test = part.train, part.dev, part.test
        if self.settings.faults.test_selection:
            # As in the public code: no part of its own chooses, and what would be it is trained on.
            self.train = np.sort(np.concatenate([part.train, part.dev]))
            self.dev = part.test
        data = experiment.data_of(self.variant)
        self.data = data.fitted_on(self.train) if bins is None else data.with_bins(bins)
        self.streams = (streams or experiment.streams_of(self.variant)).to(self.device)

    @property
    def selection(self) -> str:
        """By what the epoch is chosen."""
        return OPTIMISTIC if self.settings.faults.test_selection else DEV

    def training(self, on_row: OnRow | None = None) -> Training:
        """Returns what training may see, and how it goes on."""
        return Training(
            streams=self.streams,
            fold=FoldData(data=self.data, train=self.train, dev=self.dev),
            settings=self.settings.fit,
            seed=self.task.seed,
            checkpoint=self.task.checkpoints,
            device=self.device,
            on_epoch=self.observe if self.experiment.optimistic else None,
            on_row=on_row,
        )

    def make_network(self, genotype: Genotype | None) -> nn.Module:
        """Returns the variant's network with its initial weights."""
        return make_network(self.variant, self.experiment.sizes, self.task.seed, genotype)

    def tested(self, network: NetworkFunction) -> FloatArray:
        """Returns the scores (U, C) of the test part."""
        return predict(
            network,
            self.streams,
            self.data,
            self.test,
            self.device,
            batch_size=self.settings.fit.batch_size,
        )

    def score(self, scores_UC: FloatArray) -> Scores:
        """Compares scores of the test part with its labels."""
        return score(scores_UC, labels_of(self.data, self.test))

    def constant_answer(self, tested: Scores) -> str:
        """Returns, and says aloud, the class that every test utterance got; empty if some are told
        apart."""
        if tested.only_answer is None:
            return ""
        name = self.experiment.corpus.classes[tested.only_answer]
        self.experiment.say(
            f"warning: {self.task}: the network answers {name!r} to every test utterance: it has "
            "learned to tell nothing apart. More epochs or another `fit.lr` in training may help."
        )
        return name

    def observe(self, epoch: int, network: NetworkFunction) -> dict[str, Any]:
        """Scores the test part after an epoch, for the number that is marked optimistic."""
        scores = self.tested(network)
        found = self.score(scores)
        return {"rank": list(found.rank()), "answers": scores.argmax(axis=1).tolist()}

    def predictions(self, selection: str, answers: IntArray) -> list[dict[str, Any]]:
        """Returns lines of predictions.csv."""
        table, classes = self.experiment.corpus.table, self.experiment.corpus.classes
        targets = self.experiment.corpus.targets(self.test)
        return [
            {
                "selection": selection,
                "id": table["id"].iloc[row],
                "speaker": table["speaker"].iloc[row],
                "session": table["session"].iloc[row],
                "target": target,
                "prediction": classes[int(answer)],
            }
            for row, target, answer in zip(self.test, targets, answers, strict=True)
        ]
