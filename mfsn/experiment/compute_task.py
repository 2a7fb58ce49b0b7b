"""One task: trains (or searches) a variant on one fold, and tests it once."""

import os
import time
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
from torch import nn

from mfsn.experiment.experiment import Experiment
from mfsn.experiment.results import OPTIMISTIC, TaskOutput, append_line, read_lines
from mfsn.experiment.saved_network import save_network
from mfsn.experiment.tasks import FusionTask
from mfsn.experiment.variant_on_fold import VariantOnFold
from mfsn.experiment.workers import shares_terminal
from mfsn.model.build import make_supernet
from mfsn.model.genotype import Genotype, all_structures
from mfsn.model.variants import DERIVED, EXHAUST
from mfsn.search.every_structure import Row, train_every_structure
from mfsn.search.fit import fit
from mfsn.search.predict import NetworkFunction, Scores
from mfsn.search.search import SearchResult, search
from mfsn.search.shown_epochs import search_lines, updated_line
from mfsn.search.training import OnRow


def compute_task(task: FusionTask, experiment: Experiment) -> TaskOutput:
    """Computes a task, or goes on with what an interruption left of it."""
    started = time.monotonic()
    fold = VariantOnFold(task, experiment)
    if task.variant == EXHAUST:
        output = _every_structure(fold)
    else:
        output = _search(fold) if fold.variant.search else _train(fold, experiment.genotype)
    output.result["seconds"] = round(time.monotonic() - started, 2)
    output.result["segments"] = {
        "train": len(fold.data.segments_of(fold.train)),
        "dev": len(fold.data.segments_of(fold.dev)),
        "test": len(fold.data.segments_of(fold.test)),
    }
    return output


def _train(fold: VariantOnFold, genotype: Genotype | None) -> TaskOutput:
    """Trains a variant of fixed structure."""
    network = fold.make_network(genotype)
    with _updated_line(fold, str(fold.task)) as show:
        trained = fit(network, fold.training(show))
    output = _test(fold, network, trained.observed, trained.best_epoch)
    output.tables["epochs"] = trained.epochs
    output.result.update(dev_ua=trained.dev_ua, dev_wa=trained.dev_wa)
    if fold.variant.name == DERIVED and genotype is not None:
        _add_structure(fold, output, genotype)
    return output


def _search(fold: VariantOnFold) -> TaskOutput:
    """Searches a structure."""
    experiment = fold.experiment
    supernet = make_supernet(fold.variant, experiment.sizes, fold.task.seed)
    show = search_lines(str(fold.task), fold.settings.fit.max_epochs, experiment.say)
    found: SearchResult = search(
        supernet,
        fold.training(show),
        fold.settings.search,
        layers=experiment.layers_of(fold.variant),
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


def _every_structure(fold: VariantOnFold) -> TaskOutput:
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

    rows = train_every_structure(
        fold.make_network,
        structures,
        fold.training(),
        evaluate=evaluate,
        found=found,
        done=read_lines(rows_file),
        on_structure=partial(_note, fold, rows_file, len(structures)),
    )
    assert sum(row["found"] for row in rows) == (found is not None), found
    if num_constant:
        experiment.say(
            f"warning: {fold.task}: {num_constant} structures answer one class to every test "
            "utterance, so that they have learned to tell nothing apart."
        )
    return TaskOutput(result={"structures": len(rows)}, tables={"exhaustive": rows})


def _updated_line(fold: VariantOnFold, name: str) -> AbstractContextManager[OnRow]:
    num_epochs = fold.settings.fit.max_epochs
    return updated_line(name, num_epochs, shared=shares_terminal(os.environ))


def _note(fold: VariantOnFold, path: Path, num_structures: int, row: Row) -> None:
    append_line(path, row)
    done = len(read_lines(path))
    left = row["seconds"] * (num_structures - done) / 60
    fold.experiment.say(
        f"  {fold.task}: {done}/{num_structures} structures, about {left:.1f} min left in this fold"
    )


def _test(
    fold: VariantOnFold, network: nn.Module, observed: dict[str, Any], best_epoch: int
) -> TaskOutput:
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
    fold: VariantOnFold, output: TaskOutput, genotype: Genotype, found: SearchResult | None = None
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
