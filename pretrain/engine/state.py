"""All that a run has to remember: the one place where state is registered.

What is not reachable from `TrainState` is not in the checkpoint, and a resumed run could not equal
the straight one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Optimizer

from pretrain.engine.health import HealthMonitor
from pretrain.engine.tracking import MetricsLine, MetricsLog
from pretrain.shared.json_files import JsonError, Schema, made_of


@dataclass
class RunProgress:
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


class _Counters(Schema):
    """`progress` of state.json."""

    update: int = Field(ge=0)
    audio_samples: int = Field(ge=0)
    train_seconds: float = Field(ge=0.0)
    skipped_updates: int = Field(ge=0)
    sample_order: str
    masks: str


class _Lines(Schema):
    """`metrics` of state.json."""

    num_lines: int | None
    recent: list[MetricsLine]


class _Health(Schema):
    """`health` of state.json."""

    strikes: dict[str, int]
    findings: list[dict[str, Any]]
    skipped_in_a_row: int


class _Values(Schema):
    """state.json, without what a checkpoint adds; `metrics` is not in those of former versions."""

    progress: _Counters
    health: _Health
    metrics: _Lines | None = None


@dataclass
class TrainState:
    """Everything with state, by name."""

    objective: nn.Module
    """Encoder, heads, codebooks and teacher."""

    optimizer: Optimizer
    health: HealthMonitor
    progress: RunProgress = field(default_factory=RunProgress)
    metrics: MetricsLog = field(default_factory=MetricsLog)

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
        return {
            "progress": vars(self.progress).copy(),
            "health": self.health.state_dict(),
            "metrics": self.metrics.state_dict(),
        }

    def load(
        self,
        tensors: Mapping[str, Mapping[str, Tensor]],
        values: Mapping[str, Any],
        process: int,
    ) -> None:
        """Puts a saved state back, in place; `process` is the index of this one.

        Raises `ValueError` when it is not one of such a run.
        """
        made_of(_Values, values, "state.json")
        if absent := {"objective", "optimizer", "generator"} - tensors.keys():
            raise JsonError(f"there is no {sorted(absent)[0]}.safetensors.")
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
        counters = values["progress"]
        self.progress = RunProgress(**{f.name: counters[f.name] for f in fields(RunProgress)})
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
