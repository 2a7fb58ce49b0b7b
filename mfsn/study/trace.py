"""Where a network loses what its encoders know: the same linear probe at every place on the way.

The places are the encoders' states, what enters the head (text after the fusion, and speech), what
the head makes of the frames (pooled), of spectrogram and MFCC, and its last layer before the
classes. Frames count by maximum and mean, an utterance by the mean over its segments. The probe is
ridge classification, fitted on the fold's training part; its strength is chosen on the dev part. It
is asked for what the words express and for the emotion, which is the voice's. Both encoders' states
together say whether one adds to the other; states beside the true words, whether words that are
read without a fault would; windows of TEC's frames (`mfsn/study/window_probe.py`), what single
frames cannot tell.

Not specified by the paper. Shapes: B segments, U utterances, T frames, D dimensions, F features.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import RidgeClassifier
from torch import Tensor, nn

from mfsn.data.fold_data import IntArray, SegmentBatch, in_batches
from mfsn.experiment.experiment import VariantOnFold
from mfsn.model.coattention import CoAttentionHead
from mfsn.study.window_probe import window_ua
from probe.metrics import ua

TEC_STATES, SEC_STATES = "TEC states", "SEC states"
BOTH_STATES = "both states"
TEXT, SPEECH = "text at the head", "speech at the head"
POOLED, ACOUSTIC, LAST = "pooled", "spectrogram and MFCC", "last layer"
PLACES = (TEC_STATES, SEC_STATES, BOTH_STATES, TEXT, SPEECH, POOLED, ACOUSTIC, LAST)
"""In the order of the way."""

EMOTION, WORDS = "emotion", "words"
"""What the probe is asked for."""

GIVEN = "{} + true words"
"""States with what the words express beside them."""

IN_WINDOWS = "TEC states in windows"
"""By a trained probe; of TEC alone, since it is the same in every network."""

STRENGTHS = (1.0, 10.0, 100.0, 1e3, 1e4)
"""Of the ridge, on standardised features."""

Array = npt.NDArray[np.float64]


Told = dict[tuple[str, ...], float]
"""(probe, digest of the features, what it was asked for) -> UA."""


def trace(
    fold: VariantOnFold, network: nn.Module, labels: Mapping[str, IntArray], told: Told
) -> list[dict[str, object]]:
    """Returns a line for every place of one trained network and every kind of `labels` (by row of
    the corpus table): place, knows, and the test part's ua, a fraction. `told` holds, and gets,
    what other networks were asked: encoders' states are the same in all of them."""
    parts = (fold.train, fold.dev, fold.test)
    read = [features_of(fold, network, rows) for rows in parts]
    lines: list[dict[str, object]] = []
    answers = {knows: [of_rows[rows] for rows in parts] for knows, of_rows in labels.items()}

    def note(place: str, knows: str, key: tuple[str, ...], tell: Callable[[], float]) -> None:
        if key not in told:
            told[key] = tell()
        lines.append({"place": place, "knows": knows, "ua": told[key]})

    def ask(place: str, knows: str, inputs: list[Array]) -> None:
        key = ("ridge", _digest(inputs), knows)
        note(place, knows, key, lambda: probed(inputs, answers[knows]))

    for place in (place for place in PLACES if place in read[0]):
        inputs = [one[place] for one in read]
        for knows in labels:
            ask(place, knows, inputs)
        if place == TEC_STATES and not fold.variant.sec:
            for knows, of_rows in labels.items():
                key = ("windows", _digest(inputs), knows)
                note(IN_WINDOWS, knows, key, partial(window_ua, fold, states_of_tec, of_rows))
        if place in (TEC_STATES, SEC_STATES) and WORDS in labels:
            said = [np.eye(answer.max() + 1)[answer] for answer in answers[WORDS]]
            beside = [np.hstack(pair) for pair in zip(inputs, said, strict=True)]
            ask(GIVEN.format(place), EMOTION, beside)
    return lines


def states_of_tec(batch: SegmentBatch) -> Tensor:
    """(B, T, D)."""
    return batch.tec


def _digest(inputs: list[Array]) -> str:
    digest = blake2b(digest_size=16)
    for one in inputs:
        digest.update(f"{one.shape}".encode())
        digest.update(np.ascontiguousarray(one).tobytes())
    return digest.hexdigest()


