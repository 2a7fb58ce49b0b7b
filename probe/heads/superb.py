"""The superb head: layer weights and a small network on frames, one fold after the other.

Layer weights (softmax) -> Linear -> ReLU -> mean over valid frames -> Linear (EmoBox's; SUPERB's
has no ReLU). Per fold: a network is trained on the training part, the dev part chooses the epoch
(UA for emotion, MSE for a dimension; ties: the earliest), and that epoch's network predicts the
test part. Test labels enter nothing but the scores. Dimensions are standardised by the training
part.

Shapes: B utterances of a batch, M frames of a batch, L layers, D channels, C outputs.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from pretrain.model.encoder import seeded_weights
from pretrain.shared.checked_settings import settings, within
from pretrain.shared.random_streams import generator
from probe.corpora.targets import Task
from probe.features.frame_states import Frames
from probe.features.row_source import RowSource
from probe.heads.answers import answers, check_finite, losses_of, scale_of
from probe.heads.linear import Evaluation, Part, pool, usable_parts
from probe.heads.settings import ProbeHead
from probe.heads.shown import SUPERB
from probe.metrics import mse, ua

IndexArray = npt.NDArray[np.intp]
Values = npt.NDArray[np.float64]


@settings
class SuperbSettings:
    """The head of SUPERB and EmoBox: layer weights, Linear, ReLU, mean over frames, Linear."""

    hidden_dim: Annotated[int, within("[1, 65536]")] = 256
    """Width of the first Linear (EmoBox and SUPERB)."""

    lr: Annotated[float, within("(0, 1e37]")] = 1e-4
    """Adam's rate, constant (EmoBox and SUPERB). Ten times the bound is no float32 any more."""

    batch_size: Annotated[int, within("[1, 65536]")] = 32
    """Utterances in a batch (EmoBox)."""

    epochs: Annotated[int, within("[1, 1e6]")] = 20
    """Passes over the training part (EmoBox). The best one by the dev part is kept."""

    seed: Annotated[int, within("[0, 4294967295]")] = 0
    """Of initial weights and order, the same for every row. Not specified by the paper."""


class SuperbNetwork(nn.Module):
    """Layers begin with equal weights, the rest as PyTorch's Linear does."""

    def __init__(self, num_layers: int, dim: int, hidden_dim: int, num_outputs: int) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.zeros(num_layers))
        self.hidden = nn.Linear(dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, num_outputs)

    def forward(self, frames_LMD: Tensor, share_BM: Tensor) -> Tensor:
        """Returns the (B, C) outputs of a `batch_of` utterances."""
        mixed = torch.tensordot(self.mix.softmax(0), frames_LMD, dims=1)
        outputs: Tensor = self.output(share_BM @ self.hidden(mixed).relu())
        return outputs


