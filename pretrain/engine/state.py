"""All that a run has to remember: the one place where state is registered.

What is not reachable from `TrainState` is not in the checkpoint, and a resumed run could not equal
the straight one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pretrain.engine.health import HealthMonitor


@dataclass
class Progress:
    """Counters of a run, and the chained hashes of what it has been shown."""

    update: int = 0
    """Updates done."""

    audio_samples: int = 0
    """Valid samples seen, at 16 kHz."""

    train_seconds: float = 0.0

    skipped_updates: int = 0
    """Updates left out because a loss or gradient was not finite."""

    sample_order: str = ""
    """Hash over every crop of every update so far, in order."""

    masks: str = ""
    """Hash over every mask of every update so far, in order."""

    def chain(self, samples: int, masks: int) -> None:
        """Appends the digests of one update's samples and masks."""
        self.sample_order = _chain(self.sample_order, samples)
        self.masks = _chain(self.masks, masks)


def _chain(previous: str, digest: int) -> str:
    return blake2b(f"{previous}/{digest}".encode(), digest_size=16).hexdigest()


@dataclass
class TrainState:
    """Everything with state, by name."""

    objective: nn.Module
    """Encoder, heads, codebooks and teacher."""

    optimizer: Optimizer
    health: HealthMonitor
    progress: Progress = field(default_factory=Progress)

    def tensors(self, generators: Sequence[Mapping[str, Tensor]]) -> dict[str, dict[str, Tensor]]:
        """Returns every tensor of the state, by file and name.

        `generators` are the `generator_state` of every process.
        """
        return {
            "objective": dict(self.objective.state_dict()),
            "optimizer": self._optimizer_tensors(),
            "generator": {
                f"{device}/{process}": state
                for process, states in enumerate(generators)
                for device, state in states.items()
            },
        }

    def values(self) -> dict[str, Any]:
        """Returns the plain part of the state."""
        return {"progress": vars(self.progress).copy(), "health": self.health.state_dict()}

    def load(
        self,
        tensors: Mapping[str, Mapping[str, Tensor]],
        values: Mapping[str, Any],
        process: int,
    ) -> None:
        """Puts a saved state back, in place; `process` is the index of this one."""
        self.objective.load_state_dict(dict(tensors["objective"]), strict=True)
        self._load_optimizer_tensors(tensors["optimizer"])
        # With other processes than before there is none to continue; only dropout draws from it.
        generators = tensors["generator"]
        restore_generators(
            {
                device: generators[f"{device}/{process}"]
                for device in ("cpu", "cuda")
                if f"{device}/{process}" in generators
            }
        )
        self.progress = Progress(**values["progress"])
        self.health.load_state_dict(values["health"])

    def _trained(self) -> list[tuple[str, nn.Parameter]]:
        return [(n, p) for n, p in self.objective.named_parameters() if p.requires_grad]

    def _optimizer_tensors(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for name, parameter in self._trained():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{name}/{key}"] = value
        return tensors

    def _load_optimizer_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        for name, parameter in self._trained():
            slots = {
                key.rpartition("/")[2]: value.to(parameter.device)
                for key, value in tensors.items()
                if key.rpartition("/")[0] == name
            }
            if slots:
                self.optimizer.state[parameter] = slots


def generator_state() -> dict[str, Tensor]:
    """Returns the state of this process's global generators, by device type."""
    cuda = {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {}
    return {"cpu": torch.get_rng_state(), **cuda}


def restore_generators(states: Mapping[str, Tensor]) -> None:
    """Puts back what `generator_state` returned; a device that is missing is passed over."""
    if "cpu" in states:
        torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
