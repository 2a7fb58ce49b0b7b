"""What windows of an encoder's frames tell, where single frames do not: a small trained probe.

A ridge on the maximum and mean of single frames cannot hear a word whose frames each tell a
character. This one has the pooling `windows` and a linear layer, and nothing else: it is trained on
the fold's training part, its epoch is chosen on the dev part.

Not specified by the paper. Shapes: B segments, U utterances, T frames, D dimensions, C classes.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfsn.data.fold_data import IntArray, SegmentBatch, in_batches, shuffled
from mfsn.experiment.experiment import VariantOnFold
from mfsn.model.head_settings import HeadSettings
from mfsn.model.poolings.windows import Windows
from pretrain.model.encoder import seeded_weights
from probe.metrics import ua

EPOCHS = 10
BATCH_SIZE = 32
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.1
SETTINGS = HeadSettings(pooling="windows", stream_dim=64, dropout=0.3)
"""On speakers of the synthetic corpus' pre-training part words were told with a UA of 77 % (80 %
after 15 epochs at a third of this rate; 59 % by windows of one frame)."""

SEED = 0


class WindowProbe(nn.Module):
    """States to logits."""

    def __init__(self, dim: int, num_frames: int, num_classes: int) -> None:
        super().__init__()
        self.pooling = Windows(dim, num_frames, SETTINGS)
        self.dropout = nn.Dropout(SETTINGS.dropout)
        self.linear = nn.Linear(self.pooling.out_features, num_classes)

    def forward(self, states: Tensor, valid: Tensor) -> Tensor:
        """Maps `states` (B, T, D) and `valid` (B, T) to (B, C). The scale of a frame's state tells
        nothing."""
        level = F.layer_norm(states, states.shape[-1:])
        logits: Tensor = self.linear(self.dropout(self.pooling(level[:, 0, :0], level, valid)))
        return logits


def window_ua(
    fold: VariantOnFold, states_of: Callable[[SegmentBatch], Tensor], answers: IntArray
) -> float:
    """Returns UA on the test part, a fraction, of a probe that was trained on the states (B, T, D)
    of each batch to give `answers`, by row of the corpus table."""
    first = _batch(fold, fold.data.segments_of(fold.train[:1]))
    num_frames, dim = states_of(first).shape[1:]
    num_classes = int(answers.max()) + 1
    with seeded_weights(SEED, "window probe"):
        probe = WindowProbe(dim, num_frames, num_classes).to(fold.device)
    optimizer = torch.optim.AdamW(probe.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    wanted = torch.from_numpy(answers).to(fold.device)
    segments = fold.data.segments_of(fold.train)
    best, chosen = -1.0, 0.0
    for epoch in range(EPOCHS):
        probe.train()
        with seeded_weights(SEED, f"window probe, epoch {epoch}"):  # dropout
            for numbers in in_batches(shuffled(segments, SEED, "window probe", epoch), BATCH_SIZE):
                batch = _batch(fold, numbers)
                logits = probe(states_of(batch), batch.valid)
                loss = F.cross_entropy(logits, wanted[batch.utterance])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
        probe.eval()
        if (dev := _ua(fold, probe, states_of, fold.dev, answers)) > best:
            best, chosen = dev, _ua(fold, probe, states_of, fold.test, answers)
    return chosen


@torch.no_grad()
def _ua(
    fold: VariantOnFold,
    probe: WindowProbe,
    states_of: Callable[[SegmentBatch], Tensor],
    rows: IntArray,
    answers: IntArray,
) -> float:
    """An utterance's scores are the sum over its segments."""
    scores = np.zeros((len(answers), probe.linear.out_features))
    for numbers in in_batches(fold.data.segments_of(rows), BATCH_SIZE):
        batch = _batch(fold, numbers)
        given = probe(states_of(batch), batch.valid).log_softmax(dim=1).double().cpu().numpy()
        np.add.at(scores, batch.utterance.cpu().numpy(), given)
    return float(ua(answers[rows], scores[rows].argmax(axis=1)))


@torch.no_grad()
def _batch(fold: VariantOnFold, segments: IntArray) -> SegmentBatch:
    batch: SegmentBatch = fold.streams(fold.data.batch(segments).to(fold.device))
    return batch
