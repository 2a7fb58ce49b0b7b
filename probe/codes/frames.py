"""The codes of every frame of a corpus, by the quantizer of a finished pre-training run.

Shapes: N utterances, F frames of all of them, B batch, S samples, T frames, G codebooks, V entries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from einops import rearrange
from torch import Tensor, nn
from tqdm import tqdm

from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.engine.checkpoint import CheckpointError, list_checkpoints, load_file_of_checkpoint
from pretrain.model.encoder import Encoder
from pretrain.model.quantizer import GumbelQuantizer
from pretrain.model.weights import load_encoder, weights_hash
from pretrain.objectives.quantized import QuantizedSettings
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import JsonError, made_of
from pretrain.shared.kept_tensors import TensorFile, Tensors
from pretrain.shared.numbers_version import kept_as
from pretrain.shared.run_record import RUN_FILE, RunRecord, read_record
from probe.features.batches import IndexArray, batches, lengths_16k, longest_first, read_batch
from probe.features.utterance_features import recordings_hash
from probe.rows.comparable import EncoderRun

OBJECTIVE_FILE = "objective.safetensors"

FORMAT = "codes" + kept_as("audio", "encoder", "codes")


class CodesError(InputError):
    """The codes of a row cannot be computed; the message names the folder and the remedy."""


@dataclass(frozen=True)
class RowQuantizer:
    """Encoder and quantizer of one row, in eval mode on the CPU."""

    encoder: Encoder
    quantizer: GumbelQuantizer


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


def load_quantizer(run: EncoderRun) -> RowQuantizer:
    """Loads the quantizer that a quantized row was trained with, from its newest checkpoint.

    Raises:
        CodesError: The checkpoint is gone or damaged, or it is of other weights than the encoder.
    """
    assert run.folder is not None
    file = str(run.folder / RUN_FILE)
    try:
        said = read_record(run.folder, RunRecord)["settings"].get("quantized")
        if not isinstance(said, dict):
            raise JsonError(f"{file}: `settings.quantized` must be an object.")
        settings = made_of(QuantizedSettings, said, file, "settings.quantized")
    except JsonError as error:
        raise CodesError(f"{error} Copy the folder again, or leave this row out.") from error
    checkpoints = list_checkpoints(run.folder / "checkpoints")
    if not checkpoints:
        raise CodesError(
            f"{run.folder} has no checkpoint left, and the quantizer is kept in it only. "
            "Pre-train this row again with its own command and another --out, or leave it out."
        )
    try:
        tensors = load_file_of_checkpoint(checkpoints[-1], OBJECTIVE_FILE)
    except CheckpointError as error:
        raise CodesError(f"{error} Or copy it again.") from error
    encoder = load_encoder(run.folder)
    quantizer = GumbelQuantizer(
        encoder.settings.conv_dim, settings.num_codebooks, settings.num_entries, settings.code_dim
    )
    try:
        quantizer.load_state_dict(_below("quantizer.", tensors))
    except RuntimeError as error:
        raise CodesError(
            f"{run.folder}: the quantizer of its checkpoint does not fit its settings ({error}). "
            "Pre-train this row again."
        ) from error
    checkpointed = _below("encoder.", tensors)
    for name, tensor in encoder.state_dict().items():
        if name not in checkpointed or not torch.equal(checkpointed[name], tensor):
            raise CodesError(
                f"{run.folder}: its newest checkpoint is of other weights than its encoder "
                f"({name} differs). Finish the run with its own command, or pre-train it again."
            )
    return RowQuantizer(encoder, quantizer.eval().requires_grad_(False))


def frame_codes(table: pd.DataFrame, row: RowQuantizer, name: str, folder: Path) -> FrameCodes:
    """Returns the codes of the utterances in order of the table; `folder` keeps them.

    Raises:
        ValueError: An utterance is shorter than one frame, or its features are not finite.
    """
    by_id = table.sort_values("id", kind="stable").reset_index(drop=True)
    # The context network has no part in the codes.
    parts = nn.ModuleList([row.encoder.conv, row.encoder.conv_norm, row.quantizer.to_logits])
    weights = f"{weights_hash(parts)[:16]}-g{row.quantizer.num_codebooks}"
    file = TensorFile(
        path=folder / f"{weights}-{recordings_hash(by_id)[:16]}-{FORMAT}.safetensors",
        names=["codes", "lengths", "drawn_bits"],
        fits=lambda kept: len(kept["lengths"]) == len(by_id),
    )
    found = file.read_or_make(
        lambda: _compute(by_id, row, name),
        waiting=f"Waiting for another process that computes the codes of {name}",
    )
    kept = {key: value.numpy() for key, value in found.items()}
    order = pd.Index(by_id["id"]).get_indexer(table["id"])
    by_utterance = np.split(kept["codes"], np.cumsum(kept["lengths"])[:-1])
    return FrameCodes(
        codes=np.concatenate([by_utterance[number] for number in order]),
        lengths=kept["lengths"][order],
        num_entries=row.quantizer.num_entries,
        drawn_bits=kept["drawn_bits"],
    )


def read_batches(
    table: pd.DataFrame, what: str, encoder: Encoder
) -> Iterator[tuple[IndexArray, Tensor, Tensor]]:
    """Yields the row numbers of a batch, (B, S) waveforms as `encoder` takes them and (B,) lengths;
    a bar counts seconds of `what`."""
    lengths = lengths_16k(table)
    seconds = lengths / SAMPLE_RATE_HZ
    with tqdm(total=float(seconds.sum()), unit="s", unit_scale=True, desc=what) as bar:
        for rows in batches(longest_first(lengths), lengths):
            yield rows, *read_batch(table, rows, encoder.prepare)
            bar.update(float(seconds[rows].sum()))


@torch.inference_mode()
def _compute(table: pd.DataFrame, row: RowQuantizer, name: str) -> Tensors:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoder, quantizer = row.encoder.to(device), row.quantizer.to(device)
    num_codebooks = quantizer.num_codebooks
    pieces = [torch.empty(0)] * len(table)
    mean = torch.zeros(num_codebooks, quantizer.num_entries, dtype=torch.float64)
    noise = torch.zeros(num_codebooks, dtype=torch.float64)
    for rows, waveforms, num_samples in read_batches(table, f"codes of {name}", encoder):
        features = encoder.features(waveforms.to(device), num_samples.to(device))
        logits = quantizer.to_logits(features.normalized.float())
        logits = rearrange(logits, "B T (G V) -> B T G V", G=num_codebooks)
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
            pieces[int(number)] = valid.argmax(dim=-1).to(torch.int32)
    lengths = torch.tensor([len(piece) for piece in pieces])
    num_frames = int(lengths.sum())
    used = torch.special.entr(mean / num_frames).sum(dim=-1) - noise / num_frames
    return {
        "codes": torch.cat(pieces),
        "lengths": lengths,
        "drawn_bits": torch.from_numpy(used.numpy() / np.log(2.0)),
    }


def _below(prefix: str, tensors: Tensors) -> Tensors:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
