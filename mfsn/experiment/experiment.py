"""What all tasks of one command share, and what one of them sees of it: a variant on one fold.

U utterances of the test part, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from mfsn.data.corpus import EmotionCorpus
from mfsn.data.dataset import SegmentData
from mfsn.data.fold_data import FoldData, IntArray, labels_of
from mfsn.data.spectra import BinRange
from mfsn.data.streams import CachedStreams, LiveStreams, StreamPair, levels_of
from mfsn.experiment.results import DEV, OPTIMISTIC, TaskOutput
from mfsn.experiment.tasks import FusionTask
from mfsn.model.genotype import Genotype
from mfsn.model.variants import Networks, Variant
from mfsn.search.epochs import OnRow, Training
from mfsn.search.predict import FloatArray, NetworkFunction, Scores, predict, score
from mfsn.search.settings import MfsnSettings
from pretrain.engine.arithmetic.kept_precision import say_at_once
from pretrain.model.frozen import FrozenEncoder
from pretrain.shared.paths import runs_folder


@dataclass(kw_only=True)
class Experiment:
    """Corpus, encoders and settings of one command; segments are made when first needed."""

    corpus: EmotionCorpus
    variants: Mapping[str, Variant]
    encoders: Mapping[str, FrozenEncoder]
    """By role."""

    settings: MfsnSettings
    device: torch.device
    optimistic: bool = False
    genotype: Genotype | None = None
    """The given structure, for `derived`."""

    found: Mapping[tuple[int, str], Genotype] = field(default_factory=dict)
    """What a search found, by seed and fold."""

    trained: Path | None = None
    """The run folder whose networks are tested, in an evaluation."""

    _data: dict[tuple[str, str], SegmentData] = field(default_factory=dict)

    @property
    def networks(self) -> Networks:
        """What builds its networks."""
        return Networks(
            num_classes=len(self.corpus.classes),
            dims={role: encoder.dim for role, encoder in self.encoders.items()},
            head=self.settings.head,
            fusion=self.settings.fusion,
        )

    def data_of(self, variant: Variant) -> SegmentData:
        """Returns the segments with the states that a variant reads.

        A variant of one stream shares them with one of two streams, where there is one.
        """
        pairs = {(v.tec, v.sec) for v in self.variants.values()}
        fitting = [p for p in pairs if variant.tec in ("", p[0]) and variant.sec in ("", p[1])]
        tec, sec = max(fitting, key=lambda pair: sum(map(bool, pair)))
        if (tec, sec) not in self._data:
            self._data[tec, sec] = SegmentData(
                self.corpus.table,
                self.corpus.classes,
                self._pair(tec, sec),
                self.settings.inputs,
                self.settings.faults,
                runs_folder() / "states",
                live=self.settings.train_sec_encoder,
            )
        return self._data[tec, sec]

    def streams_of(self, variant: Variant) -> nn.Module:
        """Returns what fills a batch with states: nothing to do, or a SEC encoder to train."""
        is_live = self.settings.train_sec_encoder and variant.sec
        return LiveStreams(self._pair(variant.tec, variant.sec)) if is_live else CachedStreams()

    @property
    def levels(self) -> tuple[int, ...]:
        """The layers that the levels of the SEC encoder are (of the last variant that has one)."""
        roles = [variant.sec for variant in self.variants.values() if variant.sec]
        return levels_of(self.encoders[roles[-1]].num_layers) if roles else ()

    def _pair(self, tec: str, sec: str) -> StreamPair:
        return StreamPair(tec=self.encoders.get(tec), sec=self.encoders.get(sec))


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
        """Nothing of the test part is read here. Of a saved network, `streams` are the trained ones
        and `bins` its normalisation."""
        self.task = task
        self.experiment = experiment
        self.settings = experiment.settings
        self.device = experiment.device
        self.variant = experiment.variants[task.variant]
        part = experiment.corpus.parts[task.fold]
        self.train, self.dev, self.test = part.train, part.dev, part.test
        self.selection = DEV
        """By what the epoch is chosen."""

        if self.settings.faults.test_selection:
            self.selection = OPTIMISTIC
            # As in the public code: no part of its own chooses, and what would be it is trained on.
            self.train = np.sort(np.concatenate([part.train, part.dev]))
            self.dev = part.test
        data = experiment.data_of(self.variant)
        self.data = data.fitted_on(self.train) if bins is None else data.with_bins(bins)
        self.streams = (streams or experiment.streams_of(self.variant)).to(self.device)

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
        return self.experiment.networks.make(self.variant, self.task.seed, genotype)

    def tested(self, network: NetworkFunction) -> FloatArray:
        """Returns the scores (U, C) of the test part."""
        size = self.settings.fit.batch_size
        return predict(network, self.streams, self.data, self.test, self.device, batch_size=size)

    def score(self, scores_UC: FloatArray) -> Scores:
        """Compares scores of the test part with its labels."""
        return score(scores_UC, labels_of(self.data, self.test))

    def outcome(self, network: NetworkFunction) -> TaskOutput:
        """Tests a network that was chosen without the test part."""
        scores = self.tested(network)
        tested = self.score(scores)
        return TaskOutput(
            result={
                "test_ua": tested.ua,
                "test_wa": tested.wa,
                "constant_answer": self._constant_answer(tested),
            },
            tables={"predictions": self.predictions(self.selection, scores.argmax(axis=1))},
        )

    def _constant_answer(self, tested: Scores) -> str:
        """Returns, and says aloud, the class that every test utterance got; empty if some are told
        apart."""
        if tested.only_answer is None:
            return ""
        name = self.experiment.corpus.classes[tested.only_answer]
        say_at_once(
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
        corpus = self.experiment.corpus
        lines = corpus.table.iloc[self.test][["id", "speaker", "session"]].assign(
            selection=selection,
            target=corpus.table["emotion"],
            prediction=[corpus.classes[int(answer)] for answer in answers],
        )
        return cast(list[dict[str, Any]], lines.to_dict("records"))
