"""One update: the shards of this process, summed over all processes, and one optimizer step.

Everything is a sum over shards until the one division by the number of masked frames of the whole
update. So it does not matter how the shards are spread over processes.
"""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pretrain.data.batch import Batch
from pretrain.data.loader import digest_of
from pretrain.objectives.objective import ObjectiveOutput


@dataclass(frozen=True, kw_only=True)
class UpdateResult:
    """What one update gave, the same numbers on every process."""

    loss: float
    """Loss per masked frame."""

    num_targets: int
    """Masked frames of the update."""

    audio_samples: int
    """Valid samples of the update."""

    gradient_norm: float
    """Norm of the gradient per masked frame, before clipping."""

    metrics: dict[str, float]
    """Mean of the shards' metrics, weighted by their masked frames."""

    samples_digest: int
    masks_digest: int

    stop: bool
    """Whether some process was asked to stop."""

    is_slow: bool
    """Whether some process finds updates slow."""


class UpdateLeft(Exception):  # no error
    """All processes left the update before its end; nothing of it was applied."""


def compute_update(
    model: nn.Module,
    batches: Iterable[Batch],
    num_batches: int,
    progress: float,
    accelerator: Accelerator,
    bf16: bool,
    asked_to_stop: Callable[[], bool],
    asked_to_leave: Callable[[], bool],
    num_exits: int,
    is_slow: bool,
) -> UpdateResult:
    """Leaves the gradient per masked frame of the whole update in the model's parameters.

    Before each of its first `num_exits` shards (the same number on every process, at most the
    fewest shards that one has) the processes agree whether to go on, and else raise `UpdateLeft`.
    """
    sums: Tensor | None = None
    names: list[str] = []
    samples_digest = masks_digest = audio_samples = 0
    for index, batch in enumerate(batches):
        if index < num_exits and any_process(asked_to_leave(), accelerator):
            raise UpdateLeft
        samples, masks = digest_of(batch)
        samples_digest, masks_digest = samples_digest + samples, masks_digest + masks
        audio_samples += int(batch.num_samples.sum())
        is_last = index == num_batches - 1
        with nullcontext() if is_last else accelerator.no_sync(model):
            with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=bf16):
                output: ObjectiveOutput = model(batch.to(accelerator.device), progress)
            accelerator.backward(output.loss_sum)
        names = list(output.metrics)
        shard_sums = _shard_sums(output)
        sums = shard_sums if sums is None else sums + shard_sums
    assert sums is not None, "every process computes at least one shard"

    flags = [int(asked_to_stop()), int(is_slow)]
    integers = [_wrap(samples_digest), _wrap(masks_digest), audio_samples, *flags]
    counts = torch.tensor(integers, device=accelerator.device)
    if accelerator.num_processes > 1:
        torch.distributed.all_reduce(sums)
        torch.distributed.all_reduce(counts)
    num_targets, loss_sum, *metric_sums = sums.tolist()
    norm = _finish_gradient(model, num_targets)
    samples_digest, masks_digest, audio_samples, num_stops, num_slow = counts.tolist()
    return UpdateResult(
        loss=loss_sum / num_targets,
        num_targets=round(num_targets),
        audio_samples=audio_samples,
        gradient_norm=norm,
        metrics={n: v / num_targets for n, v in zip(names, metric_sums, strict=True)},
        samples_digest=samples_digest,
        masks_digest=masks_digest,
        stop=num_stops > 0,
        is_slow=num_slow > 0,
    )


def any_process(flag: bool, accelerator: Accelerator) -> bool:
    """Returns whether `flag` is set on some process; all processes have to ask."""
    if accelerator.num_processes == 1:
        return flag
    count = torch.tensor(int(flag), device=accelerator.device)
    torch.distributed.all_reduce(count)
    return bool(count.item())


def _shard_sums(output: ObjectiveOutput) -> Tensor:
    """Returns (2 + number of metrics,) float64: targets, loss, metrics times targets."""
    num_targets = output.num_targets.double()
    metrics = [value.detach().double() * num_targets for value in output.metrics.values()]
    return torch.stack([num_targets, output.loss_sum.detach().double(), *metrics])


def _finish_gradient(model: nn.Module, num_targets: float) -> float:
    """Turns the accumulated gradients into the gradient per masked frame; returns its norm."""
    # DistributedDataParallel has averaged over the processes; the sum is wanted.
    is_distributed = isinstance(model, DistributedDataParallel)
    world_size = torch.distributed.get_world_size() if is_distributed else 1
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    torch._foreach_mul_(gradients, world_size / num_targets)
    return float(nn.utils.get_total_norm(gradients))


def _wrap(value: int) -> int:
    """Returns `value` modulo 2^64 as a signed number, as tensors hold it."""
    return (value + 2**63) % 2**64 - 2**63
