"""Secondary endpoints of a study: what encoders tell of pitch, energy and who speaks.

Far more speakers than in corpora of emotion, so that small differences between rows can be seen; no
verdict of the study rests on them. F0 and energy are read off single frames by ridge regression on
other speakers; who speaks, from utterances pooled by mean and deviation, by linear discriminant
analysis on other utterances of the same speakers. Layers are chosen on the training part. Not
specified by the paper.

Shapes: T frames, D values of a frame, L layers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from pretrain.data.audio.waveforms import read_waveform
from pretrain.data.loader import (
    DataSettings,
    normalize_waveform,
    pad_waveforms,
    usable_utterances,
)
from pretrain.data.readers.read import read_corpus
from pretrain.data.tables.delimited import read_csv, write_csv
from pretrain.data.tables.utterances import table_hash
from pretrain.model.frozen import FrozenEncoder, load_frozen
from pretrain.objectives.frames.logmel import LogMel
from pretrain.objectives.frames.prosody import Prosody
from pretrain.shared.errors import InputError

F0, ENERGY, SPEAKER = "f0", "energy", "speaker"

UTTERANCES = 6
"""Of each speaker, at most."""

MIN_SPEAKERS, MIN_UTTERANCES = 8, 6
"""Fewest speakers, and utterances of each, that can be divided twice."""

VERSION = 1
"""Raise it with every change of a number of kept results."""

RIDGE = 1e-3
"""Times the number of frames, on standardised values."""

COLUMNS = ("endpoint", "speaker", "whole", "part")
"""`part` / `whole`, summed over speakers, is R2 (squared deviations from the training mean), or the
share of utterances whose speaker is named."""

Array = npt.NDArray[np.float64]
Layers = Callable[[npt.NDArray[np.float32]], Sequence[Array]]
"""(S,) sound as it was recorded -> L times (T, D)."""


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """What is kept of one speaker's utterances."""

    f0: Array
    """(L, D + 2, D + 2) products of 1, the D values and the target, summed over voiced frames."""

    energy: Array
    """The same over all frames."""

    pooled: Array
    """(L, utterances, 2 D)."""


class Secondary:
    """The corpus of the secondary endpoints, and what has been computed of it."""

    def __init__(self, spec: str, folder: Path) -> None:
        """Reads the corpus that `spec` names; results are kept in `folder`.

        Raises:
            InputError: It cannot be read, or has too few speakers.
        """
        self.spec, self._folder = spec, folder
        self.table = chosen_utterances(usable_utterances(read_corpus(spec), DataSettings()), spec)
        self._key = table_hash(self.table)[:16]

    def describe(self) -> dict[str, object]:
        """Returns what run.json says of the corpus."""
        return {
            "name": self.spec.partition("=")[0],
            "utterances": len(self.table),
            "speakers": int(self.table["speaker"].nunique()),
            "table_hash": self._key,
        }

    def of_encoder(self, run: Path, name: str, *, initial: bool = False) -> pd.DataFrame:
        """Returns the endpoints of the encoder in a run folder, or of its initial weights.

        Raises:
            InputError: It was trained on one of the recordings.
        """
        refuse_heard(self.table, run, self.spec)
        encoder = load_frozen(run, name=name, initial=initial)
        return self._measured(encoder.key, layers_of(encoder), name)

    def of_log_mel(self) -> pd.DataFrame:
        """Returns the endpoints of log-mel frames."""
        return self._measured("log-mel", log_mel_layers(), "log-mel")

    def _measured(self, key: str, layers: Layers, name: str) -> pd.DataFrame:
        file = self._folder / f"{key}-{self._key}-{VERSION}.csv"
        if not file.is_file():
            self._folder.mkdir(parents=True, exist_ok=True)
            with threadpool_limits(1):
                write_csv(_measure(self.table, layers, name), file)
        found = read_csv(file)
        found[["whole", "part"]] = found[["whole", "part"]].astype(float)
        return found


