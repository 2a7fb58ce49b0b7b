"""What a training is given, and the loop over epochs that training and search share: train, score
on the dev part, keep the best.

A resumed loop equals the straight one to the bit: the order of the segments, the levels and dropout
are drawn from the seed and the number of the epoch, everything else is in the checkpoint that is
written after every epoch.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW

from mfsn.data.fold_data import FoldData, IntArray, SegmentBatch, labels_of
from mfsn.search.predict import NetworkFunction, Scores, predict_each, score
from mfsn.search.settings import FitSettings
from mfsn.search.training_state import TrainingState
from pretrain.engine.interrupts import StopRequest
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import hash_of
from pretrain.shared.random_streams import generator

OnEpoch = Callable[[int, NetworkFunction], Any]
"""Called after every epoch with its number (from 1) and the network as the dev part would choose
it, in evaluation mode. It may score what training must not see: neither weights nor random numbers
nor the choice depend on it. What it returns (plain values) is kept by epoch in `observed`, through
a resume too."""

Row = dict[str, Any]
"""Of a table."""

OnRow = Callable[[Row], None]
"""Called with every new row of a table, to show it or to write it down."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Everything but the network that `fit`, `search` and `train_every_structure` depend on."""

    streams: nn.Module
    """Fills a batch with the encoders' states; what takes gradients in it is trained too."""

    fold: FoldData
    """Training part and dev part."""

    settings: FitSettings
    seed: int
    """Of order, levels and dropout."""

    checkpoint: Path | None = None
    """A folder of this training alone; the same call continues what is there."""

    device: torch.device | str = "cpu"
    on_epoch: OnEpoch | None = None
    on_row: OnRow | None = None
    """Gets the rows of epochs.csv."""


class TrainingDivergedError(InputError):
    """A loss that is not a finite number."""


class LossMeter:
    """Adds up the losses of an epoch; ends training at one that is not finite, or on a signal."""

    def __init__(self, epoch: int, stop: StopRequest) -> None:
        self._epoch = epoch
        self._stop = stop
        self._sum = 0.0
        self._count = 0
        self._batches = 0

    def add(self, loss: Tensor, count: int) -> None:
        """Adds the mean loss of a batch of `count` segments, before it is stepped on."""
        value = float(loss.detach())
        self._batches += 1
        require_finite(value, f"epoch {self._epoch}, batch {self._batches}: the training loss")
        self._sum += value * count
        self._count += count

    def stop_if_asked(self) -> None:
        """Raises `KeyboardInterrupt` when a signal asked for it. Called between batches."""
        if self._stop.signal is not None:
            raise KeyboardInterrupt

    def mean(self) -> float:
        return self._sum / self._count


def require_finite(value: float, what: str) -> None:
    """Raises `TrainingDivergedError`, with remedies, when `value` is not finite."""
    if not isfinite(value):
        raise TrainingDivergedError(
            f"{what} is {value}. Lower `fit.lr` (or `fit.sec_lr`, or `search.alpha_lr`), set "
            f"`fit.max_gradient_norm` = 1.0, or use `fit.precision` = 'fp32'. If it is so from the "
            f"first batch on, the cached states are not finite: check the encoders."
        )


