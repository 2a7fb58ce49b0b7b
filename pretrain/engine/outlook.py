"""What a run is in for: how long an update takes, measured before the first one and kept after."""

import time
from collections.abc import Callable, Iterator
from itertools import chain

import torch
from accelerate import Accelerator
from torch import nn

from pretrain.data.batch import Batch
from pretrain.objectives.objective import ObjectiveOutput
from pretrain.shared.durations import in_words, per_step

MIN_UPDATES = 10
"""A shorter run is not measured: it is soon over, or its first update tells."""

NUM_SHARDS = 3
"""Shards that are measured; the first one, which also warms up, counts only when it is long."""

SECONDS_TO_MEASURE = 5.0
"""No further shard is measured after that."""

SLOW_SECONDS = 20.0
"""A longer update is left at a shard for those who soon kill: torchrun gives its processes 30 s
between the first signal and SIGKILL, and so do schedulers."""

LARGE_PARAMETERS = 10_000_000
"""An encoder of more is the paper's size rather than one that a CPU trains in reasonable time."""


class Pace:
    """How long updates take, and how far the current one is."""

    def __init__(self) -> None:
        self.seconds: float | None = None
        """Of an update; None until something was measured."""

        self._started = 0.0

    @property
    def is_slow(self) -> bool:
        return self.seconds is not None and self.seconds > SLOW_SECONDS

    def begin(self) -> None:
        """To be called at the beginning of every update."""
        self._started = time.perf_counter()

    def end(self) -> float:
        """To be called at the end of every update; returns its seconds."""
        seconds = time.perf_counter() - self._started
        self.seconds = seconds if self.seconds is None else 0.7 * self.seconds + 0.3 * seconds
        return seconds

    def finishing(self) -> str:
        """Returns what a run still does that stops after its current update."""
        if not self._started:
            return "finishing this shard"
        if self.seconds is None:
            return "finishing this update"
        left = max(self.seconds - (time.perf_counter() - self._started), 1.0)
        return f"finishing this update, about {in_words(left)}"

    def leaving(self) -> str:
        """Returns what a run still does that stops at the next shard of its current update."""
        return "leaving this update, which is computed again later, at its next shard"


def measure_shard_seconds(
    model: nn.Module,
    batches: Iterator[Batch],
    progress: float,
    accelerator: Accelerator,
    bf16: bool,
    stop: Callable[[], bool],
) -> tuple[float, Iterator[Batch]]:
    """Returns the seconds of reading, forward and backward of a shard, and all `batches` again.

    The shards measured are those that the run begins with. Nothing of them stays: gradients are
    dropped, global generators put back, and neither optimizer nor teacher move.
    """
    taken: list[Batch] = []
    seconds: list[float] = []
    began = time.perf_counter()
    on_cuda = accelerator.device.type == "cuda"
    with torch.random.fork_rng(devices=[accelerator.device] if on_cuda else []):
        while len(taken) < NUM_SHARDS and time.perf_counter() - began < SECONDS_TO_MEASURE:
            started = time.perf_counter()
            batch = next(batches, None)
            if batch is None or stop():
                taken += [] if batch is None else [batch]
                break
            taken.append(batch)
            with accelerator.no_sync(model):
                with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=bf16):
                    output: ObjectiveOutput = model(batch.to(accelerator.device), progress)
                accelerator.backward(output.loss_sum)
            output.loss_sum.item()  # waits for what a GPU still has to do
            seconds.append(time.perf_counter() - started)
    model.zero_grad(set_to_none=True)
    settled = seconds[1:] or seconds
    mean = sum(settled) / len(settled) if settled else 0.0
    return mean, chain(taken, batches)


def in_for(done: int, total: int, seconds: float) -> str:
    """Returns a line on what is left of `total` updates of `seconds` each."""
    left = total - done
    of = f"{left:,} updates" if not done else f"{left:,} of {total:,} updates left,"
    return f"{of} at {per_step(seconds)}: about {in_words(left * seconds)} on this machine"


def advice(num_parameters: int, device: torch.device, small_config: str) -> str:
    """Returns what to try instead of an encoder that is too large for a CPU; empty where it
    fits."""
    if device.type != "cpu" or num_parameters < LARGE_PARAMETERS:
        return ""
    return (
        f"This is a size for GPUs; for a CPU there is a small one: --config {small_config} "
        f"(runs of different sizes are not compared)."
    )