def batch_of(
    frames: Frames, rows: IndexArray, device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """Lays utterances, given by their row numbers, end to end; nothing is padded.

    Returns their (L, M, D) float32 frames, and (B, M): 1 / m at the m frames of an utterance, 0
    elsewhere, so that the mean over an utterance is a product.
    """
    pieces = torch.cat([frames.of(int(row)) for row in rows], dim=1)
    counts = torch.from_numpy(frames.num_frames[rows])
    owner = torch.repeat_interleave(torch.arange(len(rows)), counts)
    share = (owner == torch.arange(len(rows))[:, None]) / counts[:, None]
    device = device or torch.device("cpu")
    return pieces.float().to(device), share.float().to(device)


@dataclass(frozen=True, kw_only=True)
class FoldResult:
    """What one fold's network learned."""

    prediction: Values
    """Of the test part: numbers on the corpus's scale, or places of classes."""

    layer_weights: Values
    """(L,) learned shares of the layers, of sum 1."""

    epoch: int
    """The chosen one, from 1."""

    dev_score: float
    """UA for emotion, MSE otherwise."""


def evaluate_superb(
    source: RowSource, tasks: Sequence[Task], parts: Sequence[Part], settings: SuperbSettings
) -> Evaluation:
    """Trains and tests the head; there are no numbered layers, only `selected`.

    `selection` gets a line per layer, with the layer's learned weight as its `strength`.

    Raises:
        DivergedError: A network's outputs are not finite.
    """
    result, frames = Evaluation(), source.frames()
    for task in tasks:
        usable = usable_parts(parts, [task], result)
        if not usable:
            continue
        progress = tqdm(usable, desc=f"superb head, {task.name}", unit="fold")
        learned = [train_fold(frames, task, part, settings, source.device) for part in progress]
        pairs = list(zip(usable, learned, strict=True))
        pool(source.table, task, [(part, fold.prediction) for part, fold in pairs], result)
        for part, fold in pairs:
            for layer, weight in enumerate(fold.layer_weights):
                result.selection.append(
                    {
                        "task": task.name,
                        "fold": part.fold,
                        "layer": layer,
                        "strength": float(weight),
                        "dev_score": fold.dev_score,
                    }
                )
        if last := sum(fold.epoch == settings.epochs for fold in learned):
            result.warnings.append(
                f"superb head, {task.name}: the last of {settings.epochs} epochs was the best by "
                f"the dev part in {last} of {len(learned)} folds; more epochs may score better."
            )
    return result


HEAD = ProbeHead(settings_class=SuperbSettings, evaluate=evaluate_superb, shown=SUPERB)


def train_fold(
    frames: Frames,
    task: Task,
    part: Part,
    settings: SuperbSettings,
    device: torch.device | None = None,
) -> FoldResult:
    """Trains the network of one fold; all rows of the part must be labelled."""
    device = device or torch.device("cpu")
    # A fold's weights depend on its name and the seed only.
    with seeded_weights(settings.seed, f"superb head of fold {part.fold}"):
        network = SuperbNetwork(
            frames.num_layers, frames.dim, settings.hidden_dim, max(len(task.classes), 1)
        )
    network.to(device)
    adam = torch.optim.Adam(network.parameters(), lr=settings.lr)
    mean, deviation = scale_of(task, part)
    score = (lambda *pair: -ua(*pair)) if task.classes else mse
    best, best_epoch, best_weights = np.inf, 0, network.state_dict()
    for epoch in range(1, settings.epochs + 1):
        draw = generator(settings.seed, "superb order", task.name, part.fold, epoch)
        order = part.train[draw.permutation(len(part.train))]
        for start in range(0, len(order), settings.batch_size):
            rows = order[start : start + settings.batch_size]
            targets = torch.from_numpy((task.targets[rows] - mean) / deviation).float().to(device)
            adam.zero_grad()
            losses = losses_of(task, network(*batch_of(frames, rows, device)), targets)
            losses.mean().backward()  # type: ignore[no-untyped-call]
            adam.step()
        loss = score(
            task.targets[part.dev], predict(frames, network, task, part, part.dev, settings)
        )
        if loss < best:
            best, best_epoch, best_weights = loss, epoch, copy.deepcopy(network.state_dict())
    network.load_state_dict(best_weights)
    return FoldResult(
        prediction=predict(frames, network, task, part, part.test, settings),
        layer_weights=network.mix.detach().double().softmax(0).cpu().numpy(),
        epoch=best_epoch,
        dev_score=float(-best if task.classes else best),
    )


def predict(
    frames: Frames,
    network: SuperbNetwork,
    task: Task,
    part: Part,
    rows: IndexArray,
    settings: SuperbSettings,
) -> Values:
    """Returns the predictions for utterances, in the order of `rows`; raises `DivergedError`."""
    found = []
    for start in range(0, len(rows), settings.batch_size):
        batch = batch_of(frames, rows[start : start + settings.batch_size], network.mix.device)
        with torch.inference_mode():
            found.append(answers(task, network(*batch), scale_of(task, part)))
    prediction = np.concatenate(found)
    check_finite(prediction, head="superb", task=task, fold=part.fold, setting="superb.lr")
    return prediction