def run_epochs(
    state: TrainingState,
    training: Training,
    *,
    train: Callable[[int, LossMeter], None],
    candidates: Callable[[], Sequence[NetworkFunction]],
    selection: IntArray,
    fingerprint: str,
    describe: Callable[[], Row] = dict,
    trajectory: Callable[[int], list[Row]] = lambda epoch: [],
) -> None:
    """Trains until the patience is out, and leaves the weights of the best epoch in the state's
    modules, in evaluation mode.

    Args:
        train: Trains one epoch, given its number and where to report every batch's loss.
        candidates: Networks (functions of the present weights) among which the dev part chooses.
        selection: The dev utterances by which it does.
        fingerprint: Of what a checkpoint must agree on.
        describe: Further columns of epochs.csv.
        trajectory: Rows to remember after an epoch, and at 0 those before the first.

    Raises `KeyboardInterrupt` on SIGINT or SIGTERM, after the current batch; with a checkpoint the
    same call then continues after the last complete epoch.
    """
    data, settings, checkpoint = training.fold.data, training.settings, training.checkpoint
    history = state.history
    history.trajectory.extend(trajectory(0))
    if checkpoint is not None:
        state.resume(checkpoint, fingerprint)
        history = state.history
    labels = labels_of(data, selection)
    with StopRequest() as stop, deterministic_kernels(settings.deterministic):
        while (
            history.epoch < settings.max_epochs
            and history.epoch - history.best_epoch < settings.patience
        ):
            started = time.perf_counter()
            epoch = history.epoch + 1
            meter = LossMeter(epoch, stop)
            state.train(True)
            train(epoch, meter)
            state.train(False)
            networks = candidates()
            outputs = predict_each(
                networks,
                state.streams,
                data,
                selection,
                training.device,
                batch_size=settings.batch_size,
            )
            scores = [score(output, labels) for output in outputs]
            choice = max(range(len(scores)), key=lambda place: scores[place].rank())
            row = {"epoch": epoch, "train_loss": meter.mean(), **describe()}
            _record(state, row, scores, choice)
            history.trajectory.extend(trajectory(epoch))
            row["seconds"] = time.perf_counter() - started
            if training.on_epoch is not None:
                history.observed[str(epoch)] = training.on_epoch(epoch, networks[choice])
            if checkpoint is not None:
                state.save(checkpoint, fingerprint)
            if training.on_row is not None:
                training.on_row(row)
            meter.stop_if_asked()
    state.restore_best()
    state.train(False)


def _record(state: TrainingState, row: Row, scores: Sequence[Scores], choice: int) -> None:
    """Writes an epoch down and keeps its weights if it is the best so far."""
    history, chosen = state.history, scores[choice]
    history.epoch = row["epoch"]
    require_finite(chosen.loss, f"epoch {history.epoch}: the dev loss")
    row |= {f"dev_{name}": value for name, value in asdict(chosen).items()}
    history.epochs.append(row)
    best = history.best
    if not best or chosen.rank() > Scores(ua=best["ua"], wa=best["wa"], loss=best["loss"]).rank():
        history.best_epoch = history.epoch
        candidates = [asdict(candidate) for candidate in scores]
        history.best = {**asdict(chosen), "choice": choice, "candidates": candidates}
        state.keep_as_best()


def segment_loss(network: NetworkFunction, batch: SegmentBatch, training: Training) -> Tensor:
    """Returns the mean cross entropy of a batch of segments, in nats."""
    batch = batch.to(training.device)
    precision, device_type = training.settings.precision, torch.device(training.device).type
    assert precision != "auto", "it is settled before there is a run folder"
    with torch.autocast(device_type, torch.bfloat16, enabled=precision == "bf16"):
        logits = network(training.streams(batch))
    return F.cross_entropy(logits.float(), batch.labels)


def make_weight_optimizer(
    weights: Sequence[nn.Parameter], streams: nn.Module, settings: FitSettings
) -> AdamW:
    """Returns AdamW over `weights` and whatever of the streams is trained, at its own rate."""
    encoder = [parameter for parameter in streams.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in weights if p.requires_grad], "lr": settings.lr},
        {"params": encoder, "lr": settings.sec_lr},
    ]
    return AdamW(
        [group for group in groups if group["params"]],
        weight_decay=settings.weight_decay,
        fused=True,
    )


def step(optimizer: torch.optim.Optimizer, max_gradient_norm: float) -> None:
    """Clips the gradients, if a norm is given, and steps."""
    if max_gradient_norm > 0.0:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, max_gradient_norm)
    optimizer.step()


def fingerprint_of(fold: FoldData, *settings: Any) -> str:
    """Returns a hash of what a checkpoint must agree on with who continues it."""
    return hash_of([fold.train.tolist(), fold.dev.tolist(), *map(repr, settings)])


@contextmanager
def epoch_noise(seed: int, epoch: int, device: torch.device | str) -> Iterator[None]:
    """Dropout inside draws from a stream of its own for every epoch; the global generators are
    left as they were."""
    place = torch.device(device)
    devices = [place] if place.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(generator(seed, "mfsn", "dropout", epoch).integers(2**63)))
        yield


@contextmanager
def deterministic_kernels(wanted: bool) -> Iterator[None]:
    """Inside, a kernel that could give other numbers when run again is an error. On a GPU it needs
    what `pretrain.engine.launch.prepare_environment` sets."""
    before = torch.are_deterministic_algorithms_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(wanted)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
