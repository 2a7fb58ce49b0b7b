"""Fine-tuning of the whole encoder with mean pooling and a Linear, one fold after the other.

Not specified by the paper. Per fold: a copy of the encoder and a new Linear are trained on the
training part, the dev part chooses the epoch (UA for emotion, MSE for a dimension; ties: the
earliest), and that epoch's weights predict the test part. No dropout, no masking.

Shapes: B utterances of a batch, S samples, T frames, D channels, C outputs.
"""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from pretrain.data.audio.waveforms import Waveform, read_waveform
from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.data.loader import pad_waveforms
from pretrain.model.encode import EncoderOutput, SoundEncoder
from pretrain.model.encoder import seeded_weights
from pretrain.model.frozen import FrozenEncoder
from pretrain.shared.checked_settings import settings, within
from pretrain.shared.durations import in_words
from pretrain.shared.random_streams import generator
from probe.corpora.targets import Task
from probe.features.row_source import RowSource
from probe.heads.answers import answers, check_finite, losses_of, scale_of
from probe.heads.linear import Evaluation, Part, pool, usable_parts
from probe.heads.settings import ProbeHead
from probe.heads.shown import FINETUNE
from probe.metrics import mse, ua

IndexArray = npt.NDArray[np.intp]
Values = npt.NDArray[np.float64]


@settings
class FinetuneSettings:
    """Training of the whole encoder with mean pooling and a Linear. Not specified by the paper."""

    encoder_lr: Annotated[float, within("(0, 1e37]")] = 1e-5
    """Adam's rate for the encoder, constant (that of MFSN's public baseline)."""

    head_lr: Annotated[float, within("(0, 1e37]")] = 1e-3
    """Adam's rate for the Linear, which starts from nothing."""

    batch_size: Annotated[int, within("[1, 65536]")] = 16
    """Utterances in a batch."""

    epochs: Annotated[int, within("[1, 1e6]")] = 10
    """Passes over the training part. The best one by the dev part is kept."""

    freeze_conv: bool = True
    """Whether the conv stack stays as it was pre-trained, as wav2vec 2.0's fine-tuning does."""

    max_seconds: Annotated[float, within("[0.1, 3600]")] = 15.0
    """Longer utterances are trained on by a crop of this length, drawn anew in every epoch; dev and
    test utterances are always whole."""

    max_gradient_norm: Annotated[float, within("[0, 1e38]")] = 1.0
    """Gradients are clipped to this global norm; 0 leaves them as they are."""

    seed: Annotated[int, within("[0, 4294967295]")] = 0
    """Of the Linear's initial weights, order and crops, the same for every row."""


