"""Trained networks on disk: weights, what was trained of the encoders, and the normalisation."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mfsn.data.normalization import BinRange
from mfsn.experiment.results import FusionRunError
from mfsn.search.training_state import restore, trained_state
from pretrain.shared.atomic_files import replaced

FILE = "network.safetensors"


def save_network(folder: Path, network: nn.Module, streams: nn.Module, bins: BinRange) -> None:
    """Writes everything that this training changed, in one step."""
    groups = {
        "network": trained_state(network),
        "streams": trained_state(streams),
        "bins": {"low": bins.low, "high": bins.high},
    }
    tensors = {
        f"{group}.{name}": tensor.detach().cpu().clone().contiguous()
        for group, named in groups.items()
        for name, tensor in named.items()
    }
    with replaced(folder / FILE, durably=True) as beside:
        save_file(tensors, beside)


def load_network(folder: Path, network: nn.Module, streams: nn.Module) -> BinRange:
    """Puts the saved weights into the modules and returns the normalisation.

    Raises:
        FusionRunError: The file is missing, damaged, or of another network.
    """
    path = folder / FILE
    try:
        saved = load_file(path)
    except (OSError, SafetensorError) as error:
        raise FusionRunError(
            f"{path} cannot be read ({error}): remove its folder and give the command of that run "
            "again."
        ) from error
    groups: dict[str, dict[str, Tensor]] = {"network": {}, "streams": {}, "bins": {}}
    for name, tensor in saved.items():
        group, _, rest = name.partition(".")
        groups.setdefault(group, {})[rest] = tensor
    modules: dict[str, Any] = {"network": network, "streams": streams}
    wanted = {name: trained_state(module) for name, module in modules.items()}
    wanted["bins"] = dict.fromkeys(("low", "high"), torch.empty(0))
    for group, tensors in wanted.items():
        if differing := tensors.keys() ^ groups[group].keys():
            raise FusionRunError(
                f"{path} holds another network than its run describes: {sorted(differing)[0]} "
                "is only in one of them."
            )
        for name, tensor in tensors.items():
            there = groups[group][name]
            if group != "bins" and there.shape != tensor.shape:
                raise FusionRunError(
                    f"{path} holds another network than its run describes: {name} has the shape "
                    f"{tuple(there.shape)}, not {tuple(tensor.shape)}."
                )
    for name, module in modules.items():
        restore(module, groups[name])
    return BinRange(**groups["bins"])
