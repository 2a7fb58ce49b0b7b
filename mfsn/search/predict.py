"""Scores of utterances from their segments, and what those scores are worth.

U utterances, B segments, C classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mfsn.data.fold_data import IntArray, ReadableSegments, SegmentBatch, in_batches
from probe.metrics import ua, wa

FloatArray = npt.NDArray[np.float64]

NetworkFunction = Callable[[SegmentBatch], Tensor]
"""Gives the logits (B, C) of a batch whose states are filled in."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How good the scores of some utterances are."""

    ua: float
    wa: float

    loss: float
    """Mean over the utterances of the negative score of the true class, in nats."""

    only_answer: int | None = None
    """The class that all utterances get, if they get one and have several: the network has not
    learned to tell anything apart."""

    def rank(self) -> tuple[float, float]:
        """The larger the better: UA + WA as in the public Co-attention code, ties by the loss."""
        # The sum is rounded so that equal counts of hits tie whatever the order of addition.
        return round(self.ua + self.wa, 9), -self.loss


def predict(
    network: NetworkFunction,
    streams: nn.Module,
    data: ReadableSegments,
    rows: IntArray,
    device: torch.device | str,
    *,
    batch_size: int = 64,
) -> FloatArray:
    """Returns (U, C) scores of these utterances: the mean over an utterance's segments of their
    log-softmax (the public Co-attention code's rule). The class is the argmax.

    Networks that are modules are scored in their evaluation mode.
    """
    return predict_each([network], streams, data, rows, device, batch_size=batch_size)[0]


@torch.no_grad()
def predict_each(
    networks: Sequence[NetworkFunction],
    streams: nn.Module,
    data: ReadableSegments,
    rows: IntArray,
    device: torch.device | str,
    *,
    batch_size: int = 64,
) -> list[FloatArray]:
    """Like `predict` for several networks that read the same states, which are made once."""
    place = {int(row): index for index, row in enumerate(rows)}
    assert len(place) == len(rows), "an utterance is asked for twice"
    modules = [module for module in (*networks, streams) if isinstance(module, nn.Module)]
    were_training = [module.training for module in modules]
    for module in modules:
        module.eval()
    outputs: list[list[FloatArray]] = [[] for _ in networks]
    places: list[int] = []
    for segments in in_batches(data.segments_of(rows), batch_size):
        batch = data.batch(segments)
        places += [place[row] for row in batch.utterance.tolist()]
        batch = streams(batch.to(device))
        for network, output in zip(networks, outputs, strict=True):
            output.append(network(batch).double().log_softmax(dim=-1).cpu().numpy())
    for module, was_training in zip(modules, were_training, strict=True):
        module.train(was_training)
    counts = np.bincount(places, minlength=len(rows))
    assert counts.all(), "an utterance has no segment"
    means = []
    for output in outputs:
        total = np.zeros((len(rows), output[0].shape[1]))
        np.add.at(total, places, np.concatenate(output))
        means.append(total / counts[:, None])
    return means


def score(scores_UC: FloatArray, labels: IntArray) -> Scores:
    """Scores (U, C) mean log-probabilities against (U,) classes."""
    predictions = scores_UC.argmax(axis=1)
    loss = -scores_UC[np.arange(len(labels)), labels].mean()
    answers = np.unique(predictions)
    is_constant = len(answers) == 1 and len(np.unique(labels)) > 1
    return Scores(
        ua=ua(labels, predictions),
        wa=wa(labels, predictions),
        loss=float(loss),
        only_answer=int(answers[0]) if is_constant else None,
    )