class FinetunedNetwork(nn.Module):
    """Encoder -> mean of the last layer over valid frames -> Linear."""

    def __init__(self, encoder: SoundEncoder, num_outputs: int, *, freeze_conv: bool) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).eval().requires_grad_(True)
        if freeze_conv:
            for layers in self.encoder.input_layers():
                layers.requires_grad_(False)
        self.output = nn.Linear(encoder.dim, num_outputs)

    def forward(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        """(B, S), (B,) -> (B, C) float32"""
        output: EncoderOutput = self.encoder(waveforms, num_samples)
        last = output.layers[-1].float()
        valid = torch.arange(last.shape[1], device=last.device) < output.num_frames[:, None]
        # A garbage frame may be non-finite, which 0 times does not remove.
        mean = last.masked_fill(~valid[..., None], 0.0).sum(1) / output.num_frames[:, None]
        with torch.autocast(mean.device.type, enabled=False):
            outputs: Tensor = self.output(mean)
        return outputs


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What is the same for every fold and task of a row."""

    frozen: FrozenEncoder
    waveforms: list[Waveform]
    """Of all utterances, in order of the table, not prepared."""

    settings: FinetuneSettings


def evaluate_finetuned(
    source: RowSource, tasks: Sequence[Task], parts: Sequence[Part], settings: FinetuneSettings
) -> Evaluation:
    """Fine-tunes the encoder for every task and fold; says first how long that will take.

    There are no numbered layers, only `selected`. `selection` names the last layer, the only one
    that the Linear sees.

    Raises:
        DivergedError: A network's outputs are not finite.
    """
    result, frozen, table = Evaluation(), source.encoder(), source.table
    waveforms = [read_waveform(table.iloc[row]) for row in range(len(table))]
    work = _Work(frozen=frozen, waveforms=waveforms, settings=settings)
    folds: list[tuple[Task, Part]] = []
    for task in tasks:
        folds += [(task, part) for part in usable_parts(parts, [task], result)]
    if not folds:
        return result
    seconds = _expected_seconds(work, folds)
    print(
        f"Fine-tuning {frozen.name}: {len(folds)} trainings of {settings.epochs} epochs on "
        f"{frozen.device.type}, about {in_words(seconds)}",
        flush=True,
    )
    outputs: dict[str, list[tuple[Part, Values]]] = {task.name: [] for task in tasks}
    for task, part in tqdm(folds, desc=f"fine-tuning {frozen.name}", unit="fold"):
        prediction, dev_score = _train(work, task, part)
        outputs[task.name].append((part, prediction))
        result.selection.append(
            {
                "task": task.name,
                "fold": part.fold,
                "layer": frozen.num_layers,
                "strength": 1.0,
                "dev_score": dev_score,
            }
        )
    for task in tasks:
        pool(table, task, outputs[task.name], result)
    return result


HEAD = ProbeHead(
    settings_class=FinetuneSettings,
    evaluate=evaluate_finetuned,
    needs_encoder=True,
    shown=FINETUNE,
)


def _train(work: _Work, task: Task, part: Part) -> tuple[Values, float]:
    """Returns the predictions of the test part, and the dev score of the chosen epoch."""
    settings = work.settings
    network = _network(work, task, part)
    optimizer = _optimizer(network, settings)
    score = (lambda *pair: -ua(*pair)) if task.classes else mse
    best, best_weights = np.inf, None
    for epoch in range(1, settings.epochs + 1):
        draw = generator(settings.seed, "fine-tuning", task.name, part.fold, epoch)
        order = part.train[draw.permutation(len(part.train))]
        for start in range(0, len(order), settings.batch_size):
            rows = order[start : start + settings.batch_size]
            _update(work, network, optimizer, task, part, rows, draw)
        loss = score(task.targets[part.dev], _predict(work, network, task, part, part.dev))
        if loss < best:
            best, best_weights = loss, copy.deepcopy(network.state_dict())
    assert best_weights is not None, "finite answers have a finite score"
    network.load_state_dict(best_weights)
    prediction = _predict(work, network, task, part, part.test)
    return prediction, float(-best if task.classes else best)


def _network(work: _Work, task: Task, part: Part) -> FinetunedNetwork:
    with seeded_weights(work.settings.seed, f"fine-tuned head, {task.name}, fold {part.fold}"):
        network = FinetunedNetwork(
            work.frozen.module, max(len(task.classes), 1), freeze_conv=work.settings.freeze_conv
        )
    return network.to(work.frozen.device)


def _optimizer(network: FinetunedNetwork, settings: FinetuneSettings) -> torch.optim.Adam:
    trained = [p for p in network.encoder.parameters() if p.requires_grad]
    groups = [
        {"params": trained, "lr": settings.encoder_lr},
        {"params": network.output.parameters(), "lr": settings.head_lr},
    ]
    return torch.optim.Adam(groups)


def _update(
    work: _Work,
    network: FinetunedNetwork,
    optimizer: torch.optim.Adam,
    task: Task,
    part: Part,
    rows: IndexArray,
    draw: np.random.Generator,
) -> None:
    mean, deviation = scale_of(task, part)
    targets = (
        torch.from_numpy((task.targets[rows] - mean) / deviation).float().to(work.frozen.device)
    )
    pieces = [_crop(work.waveforms[row], work.settings.max_seconds, draw) for row in rows]
    optimizer.zero_grad()
    losses_of(task, _forward(work, network, pieces), targets).mean().backward()  # type: ignore[no-untyped-call]
    if work.settings.max_gradient_norm:
        nn.utils.clip_grad_norm_(network.parameters(), work.settings.max_gradient_norm)
    optimizer.step()


def _crop(waveform: Waveform, seconds: float, draw: np.random.Generator) -> Waveform:
    longest = round(seconds * SAMPLE_RATE_HZ)
    if len(waveform) <= longest:
        return waveform
    start = int(draw.integers(len(waveform) - longest + 1))
    return waveform[start : start + longest]


def _forward(work: _Work, network: FinetunedNetwork, waveforms: Sequence[Waveform]) -> Tensor:
    padded, num_samples = pad_waveforms([work.frozen.prepare(piece) for piece in waveforms])
    with torch.autocast(work.frozen.device.type, torch.bfloat16, enabled=work.frozen.bf16):
        outputs: Tensor = network(padded.to(work.frozen.device), num_samples.to(work.frozen.device))
    return outputs


def _predict(
    work: _Work, network: FinetunedNetwork, task: Task, part: Part, rows: IndexArray
) -> Values:
    """Returns the predictions of whole utterances, in the order of `rows`."""
    predictions = np.zeros(len(rows))
    by_length = np.argsort([-len(work.waveforms[row]) for row in rows], kind="stable")
    for start in range(0, len(rows), work.settings.batch_size):
        places = by_length[start : start + work.settings.batch_size]
        with torch.inference_mode():
            values = _forward(work, network, [work.waveforms[rows[place]] for place in places])
        predictions[places] = answers(task, values, scale_of(task, part))
    check_finite(
        predictions, head="finetune", task=task, fold=part.fold, setting="finetune.encoder_lr"
    )
    return predictions


def _expected_seconds(work: _Work, folds: Sequence[tuple[Task, Part]]) -> float:
    """Times one step of a throwaway network: the second one, since the first warms up."""
    task, part = folds[0]
    network = _network(work, task, part)
    optimizer = _optimizer(network, work.settings)
    draw = generator(work.settings.seed, "fine-tuning", "timing")
    rows = draw.permutation(part.train)[: work.settings.batch_size]
    for _ in range(2):
        _wait_for(work.frozen.device)
        started = time.perf_counter()
        _update(work, network, optimizer, task, part, rows, draw)
        _wait_for(work.frozen.device)
        seconds = time.perf_counter() - started
    # A forward pass is about a third of a step.
    utterances = sum(
        work.settings.epochs * (len(part.train) + len(part.dev) / 3) + len(part.test) / 3
        for _, part in folds
    )
    return seconds * utterances / len(rows)


def _wait_for(device: torch.device) -> None:
    """Waits until a GPU has done what it was given, which a clock would miss otherwise."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
