"""One task: trains (or searches) a variant on one fold, tests it once, and keeps its network."""

import os
import time
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mfsn.data.spectra import BinRange
from mfsn.experiment.experiment import Experiment, VariantOnFold
from mfsn.experiment.results import OPTIMISTIC, FusionRunError, TaskOutput, append_line, read_lines
from mfsn.experiment.tasks import FusionTask, shares_terminal
from mfsn.model.genotype import Genotype, all_structures
from mfsn.model.network import Supernet
from mfsn.model.variants import DERIVED, EXHAUST
from mfsn.search.epochs import Row
from mfsn.search.fit import fit, train_every_structure
from mfsn.search.predict import NetworkFunction, Scores
from mfsn.search.search import SearchResult, search
from mfsn.search.shown_epochs import search_lines, updated_line
from mfsn.search.training_state import restore, trained_state
from pretrain.engine.arithmetic.kept_precision import say_at_once
from pretrain.shared.atomic_files import replaced

FILE = "network.safetensors"
"""A trained network: weights, what was trained of the encoders, and the normalisation."""


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
    name, num_epochs = str(fold.task), fold.settings.fit.max_epochs
    with updated_line(name, num_epochs, shared=shares_terminal(os.environ)) as show:
        trained = fit(network, fold.training(show))
    output = _test(fold, network, trained.observed, trained.best_epoch)
    output.tables["epochs"] = trained.epochs
    output.result |= {"dev_ua": trained.dev_ua, "dev_wa": trained.dev_wa}
    if fold.variant.name == DERIVED and genotype is not None:
        _add_structure(fold, output, genotype)
    return output


def _search(fold: VariantOnFold) -> TaskOutput:
    """Searches a structure."""
    experiment = fold.experiment
    supernet = experiment.networks.make(fold.variant, fold.task.seed)
    assert isinstance(supernet, Supernet), fold.variant
    found = search(
        supernet,
        fold.training(search_lines(str(fold.task), fold.settings.fit.max_epochs)),
        fold.settings.search,
        layers=experiment.levels,
        make_network=fold.make_network,
    )
    say_at_once(f"  {fold.task}: found\n{indent(found.genotype.draw(), '    ')}")
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
    structures = all_structures(fold.settings.fusion.num_cells, experiment.levels)
    found = experiment.found.get((fold.task.seed, fold.task.fold))
    num_constant = 0

    def evaluate(network: NetworkFunction) -> Scores:
        nonlocal num_constant
        tested = fold.score(fold.tested(network))
        num_constant += tested.only_answer is not None
        return tested

    def note(row: Row) -> None:
        append_line(rows_file, row)
        done = len(read_lines(rows_file))
        left = row["seconds"] * (len(structures) - done) / 60
        say_at_once(
            f"  {fold.task}: {done}/{len(structures)} structures, about {left:.1f} min left in "
            "this fold"
        )

    rows = train_every_structure(
        fold.make_network,
        structures,
        fold.training(),
        evaluate=evaluate,
        found=found,
        done=read_lines(rows_file),
        on_structure=note,
    )
    assert sum(row["found"] for row in rows) == (found is not None), found
    if num_constant:
        say_at_once(
            f"warning: {fold.task}: {num_constant} structures answer one class to every test "
            "utterance, so that they have learned to tell nothing apart."
        )
    return TaskOutput(result={"structures": len(rows)}, tables={"exhaustive": rows})


def _test(
    fold: VariantOnFold, network: nn.Module, observed: dict[str, Any], best_epoch: int
) -> TaskOutput:
    """Tests the network that the dev part chose, and keeps it."""
    output = fold.outcome(network)
    parameters = [*network.parameters(), *fold.streams.parameters()]
    output.result |= {
        "epoch": best_epoch,
        "parameters": sum(p.numel() for p in parameters if p.requires_grad),
    }
    if observed:
        epoch = max(observed, key=lambda name: (observed[name]["rank"], -int(name)))
        answers = np.array(observed[epoch]["answers"])
        output.tables["predictions"] += fold.predictions(OPTIMISTIC, answers)
        output.result["optimistic_epoch"] = int(epoch)
    save_network(fold.task.folder, network, fold.streams, fold.data.bins)
    return output


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


def save_network(folder: Path, network: nn.Module, streams: nn.Module, bins: BinRange) -> None:
    """Writes everything that this training changed, in one step."""
    tensors = {**_trained(network, streams), "bins.low": bins.low, "bins.high": bins.high}
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    with replaced(folder / FILE, durably=True) as beside:
        save_file(copies, beside)


def saved_network(
    task: FusionTask, experiment: Experiment, folder: Path
) -> tuple[nn.Module, VariantOnFold]:
    """Returns the network that a task has left in `folder`, and its fold.

    Raises:
        FusionRunError: The file is missing, damaged, or of another network.
    """
    variant = experiment.variants[task.variant]
    file = folder / "genotype.json"
    genotype = Genotype.load(file) if file.is_file() else None
    network = experiment.networks.make(variant, task.seed, genotype)
    streams = experiment.streams_of(variant)
    bins = load_network(folder, network, streams)
    fold = VariantOnFold(task, experiment, streams=streams, bins=bins)
    return network.to(experiment.device), fold


def load_network(folder: Path, network: nn.Module, streams: nn.Module) -> BinRange:
    """Puts the saved weights into the modules and returns the normalisation. Raises
    `FusionRunError`: the file is missing, damaged, or of another network."""
    path = folder / FILE
    try:
        saved = load_file(path)
    except (OSError, SafetensorError) as error:
        raise FusionRunError(
            f"{path} cannot be read ({error}): remove its folder and give the command of that run "
            "again."
        ) from error
    wanted = _trained(network, streams)
    if differing := saved.keys() ^ {*wanted, "bins.low", "bins.high"}:
        raise FusionRunError(
            f"{path} holds another network than its run describes: {sorted(differing)[0]} is only "
            "in one of them."
        )
    for name, tensor in wanted.items():
        if saved[name].shape != tensor.shape:
            raise FusionRunError(
                f"{path} holds another network than its run describes: {name} has the shape "
                f"{tuple(saved[name].shape)}, not {tuple(tensor.shape)}."
            )
    for group, module in (("network.", network), ("streams.", streams)):
        of_group = {name: tensor for name, tensor in saved.items() if name.startswith(group)}
        restore(module, {name.removeprefix(group): tensor for name, tensor in of_group.items()})
    return BinRange(low=saved["bins.low"], high=saved["bins.high"])


def _trained(network: nn.Module, streams: nn.Module) -> dict[str, Tensor]:
    modules = {"network": network, "streams": streams}
    return {
        f"{group}.{name}": tensor
        for group, module in modules.items()
        for name, tensor in trained_state(module).items()
    }