def probed(inputs: list[Array], answers: list[IntArray]) -> float:
    """Fits on the first part of `inputs` (U, F) and `answers` (U,), chooses on the second, and
    returns UA on the third."""
    mean, deviation = inputs[0].mean(axis=0), inputs[0].std(axis=0)
    train, dev, test = ((x - mean) / np.where(deviation > 0, deviation, 1.0) for x in inputs)
    best, chosen = -1.0, 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of features that are almost alike
        for strength in STRENGTHS:
            probe = RidgeClassifier(alpha=strength).fit(train, answers[0])
            if (score := float(ua(answers[1], probe.predict(dev)))) > best:
                best, chosen = score, float(ua(answers[2], probe.predict(test)))
    return chosen


@torch.no_grad()
def features_of(fold: VariantOnFold, network: nn.Module, rows: IntArray) -> dict[str, Array]:
    """Returns (U, F) features of these utterances by place; places that the network lacks are
    absent."""
    network.eval()
    kept: dict[str, list[Array]] = {}
    owners = []
    with watched(network) as seen:
        for chosen in in_batches(fold.data.segments_of(rows), fold.settings.fit.batch_size):
            batch = fold.streams(fold.data.batch(chosen).to(fold.device))
            seen.clear()
            network(batch)
            owners.append(batch.utterance.cpu().numpy())
            for place, values in _of_batch(fold, batch, seen).items():
                kept.setdefault(place, []).append(values.double().cpu().numpy())
    place_of = {row: number for number, row in enumerate(rows.tolist())}
    numbers = np.array([place_of[row] for row in np.concatenate(owners).tolist()])
    return {
        place: _mean_over_segments(np.concatenate(values), numbers, len(rows))
        for place, values in kept.items()
    }


@contextmanager
def watched(network: nn.Module) -> Iterator[dict[str, list[Tensor]]]:
    """Inside, the dictionary fills with what passes the network's head."""
    head = network.head
    assert isinstance(head, CoAttentionHead), type(head)
    seen: dict[str, list[Tensor]] = {}
    hooks = [
        head.register_forward_pre_hook(lambda _, inputs: seen.update(streams=list(inputs[3]))),
        head.classifier[-1].register_forward_pre_hook(
            lambda _, inputs: seen.update({LAST: [inputs[0]]})
        ),
    ]
    for place, modules in ((POOLED, head.streams), (ACOUSTIC, (head.spectrogram, head.mfcc))):
        for module in modules:
            hooks.append(
                module.register_forward_hook(
                    lambda _, inputs, output, place=place: seen.setdefault(place, []).append(output)
                )
            )
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _of_batch(
    fold: VariantOnFold, batch: SegmentBatch, seen: Mapping[str, list[Tensor]]
) -> dict[str, Tensor]:
    variant, streams = fold.variant, seen["streams"]
    frames = {TEC_STATES: batch.tec} if variant.tec else {}
    frames |= {SEC_STATES: batch.sec[-1]} if variant.sec else {}
    frames |= {TEXT: streams[0]} if variant.tec else {}
    frames |= {SPEECH: streams[-1]} if variant.sec else {}
    pooled = {place: max_and_mean(values, batch.valid) for place, values in frames.items()}
    if variant.tec and variant.sec:
        pooled[BOTH_STATES] = torch.cat([pooled[TEC_STATES], pooled[SEC_STATES]], dim=1)
    vectors = {place: torch.cat(seen[place], dim=1) for place in (POOLED, ACOUSTIC, LAST)}
    return pooled | vectors


def max_and_mean(values_BTD: Tensor, valid_BT: Tensor) -> Tensor:
    """Returns (B, 2 D), maximum and mean over the valid frames."""
    beyond = ~valid_BT[:, :, None]
    largest = values_BTD.masked_fill(beyond, torch.finfo(values_BTD.dtype).min).amax(dim=1)
    number = valid_BT.sum(dim=1, keepdim=True)
    return torch.cat([largest, values_BTD.masked_fill(beyond, 0.0).sum(dim=1) / number], dim=1)


def _mean_over_segments(values: Array, numbers: IntArray, count: int) -> Array:
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, numbers, values)
    return sums / np.bincount(numbers, minlength=count)[:, None]
