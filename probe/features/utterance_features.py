"""Utterance features of a frozen encoder, computed once and kept.

Shapes: N utterances, B utterances of a batch, S samples, T frames, L layers (block inputs and
outputs: one more than the Transformer has blocks), D channels.
"""

import dataclasses
import json
import time
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from shutil import rmtree
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor
from tqdm import tqdm

from pretrain.config.settings import hash_of
from pretrain.model.encoder import Encoder, EncoderOutput
from pretrain.model.encoder_settings import SAMPLE_RATE_HZ
from pretrain.model.weights import weights_hash
from pretrain.shared.atomic_files import replaced
from pretrain.shared.errors import InputError
from probe.features.batches import BATCH_SECONDS, batches, lengths_16k, longest_first, read_batch

FloatArray = npt.NDArray[np.float32]

SAVE_EVERY_SECONDS = 20.0
"""What is computed is kept at least this often, so that Ctrl-C loses little."""

FORMAT = "1"
"""Part of every key: features of another way of computing are not reused."""


class FeatureSource(Protocol):
    """Turns a batch of waveforms into one vector per utterance and layer."""

    name: str
    """For the progress bar."""

    key: str
    """Hash of everything that its numbers depend on, fit for a file name."""

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        """(B, S) normalised and zero-padded, (B,) -> (B, L, D) float32 on the CPU."""
        ...


class FrozenEncoder:
    """An encoder that computes layers and learns nothing."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        name: str,
        bf16: bool = False,
        device: torch.device | None = None,
    ) -> None:
        self.name = name
        self._device = device or torch.device("cpu")
        # Equal weights compute something else with another number of heads.
        sizes = hash_of(dataclasses.asdict(encoder.settings))[:8]
        precision = "bf16" if bf16 else "fp32"
        self.key = f"{weights_hash(encoder)[:16]}-{sizes}-{precision}-{self._device.type}"
        self._encoder = encoder.to(self._device).eval().requires_grad_(False)
        self._bf16 = bf16

    def layers(self, waveforms: Tensor, num_samples: Tensor) -> EncoderOutput:
        """(B, S) normalised and zero-padded, (B,) -> L times (B, T, D) on the encoder's device."""
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16),
        ):
            output: EncoderOutput = self._encoder(
                waveforms.to(self._device), num_samples.to(self._device)
            )
        return output


class EncoderFeatures(FrozenEncoder):
    """Every layer of a frozen encoder, mean over valid frames."""

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        output = self.layers(waveforms, num_samples)
        num_frames = output.num_frames[:, None]
        steps = torch.arange(output.layers[0].shape[1], device=self._device)
        share = (steps < num_frames).float() / num_frames  # (B, T)
        # A garbage frame may be non-finite, which 0 times does not remove.
        layers = [
            torch.einsum("bt,btd->bd", share, layer.float().masked_fill((share == 0)[..., None], 0))
            for layer in output.layers
        ]
        return torch.stack(layers, dim=1).cpu()


def extract(
    table: pd.DataFrame,
    source: FeatureSource,
    folder: Path,
    *,
    batch_seconds: float = BATCH_SECONDS,
) -> FloatArray:
    """Returns the (N, L, D) features of the utterances, in order of the table.

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
    features = _read(path, ids)
    if features is None:
        features = _compute(by_id, source, path.with_suffix(".parts"), batch_seconds)
        _write(path, features, ids)
        rmtree(path.with_suffix(".parts"), ignore_errors=True)
    place = {utterance: index for index, utterance in enumerate(ids)}
    return features[[place[str(utterance)] for utterance in table["id"]]]


def _compute(
    table: pd.DataFrame, source: FeatureSource, parts: Path, batch_seconds: float
) -> FloatArray:
    lengths = lengths_16k(table)
    order = longest_first(lengths)  # ties by id, so that parts fit together
    pieces, num_done = _read_parts(parts)
    rows: list[FloatArray] = []
    started = time.monotonic()
    with tqdm(
        total=float(lengths.sum()) / SAMPLE_RATE_HZ + 1e-3,
        initial=float(lengths[order[:num_done]].sum()) / SAMPLE_RATE_HZ,
        unit="s",
        desc=f"features of {source.name}",
        bar_format="{desc}: {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} s of audio, "
        "{elapsed}<{remaining}",
    ) as progress:
        try:
            for batch in batches(order[num_done:], lengths, batch_seconds):
                rows.append(_run(table, source, batch))
                progress.update(float(lengths[batch].sum()) / SAMPLE_RATE_HZ)
                if time.monotonic() - started > SAVE_EVERY_SECONDS:
                    pieces.append(_keep(parts, _num_rows(pieces), rows))
                    rows, started = [], time.monotonic()
        except BaseException:
            _keep(parts, _num_rows(pieces), rows)
            raise
    in_order = np.concatenate([*pieces, *rows])
    features = np.empty_like(in_order)
    features[order] = in_order
    return features


def _num_rows(pieces: list[FloatArray]) -> int:
    """Returns how many utterances the pieces hold."""
    return sum(map(len, pieces))


def _run(table: pd.DataFrame, source: FeatureSource, batch: npt.NDArray[np.intp]) -> FloatArray:
    features: FloatArray = source(*read_batch(table, batch)).numpy().astype(np.float32)
    finite = np.isfinite(features).all(axis=(1, 2))
    if not finite.all():
        utterance = table["id"].iloc[int(batch[int(finite.argmin())])]
        raise InputError(
            f"The features of {source.name} are not finite for utterance {utterance!r}: its "
            "weights are damaged, or its training diverged."
        )
    return features


def _keep(parts: Path, start: int, rows: list[FloatArray]) -> FloatArray:
    """Writes computed rows as the part that begins at utterance `start` of the order."""
    if not rows:
        return np.empty((0,), dtype=np.float32)
    piece = np.concatenate(rows)
    _write(parts / f"{start:08d}.safetensors", piece, [])
    return piece


def _read_parts(parts: Path) -> tuple[list[FloatArray], int]:
    pieces: list[FloatArray] = []
    while (piece := _read(parts / f"{_num_rows(pieces):08d}.safetensors", [])) is not None:
        pieces.append(piece)
    return pieces, _num_rows(pieces)


def _write(path: Path, features: FloatArray, ids: list[str]) -> None:
    """Writes to the side, then renames: a file is complete or absent."""
    features = np.ascontiguousarray(features)
    metadata = {
        "ids": ids_hash(ids),
        "shape": json.dumps(features.shape),
        "digest": _digest(features),
    }
    with replaced(path) as beside:
        save_file({"features": features}, beside, metadata)


def _read(path: Path, ids: list[str]) -> FloatArray | None:
    """Returns what `_write` wrote for the same ids, or None if it is absent or damaged."""
    try:
        with safe_open(path, framework="numpy") as file:
            if file.metadata()["ids"] != ids_hash(ids):
                return None
            features: FloatArray = file.get_tensor("features")
            # What former versions kept has no digest.
            said = file.metadata().get("digest")
            is_whole = len(features) and said in (None, _digest(features))
            return features if is_whole else None
    except (OSError, SafetensorError, KeyError):
        return None


def _digest(features: FloatArray) -> str:
    return blake2b(features.data.cast("B"), digest_size=16).hexdigest()


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
