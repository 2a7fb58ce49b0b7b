"""P networks of the superb head, one per fold, as one network with a leading fold dimension.

Layer weights (softmax) -> Linear -> ReLU -> mean over valid frames -> Linear (EmoBox's; SUPERB's
has no ReLU). Folds share no number, so each is trained exactly as if it were alone; side by side
they share every call of a kernel.

Shapes: P folds, B utterances of a fold's batch, M frames of a fold's batch, L layers, D channels,
H hidden, C outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pretrain.model.encoder import seeded_weights
from probe.features.frame_states import Frames

IndexArray = npt.NDArray[np.intp]
Parameters = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class FoldBatch:
    """One batch of every fold, its utterances laid end to end and zero-padded at the end only."""

    frames: Tensor
    """(P, L, M, D) float32."""

    share: Tensor
    """(P, B, M) 1 / m at the m frames of an utterance, 0 elsewhere: the mean as a product."""


def fold_batch(
    frames: Frames, rows: Sequence[IndexArray], device: torch.device | None = None
) -> FoldBatch:
    """Gathers P batches of utterances, each given by its row numbers."""
    most_rows = max(map(len, rows))
    most_frames = max(int(frames.num_frames[fold].sum()) for fold in rows)
    batch = torch.empty(len(rows), frames.num_layers, most_frames, frames.dim)
    share = torch.zeros(len(rows), most_rows, most_frames)
    for place, fold in enumerate(rows):
        stop = 0
        for slot, row in enumerate(fold):
            start, stop = stop, stop + int(frames.num_frames[row])
            batch[place, :, start:stop] = frames.of(int(row))
            share[place, slot, start:stop] = 1.0 / (stop - start)
        batch[place, :, stop:] = 0.0
    device = device or torch.device("cpu")
    return FoldBatch(frames=batch.to(device), share=share.to(device))


def initial_parameters(
    folds: Sequence[str], num_layers: int, dim: int, hidden_dim: int, num_outputs: int, seed: int
) -> Parameters:
    """Returns the weights of P networks; a fold's depend on its name and the seed only.

    `mix` (P, L), `hidden_weight` (P, D, H), `hidden_bias` (P, 1, H), `output_weight` (P, H, C) and
    `output_bias` (P, 1, C). Layers begin with equal weights, the rest as PyTorch's Linear does.
    """
    columns: dict[str, list[Tensor]] = {}
    for fold in folds:
        with seeded_weights(seed, f"superb head of fold {fold}"):
            hidden, output = nn.Linear(dim, hidden_dim), nn.Linear(hidden_dim, num_outputs)
        for name, linear in (("hidden", hidden), ("output", output)):
            columns.setdefault(f"{name}_weight", []).append(linear.weight.detach().mT)
            columns.setdefault(f"{name}_bias", []).append(linear.bias.detach()[None])
    return {
        "mix": torch.zeros(len(folds), num_layers),
        **{name: torch.stack(values).contiguous() for name, values in columns.items()},
    }


def outputs(parameters: Parameters, batch: FoldBatch) -> Tensor:
    """Returns the (P, B, C) outputs; those of slots without utterance mean nothing."""
    folds, _, num_frames, dim = batch.frames.shape
    weights = parameters["mix"].softmax(1)[:, None]  # (P, 1, L)
    mixed = (weights @ batch.frames.flatten(2)).view(folds, num_frames, dim)
    hidden = torch.baddbmm(parameters["hidden_bias"], mixed, parameters["hidden_weight"]).relu()
    pooled = batch.share @ hidden
    return torch.baddbmm(parameters["output_bias"], pooled, parameters["output_weight"])


class FoldAdam:
    """Adam (Kingma and Ba 2015) whose state and number of steps every fold has for itself."""

    def __init__(self, parameters: Parameters, lr: float) -> None:
        self.parameters = parameters
        self._lr = lr
        self._first = {name: torch.zeros_like(value) for name, value in parameters.items()}
        self._second = {name: torch.zeros_like(value) for name, value in parameters.items()}
        device = parameters["mix"].device
        self._steps = torch.zeros(len(parameters["mix"]), dtype=torch.float64, device=device)

    def step(self, gradients: Parameters, active: Tensor) -> None:
        """Updates the folds `active` ((A,) places) by their gradients (A, ...)."""
        beta_1, beta_2, eps = 0.9, 0.999, 1e-8
        self._steps[active] += 1
        steps = self._steps[active]
        for name, gradient in gradients.items():
            shape = (-1, *[1] * (gradient.ndim - 1))
            rate = (self._lr / (1 - beta_1**steps)).float().view(shape)
            correction = (1 - beta_2**steps).sqrt().float().view(shape)
            first = torch.lerp(self._first[name][active], gradient, 1 - beta_1)
            second = beta_2 * self._second[name][active] + (1 - beta_2) * gradient.square()
            self._first[name][active], self._second[name][active] = first, second
            with torch.no_grad():
                self.parameters[name][active] -= rate * first / (second.sqrt() / correction + eps)
