"""The codes of every frame of a corpus, computed once and kept.

Shapes: N utterances, F frames of all of them, B batch, T frames, G codebooks, V entries.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from einops import rearrange
from torch import nn
from tqdm import tqdm

from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.model.weights import weights_hash
from pretrain.shared.kept_tensors import TensorFile
from pretrain.shared.numbers_version import kept_as
from probe.codes.quantizers import CodesError, RowQuantizer
from probe.features.batches import batches, lengths_16k, longest_first, read_batch
from probe.features.utterance_features import recordings_hash

FORMAT = "codes" + kept_as("audio", "encoder", "codes")


@dataclass(frozen=True, kw_only=True)
class FrameCodes:
    """Codes of all frames, utterance after utterance in the table's order."""

    codes: npt.NDArray[np.int32]
    """(F, G) the likeliest entry of each codebook: no noise."""

    lengths: npt.NDArray[np.int64]
    """(N,) frames of each utterance."""

    num_entries: int
    """V."""

    drawn_bits: npt.NDArray[np.float64]
    """(G,) what a code tells of its frame when it is drawn with Gumbel noise at temperature 1, as
    in training: entropy of the mean softmax less the mean entropy of the softmax."""

    @property
    def centres(self) -> npt.NDArray[np.int64]:
        """(F,) the joint code: codes as digits in base V."""
        powers = self.num_entries ** np.arange(self.codes.shape[1], dtype=np.int64)
        return np.asarray(self.codes.astype(np.int64) @ powers)

    @property
    def utterances(self) -> npt.NDArray[np.int64]:
        """(F,) the number of each frame's utterance."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def frame_codes(table: pd.DataFrame, row: RowQuantizer, name: str, folder: Path) -> FrameCodes:
    """Returns the codes of the utterances in order of the table; `folder` keeps them.

    Raises:
        ValueError: An utterance is shorter than one frame, or its features are not finite.
    """
    by_id = table.sort_values("id", kind="stable").reset_index(drop=True)
    path = folder / f"{_weights_key(row)}-{recordings_hash(by_id)[:16]}-{FORMAT}.safetensors"
    file = TensorFile(
        path=path,
        names=["codes", "lengths", "drawn_bits"],
        fits=lambda kept: len(kept["lengths"]) == len(by_id),
    )
    found = file.read_or_make(
        lambda: {key: torch.from_numpy(value) for key, value in _compute(by_id, row, name).items()},
        waiting=f"Waiting for another process that computes the codes of {name}",
    )
    kept = {key: value.numpy() for key, value in found.items()}
    starts = np.cumsum(kept["lengths"]) - kept["lengths"]
    place = {utterance: number for number, utterance in enumerate(by_id["id"])}
    order = np.array([place[utterance] for utterance in table["id"]], dtype=np.int64)
    rows = [np.arange(starts[n], starts[n] + kept["lengths"][n]) for n in order]
    return FrameCodes(
        codes=kept["codes"][np.concatenate(rows)],
        lengths=kept["lengths"][order],
        num_entries=row.quantizer.num_entries,
        drawn_bits=kept["drawn_bits"],
    )


@torch.inference_mode()
def _compute(table: pd.DataFrame, row: RowQuantizer, name: str) -> dict[str, npt.NDArray[Any]]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoder, quantizer = row.encoder.to(device), row.quantizer.to(device)
    num_codebooks, num_entries = quantizer.num_codebooks, quantizer.num_entries
    pieces: list[npt.NDArray[np.int32]] = [np.empty((0, num_codebooks), np.int32)] * len(table)
    mean = torch.zeros(num_codebooks, num_entries, dtype=torch.float64)
    noise = torch.zeros(num_codebooks, dtype=torch.float64)
    num_frames = 0
    lengths = lengths_16k(table)
    seconds = lengths / SAMPLE_RATE_HZ
    with tqdm(
        total=float(seconds.sum()), unit="s", unit_scale=True, desc=f"codes of {name}"
    ) as bar:
        for rows in batches(longest_first(lengths), lengths):
            waveforms, num_samples = read_batch(table, rows)
            features = encoder.features(waveforms.to(device), num_samples.to(device))
            logits = rearrange(
                quantizer.to_logits(features.normalized.float()),
                "B T (G V) -> B T G V",
                G=num_codebooks,
            )
            for number, own, count in zip(rows, logits, features.num_frames.tolist(), strict=True):
                valid = own[:count].double().cpu()
                if not bool(valid.isfinite().all()):
                    raise CodesError(
                        f"The codes of {name} are not finite for utterance "
                        f"{table['id'].iloc[int(number)]!r}: its weights are damaged."
                    )
                probabilities = valid.softmax(dim=-1)
                mean += probabilities.sum(dim=0)
                noise += torch.special.entr(probabilities).sum(dim=(0, 2))
                pieces[int(number)] = valid.argmax(dim=-1).to(torch.int32).numpy()
                num_frames += count
            bar.update(float(seconds[rows].sum()))
    used = torch.special.entr(mean / num_frames).sum(dim=-1) - noise / num_frames
    return {
        "codes": np.concatenate(pieces),
        "lengths": np.array([len(piece) for piece in pieces], dtype=np.int64),
        "drawn_bits": used.numpy() / np.log(2.0),
    }


def _weights_key(row: RowQuantizer) -> str:
    # The context network has no part in the codes.
    parts = [row.encoder.conv, row.encoder.conv_norm, row.quantizer.to_logits]
    return f"{weights_hash(nn.ModuleList(parts))[:16]}-g{row.quantizer.num_codebooks}"