def chosen_utterances(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Returns at most `UTTERANCES` of each speaker, in an order that no seed decides.

    Raises:
        InputError: There are too few speakers, or they have too few utterances.
    """
    named = table[table["speaker"].astype(str) != ""]
    place = named["id"].astype(str).map(_place)
    kept = named.assign(place=place).sort_values(["speaker", "place"]).groupby("speaker")
    chosen = kept.head(UTTERANCES).drop(columns="place")
    counts = chosen.groupby("speaker").size()
    chosen = chosen[chosen["speaker"].map(counts) >= MIN_UTTERANCES].reset_index(drop=True)
    if chosen["speaker"].nunique() < MIN_SPEAKERS:
        raise InputError(
            f"--secondary {name} must have at least {MIN_SPEAKERS} speakers with {MIN_UTTERANCES} "
            f"utterances, but has {chosen['speaker'].nunique()} instead."
        )
    return chosen


def refuse_heard(table: pd.DataFrame, run: Path, name: str) -> None:
    """Raises InputError where the row in `run` was trained on a recording of `table`."""
    trained_on = set(read_csv(run / "utterances.csv")["audio_hash"])
    shared = table[table["audio_hash"].astype(str).isin(trained_on)]
    if len(shared):
        raise InputError(
            f"--secondary {name} must hold nothing that rows are trained on, but {len(shared)} of "
            f"its recordings are in {run / 'utterances.csv'} instead (first: "
            f"{shared['id'].iloc[0]})."
        )


def layers_of(encoder: FrozenEncoder) -> Layers:
    """Returns what gives the layers of an encoder."""

    def layers(sound: npt.NDArray[np.float32]) -> Sequence[Array]:
        waveform = encoder.prepare(sound)
        output = encoder(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))
        count = int(output.num_frames[0])
        return [layer[0, :count].double().cpu().numpy() for layer in output.layers]

    return layers


def log_mel_layers() -> Layers:
    """Returns what gives log-mel bands as the only layer."""
    log_mel = LogMel()

    def layers(sound: npt.NDArray[np.float32]) -> Sequence[Array]:
        return [log_mel(pad_waveforms([normalize_waveform(sound)])[0])[0].double().numpy()]

    return layers


def _measure(table: pd.DataFrame, layers: Layers, name: str) -> pd.DataFrame:
    prosody = Prosody()
    heard: dict[str, _Heard] = {}
    progress = tqdm(total=len(table), desc=f"secondary, {name}", unit="utt", disable=None)
    with progress:
        for speaker, own in table.groupby("speaker"):
            heard[str(speaker)] = _hear(own, layers, prosody)
            progress.update(len(own))
    return pd.DataFrame(
        [
            *_read_off(F0, {speaker: one.f0 for speaker, one in heard.items()}),
            *_read_off(ENERGY, {speaker: one.energy for speaker, one in heard.items()}),
            *_who({speaker: one.pooled for speaker, one in heard.items()}),
        ],
        columns=list(COLUMNS),
    )


@torch.no_grad()
def _hear(own: pd.DataFrame, layers: Layers, prosody: Prosody) -> _Heard:
    f0: list[Array] = []
    energy: list[Array] = []
    pooled: list[Array] = []
    for _, utterance in own.iterrows():
        sound = read_waveform(utterance)
        found = layers(sound)
        count = min(len(layer) for layer in found)
        values, voiced = prosody(pad_waveforms([normalize_waveform(sound)])[0])
        said, is_voiced = values[0, :count].double().numpy(), voiced[0, :count].numpy()
        stacked = np.stack([layer[:count] for layer in found])  # (L, T, D)
        f0.append(_products(stacked[:, is_voiced], said[is_voiced, 0]))
        energy.append(_products(stacked, said[:, 1]))
        pooled.append(np.concatenate([stacked.mean(axis=1), stacked.std(axis=1)], axis=-1))
    return _Heard(
        f0=np.sum(f0, axis=0), energy=np.sum(energy, axis=0), pooled=np.stack(pooled, axis=1)
    )


def _products(states: Array, target: Array) -> Array:
    ones = np.ones((*states.shape[:2], 1))
    all_targets = np.broadcast_to(target[None, :, None], ones.shape)
    z = np.concatenate([ones, states, all_targets], axis=-1)
    products: Array = z.transpose(0, 2, 1) @ z
    return products


def _read_off(endpoint: str, products: Mapping[str, Array]) -> list[tuple[object, ...]]:
    """Ridge regression on one half of the speakers, read out on the other, and the other way."""
    speakers = sorted(products, key=_place)
    halves = speakers[::2], speakers[1::2]
    lines: list[tuple[object, ...]] = []
    for train, test in (halves, halves[::-1]):
        first, dev = (
            np.sum([products[s] for s in part], axis=0) for part in (train[::2], train[1::2])
        )
        layer = int(np.argmax([_r2(_fit(a), b) for a, b in zip(first, dev, strict=True)]))
        fitted = _fit((first + dev)[layer])
        for speaker in test:
            error, power = _error_and_power(fitted, products[speaker][layer])
            lines.append((endpoint, speaker, power, power - error))
    return lines


@dataclass(frozen=True, kw_only=True)
class _Fit:
    weights: Array
    """(D + 2,): of 1, the values, and -1 of the target."""

    mean: float
    """Of the target."""


def _fit(products: Array) -> _Fit:
    number = products[0, 0]
    mean = products[0, 1:-1] / number
    centred = products[1:-1, 1:-1] / number - np.outer(mean, mean)
    target = products[0, -1] / number
    covariance = products[1:-1, -1] / number - mean * target
    scale = np.sqrt(np.diag(centred).clip(min=1e-12))
    standardised = centred / np.outer(scale, scale) + RIDGE * np.eye(len(scale))
    slopes = np.linalg.solve(standardised, covariance / scale) / scale
    return _Fit(weights=np.concatenate([[target - slopes @ mean], slopes, [-1.0]]), mean=target)


def _error_and_power(fit: _Fit, products: Array) -> tuple[float, float]:
    error = float(fit.weights @ products @ fit.weights)
    number, total, squares = products[0, 0], products[0, -1], products[-1, -1]
    return error, float(squares - 2 * fit.mean * total + number * fit.mean**2)


def _r2(fit: _Fit, products: Array) -> float:
    error, power = _error_and_power(fit, products)
    return 1 - error / power if power > 0 else -np.inf


def _who(pooled: Mapping[str, Array]) -> list[tuple[object, ...]]:
    """Every other utterance of each speaker is trained on; the layer is chosen among these."""
    speakers = sorted(pooled)
    layers = range(len(pooled[speakers[0]]))

    def right(layer: int, train: slice, test: slice) -> dict[str, tuple[int, int]]:
        trained = [pooled[s][layer][train] for s in speakers]
        labels = np.repeat(np.arange(len(speakers)), [len(one) for one in trained])
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        model.fit(np.concatenate(trained), labels)
        counts = {}
        for place, speaker in enumerate(speakers):
            asked = pooled[speaker][layer][test]
            counts[speaker] = (len(asked), int((model.predict(asked) == place).sum()))
        return counts

    dev = [
        sum(hits for _, hits in right(layer, slice(0, None, 4), slice(2, None, 4)).values())
        for layer in layers
    ]
    best = right(int(np.argmax(dev)), slice(0, None, 2), slice(1, None, 2))
    return [(SPEAKER, speaker, whole, part) for speaker, (whole, part) in best.items()]


def _place(name: str) -> str:
    return blake2b(f"secondary {name}".encode(), digest_size=8).hexdigest()
