"""Utterance features of a frozen encoder, computed once and kept.

Shapes: N utterances, B utterances of a batch, S samples, L layers (block inputs and outputs: one
more than the Transformer has blocks), D channels.
"""

import json
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from pretrain.data.audio.waveforms import Waveform
from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.model.frozen import FrozenEncoder
from pretrain.shared.errors import InputError
from pretrain.shared.kept_tensors import Parts, TensorFile
from pretrain.shared.numbers_version import kept_as
from probe.features.batches import BATCH_SECONDS, batches, lengths_16k, longest_first, read_batch
from probe.features.moments import mean_and_deviation

FloatArray = npt.NDArray[np.float32]

FORMAT = kept_as("audio", "encoder", "features")
"""Part of every file name: features of another way of computing are not reused."""


class FeatureSource(Protocol):
    """Turns a batch of waveforms into one vector per utterance and layer."""

    name: str
    """For the progress bar."""

    key: str
    """Hash of everything that its numbers depend on, fit for a file name."""

    def prepare(self, waveform: Waveform) -> Waveform:
        """(S,) as it was recorded -> as it is heard, of the same length."""
        ...

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        """(B, S) prepared and zero-padded, (B,) -> (B, L, 2 D) float32 on the CPU: D means over
        time, then D deviations."""
        ...


class EncoderFeatures:
    """Every layer of a frozen encoder: mean and deviation over valid frames, (B, L, 2 D)."""

    def __init__(self, encoder: FrozenEncoder) -> None:
        self._encoder = encoder
        self.name, self.key, self.prepare = encoder.name, encoder.key, encoder.prepare

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        output = self._encoder(waveforms, num_samples)
        layers = [mean_and_deviation(layer, output.num_frames) for layer in output.layers]
        return torch.stack(layers, dim=1).cpu()


def extract(
    table: pd.DataFrame,
    source: FeatureSource,
    folder: Path,
    *,
    batch_seconds: float = BATCH_SECONDS,
    may_be_nan: bool = False,
) -> FloatArray:
    """Returns the (N, L, 2 D) features of the utterances, in order of the table; `may_be_nan` lets
    pass NaN, which marks what is not defined.

    They are kept in `folder` under the source's key and the hash of the recordings; a later call
    reads them, whatever the labels are by then. An interrupted call leaves what it has done, and
    the next one goes on from there.

    Raises:
        ValueError: An utterance is shorter than one frame, or its features are not finite.
    """
    # Sorted, so that the same utterances in another order have the same key and the same file.
    by_id = table.sort_values("id", kind="stable")
    path = folder / f"{source.key}-{recordings_hash(by_id)[:16]}-{FORMAT}.safetensors"
    ids = by_id["id"].astype(str).tolist()
    file = TensorFile(path=path, of=ids_hash(ids), names=["features"])
    features: FloatArray = file.read_or_make(
        lambda: {"features": _compute(by_id, source, file, batch_seconds, may_be_nan)},
        waiting=f"Waiting for another process that computes the features of {source.name}",
    )["features"].numpy()
    place = {utterance: index for index, utterance in enumerate(ids)}
    return features[[place[str(utterance)] for utterance in table["id"]]]


def _compute(
    table: pd.DataFrame,
    source: FeatureSource,
    file: TensorFile,
    batch_seconds: float,
    may_be_nan: bool,
) -> Tensor:
    lengths = lengths_16k(table)
    order = longest_first(lengths)  # ties by id, so that parts fit together
    with (
        Parts(file, len(table)) as parts,
        tqdm(
            total=float(lengths.sum()) / SAMPLE_RATE_HZ + 1e-3,
            initial=float(lengths[order[: parts.num_done]].sum()) / SAMPLE_RATE_HZ,
            unit="s",
            desc=f"features of {source.name}",
            bar_format="{desc}: {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} s of audio, "
            "{elapsed}<{remaining}",
        ) as progress,
    ):
        for batch in batches(order[parts.num_done :], lengths, batch_seconds):
            parts.add({"features": _run(table, source, batch, may_be_nan)})
            progress.update(float(lengths[batch].sum()) / SAMPLE_RATE_HZ)
    features = torch.empty_like(parts.rows["features"])
    features[torch.from_numpy(order)] = parts.rows["features"]
    return features


def _run(
    table: pd.DataFrame, source: FeatureSource, batch: npt.NDArray[np.intp], may_be_nan: bool
) -> Tensor:
    features = source(*read_batch(table, batch, source.prepare)).float()
    usable = features.isfinite() | features.isnan() if may_be_nan else features.isfinite()
    finite = usable.flatten(1).all(dim=1)
    if not finite.all():
        utterance = table["id"].iloc[int(batch[int(finite.int().argmin())])]
        raise InputError(
            f"The features of {source.name} are not finite for utterance {utterance!r}: its "
            "weights are damaged, or its training diverged."
        )
    return features


def recordings_hash(table: pd.DataFrame) -> str:
    """Returns a hash of ids and audio, in any row order: all of a table that features depend on.

    Unlike `table_hash` it does not change with labels, speakers or texts.
    """
    by_id = table.sort_values("id", kind="stable")
    pairs = zip(by_id["id"].astype(str), by_id["audio_hash"].astype(str), strict=True)
    return blake2b(json.dumps(list(pairs)).encode(), digest_size=16).hexdigest()


def ids_hash(ids: Iterable[str]) -> str:
    """Returns a hash by which a file tells which utterances it is of, and in which order."""
    return blake2b("\n".join(ids).encode(), digest_size=16).hexdigest()
