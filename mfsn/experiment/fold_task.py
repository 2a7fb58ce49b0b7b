"""One task: trains (or searches) a variant on one fold, and tests it once.

U utterances of the test part, C classes.
"""

import os
import time
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
from torch import nn

from mfsn.data.fold_data import FoldData, IntArray, labels_of
from mfsn.data.normalization import BinRange
from mfsn.experiment.experiment import Experiment
from mfsn.experiment.results import DEV, OPTIMISTIC, TaskOutput, append_line, read_lines
from mfsn.experiment.tasks import Task
from mfsn.experiment.workers import shares_terminal
from mfsn.model.build import make_network, make_supernet
from mfsn.model.genotype import Genotype, all_structures
from mfsn.model.saved import save_network
from mfsn.model.variants import DERIVED, EXHAUST
from mfsn.search.epochs import OnRow
from mfsn.search.every_structure import Row, exhaust
from mfsn.search.fit import fit
from mfsn.search.predict import FloatArray, NetworkFunction, Scores, predict, score
from mfsn.search.progress import search_lines, updated_line
from mfsn.search.search import SearchResult, search


class Fold:
    """A variant on one fold, with everything that training and testing need."""

    def __init__(
        self,
        task: Task,
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

    def parts(self) -> FoldData:
        """Returns what training may see."""
        return FoldData(data=self.data, train=self.train, dev=self.dev)

    def make_network(self, genotype: Genotype | None) -> nn.Module:
        """Returns the variant's network with its initial weights."""
        return make_network(self.variant, self.experiment, self.task.seed, genotype)

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


def compute(task: Task, experiment: Experiment) -> TaskOutput:
    """Computes a task, or goes on with what an interruption left of it."""
    started = time.monotonic()
    fold = Fold(task, experiment)
    if task.variant == EXHAUST:
        output = _exhaust(fold)
    else:
        output = _search(fold) if fold.variant.search else _train(fold, experiment.genotype)
    output.result["seconds"] = round(time.monotonic() - started, 2)
    output.result["segments"] = {
        "train": len(fold.data.segments_of(fold.train)),
        "dev": len(fold.data.segments_of(fold.dev)),
        "test": len(fold.data.segments_of(fold.test)),
    }
    return output


def _train(fold: Fold, genotype: Genotype | None) -> TaskOutput:
    """Trains a variant of fixed structure."""
    network = fold.make_network(genotype)
    with _updated_line(fold, str(fold.task)) as show:
        trained = fit(
            network,
            fold.streams,
            fold.parts(),
            fold.settings.fit,
            seed=fold.task.seed,
            checkpoint=fold.task.checkpoints,
            device=fold.device,
            on_epoch=fold.observe if fold.experiment.optimistic else None,
            on_row=show,
        )
    output = _test(fold, network, trained.observed, trained.best_epoch)
    output.tables["epochs"] = trained.epochs
    output.result.update(dev_ua=trained.dev_ua, dev_wa=trained.dev_wa)
    if fold.variant.name == DERIVED and genotype is not None:
        _add_structure(fold, output, genotype)
    return output


def _search(fold: Fold) -> TaskOutput:
    """Searches a structure."""
    experiment, seed = fold.experiment, fold.task.seed
    supernet = make_supernet(fold.variant, experiment, seed)
    found: SearchResult = search(
        supernet,
        fold.streams,
        fold.parts(),
        fold.settings.fit,
        fold.settings.search,
        layers=experiment.layers_of(fold.variant),
        seed=seed,
        checkpoint=fold.task.checkpoints,
        device=fold.device,
        on_epoch=fold.observe if experiment.optimistic else None,
        on_row=search_lines(str(fold.task), fold.settings.fit.max_epochs, experiment.say),
        make_network=fold.make_network,
    )
    experiment.say(f"  {fold.task}: found\n{indent(found.genotype.draw(), '    ')}")
    chosen = found.retrained or found
    output = _test(fold, found.network, found.observed, chosen.best_epoch)
    epochs = [{**line, "phase": "search"} for line in found.epochs]
    if found.retrained is not None:
        epochs += [{**line, "phase": "retrain"} for line in found.retrained.epochs]
    output.tables.update(epochs=epochs, alpha=found.alphas, levels=found.levels)
    output.result.update(dev_ua=chosen.dev_ua, dev_wa=chosen.dev_wa)
    _add_structure(fold, output, found.genotype, found)
    return output


def _exhaust(fold: Fold) -> TaskOutput:
    """Trains every structure, each new one written down at once."""
    rows_file = fold.task.folder / "rows.jsonl"
    experiment = fold.experiment
    structures = all_structures(fold.settings.fusion.num_cells, experiment.layers_of(fold.variant))
    found = experiment.found.get((fold.task.seed, fold.task.fold))
    num_constant = 0

    def evaluate(network: NetworkFunction) -> Scores:
        nonlocal num_constant
        tested = fold.score(fold.tested(network))
        num_constant += tested.only_answer is not None
        return tested

    rows = exhaust(
        fold.make_network,
        structures,
        fold.streams,
        fold.parts(),
        fold.settings.fit,
        seed=fold.task.seed,
        checkpoint=fold.task.checkpoints,
        device=fold.device,
        evaluate=evaluate,
        found=found,
        done=read_lines(rows_file),
        on_row=partial(_note, fold, rows_file, len(structures)),
    )
    assert sum(row["found"] for row in rows) == (found is not None), found
    if num_constant:
        experiment.say(
            f"warning: {fold.task}: {num_constant} structures answer one class to every test "
            "utterance, so that they have learned to tell nothing apart."
        )
    return TaskOutput(result={"structures": len(rows)}, tables={"exhaustive": rows})


def _updated_line(fold: Fold, name: str) -> AbstractContextManager[OnRow]:
    num_epochs = fold.settings.fit.max_epochs
    return updated_line(name, num_epochs, shared=shares_terminal(os.environ))


def _note(fold: Fold, path: Path, num_structures: int, row: Row) -> None:
    append_line(path, row)
    done = len(read_lines(path))
    left = row["seconds"] * (num_structures - done) / 60
    fold.experiment.say(
        f"  {fold.task}: {done}/{num_structures} structures, about {left:.1f} min left in this fold"
    )


def _test(fold: Fold, network: nn.Module, observed: dict[str, Any], best_epoch: int) -> TaskOutput:
    """Tests the network that the dev part chose, and keeps it."""
    scores = fold.tested(network)
    tested = fold.score(scores)
    lines = fold.predictions(fold.selection, scores.argmax(axis=1))
    result: dict[str, Any] = {
        "epoch": best_epoch,
        "test_ua": tested.ua,
        "test_wa": tested.wa,
        "constant_answer": fold.constant_answer(tested),
        "parameters": sum(
            p.numel() for module in (network, fold.streams) for p in module.parameters()
            if p.requires_grad
        ),
    }  # fmt: skip
    if observed:
        epoch = max(observed, key=lambda name: (observed[name]["rank"], -int(name)))
        lines += fold.predictions(OPTIMISTIC, np.array(observed[epoch]["answers"]))
        result["optimistic_epoch"] = int(epoch)
    save_network(fold.task.folder, network, fold.streams, fold.data.bins)
    return TaskOutput(result=result, tables={"predictions": lines})


def _add_structure(
    fold: Fold, output: TaskOutput, genotype: Genotype, found: SearchResult | None = None
) -> None:
    """Writes down a structure: when and by which dev scores it was found, and what it is worth."""
    genotype.save(fold.task.folder / "genotype.json")
    line: dict[str, Any] = {
        "level": genotype.level,
        "layer": genotype.layer,
        "operations": "+".join(genotype.operations),
    }
    result = output.result
    scores = {k: result[k] for k in ("dev_ua", "dev_wa", "epoch", "test_ua", "test_wa")}
    if found is not None:
        scores |= {"dev_ua": found.dev_ua, "dev_wa": found.dev_wa, "epoch": found.best_epoch}
    trained = {"trained_epoch": result["epoch"], "trained_dev_ua": result["dev_ua"]}
    output.tables["structures"] = [{**line, **scores, **trained}]
    result["structure"] = line
