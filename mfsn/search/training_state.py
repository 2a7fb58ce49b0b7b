"""All that a training or search has to remember between two epochs, on disk and in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pretrain.engine.checkpoint import list_checkpoints, load_checkpoint, save_checkpoint
from pretrain.shared.errors import InputError

Tensors = dict[str, Tensor]


@dataclass(kw_only=True)
class History:
    """The plain part of the state; everything in it can be written as JSON."""

    epoch: int = 0
    """Epochs done."""

    best_epoch: int = 0
    """The epoch whose weights are kept; 0 before the first."""

    best: dict[str, Any] = field(default_factory=dict)
    """`ua`, `wa` and `loss` of that epoch on what it was chosen by, and `choice`, the place of the
    best of its candidates; `candidates` are the scores of all."""

    epochs: list[dict[str, Any]] = field(default_factory=list)
    """One row of epochs.csv per epoch."""

    trajectory: list[dict[str, Any]] = field(default_factory=list)
    """Rows of alpha.csv."""

    observed: dict[str, Any] = field(default_factory=dict)
    """What the caller's `on_epoch` returned, by epoch."""


@dataclass(kw_only=True)
class TrainingState:
    """Everything with state, by name. Random numbers are drawn anew in every epoch from its number
    and the seed, so that no generator has to be remembered."""

    network: nn.Module
    streams: nn.Module
    optimizers: dict[str, Optimizer]
    history: History = field(default_factory=History)
    best: dict[str, Tensors] = field(default_factory=dict)
    """The weights of the best epoch, by `network` and `streams`."""

    def train(self, is_training: bool) -> None:
        """Puts the modules into the mode of training, or of evaluation."""
        self.network.train(is_training)
        self.streams.train(is_training)

    def keep_as_best(self) -> None:
        """Copies the present weights."""
        self.best = {
            "best_network": copy_of_trained_state(self.network),
            "best_streams": copy_of_trained_state(self.streams),
        }

    def restore_best(self) -> None:
        """Puts the weights of the best epoch back."""
        restore(self.network, self.best["best_network"])
        restore(self.streams, self.best["best_streams"])

    def save(self, folder: Path, fingerprint: str) -> None:
        """Writes the newest checkpoint of `folder` and removes the one before it."""
        tensors: dict[str, Mapping[str, Tensor]] = {
            "network": trained_state(self.network),
            "streams": trained_state(self.streams),
            **self.best,
            **{name: _slots(optimizer) for name, optimizer in self.optimizers.items()},
        }
        values = {"fingerprint": fingerprint, "history": vars(self.history)}
        save_checkpoint(folder, self.history.epoch, tensors, values, keep=1)

    def resume(self, folder: Path, fingerprint: str) -> None:
        """Continues from the checkpoint of `folder`, if there is one.

        Raises `ValueError` when it was written under other settings or for another fold.
        """
        checkpoints = list_checkpoints(folder)
        if not checkpoints:
            return
        tensors, values = load_checkpoint(checkpoints[-1])
        if values.get("fingerprint") != fingerprint:
            raise InputError(
                f"{checkpoints[-1]}: was written under other settings, or for other parts of the "
                f"corpus, than are asked for now. Restore those, or remove {folder} to start anew."
            )
        restore(self.network, tensors["network"])
        restore(self.streams, tensors["streams"])
        for name, optimizer in self.optimizers.items():
            _put_slots(optimizer, tensors[name])
        self.best = {name: tensors[name] for name in ("best_network", "best_streams")}
        self.history = History(**values["history"])


def trained_state(module: nn.Module) -> Tensors:
    """Returns the state of `module` without frozen parameters, which are on disk elsewhere."""
    frozen = {name for name, p in module.named_parameters() if not p.requires_grad}
    return {name: value for name, value in module.state_dict().items() if name not in frozen}


def copy_of_trained_state(module: nn.Module) -> Tensors:
    """Returns a copy of `trained_state` that further training does not touch."""
    state = trained_state(module)
    return {name: value.detach().clone() for name, value in state.items()}


def restore(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Puts what `trained_state` returned back, in place."""
    expected = trained_state(module).keys()
    assert tensors.keys() == expected, sorted(tensors.keys() ^ expected)
    module.load_state_dict(dict(tensors), strict=False)


def _parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _slots(optimizer: Optimizer) -> Tensors:
    """Returns what an optimizer remembers, by place of the parameter and name of the slot."""
    return {
        f"{place}/{key}": value
        for place, parameter in enumerate(_parameters(optimizer))
        for key, value in optimizer.state.get(parameter, {}).items()
        if torch.is_tensor(value)
    }


def _put_slots(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    parameters = _parameters(optimizer)
    for name, value in tensors.items():
        place, _, key = name.partition("/")
        parameter = parameters[int(place)]
        optimizer.state[parameter][key] = value.to(parameter.device)
