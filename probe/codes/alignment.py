"""Which character is said in which frame: the best path of a CTC model through a transcript.

Shapes: T frames, C classes (blank and characters), U characters, F frames of all utterances.
"""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import nn

from pretrain.data.vocabulary import BLANK, frames_needed
from pretrain.model.weights import weights_hash
from pretrain.recognition.recognizer import Recognizer, load_recognizer
from pretrain.shared.json_files import JsonError
from pretrain.shared.kept_tensors import TensorFile, Tensors
from pretrain.shared.normalized_text import transcript
from pretrain.shared.numbers_version import kept_as
from pretrain.shared.run_record import read_record
from probe.codes.frames import CodesError, read_batches

NO_CHARACTER = -1
"""Blanks, spaces, and frames of utterances that were not aligned."""

FORMAT = "alignment" + kept_as("audio", "encoder", "alignment")


def load_aligner(folder: Path) -> tuple[Recognizer, dict[str, Any]]:
    """Loads a finished run of pretrain/finetune.py, and describes it: the entry `aligner` in
    run.json. Raises `ValueError` when the folder holds none, or it is not finished or damaged."""
    try:
        record = read_record(folder)
    except JsonError as error:
        raise CodesError(
            "`--ctc` must be the folder of a finished run of pretrain/finetune.py, but the "
            f"run.json of {folder} cannot be read instead ({error})"
        ) from error
    if (status := str(record.get("status"))) != "finished":
        raise CodesError(
            f"`--ctc` must be a finished run of pretrain/finetune.py, but {folder} has the status "
            f"{status!r} instead: finish it with its own command, or leave --ctc out."
        )
    described = {
        "folder": str(folder),
        "name": str(record.get("name") or folder.name),
        "corpus": str(record.get("finetuned_on") or ""),
        "dev_cer": record.get("cer"),
    }
    return load_recognizer(folder), described


def kept_alignment(
    table: pd.DataFrame, recognizer: Recognizer, name: str, folder: Path
) -> tuple[npt.NDArray[np.int64], int]:
    """Returns what `align_table` does; `folder` keeps it."""
    weights = weights_hash(nn.ModuleList([recognizer.encoder, recognizer.head]))
    said = [table[key].astype(str).tolist() for key in ("id", "audio_hash", "text")]
    content = json.dumps([recognizer.vocabulary.characters, said])
    inputs = blake2b(content.encode(), digest_size=8).hexdigest()
    path = folder / f"{weights[:16]}-{inputs}-{FORMAT}.safetensors"

    def make() -> Tensors:
        classes, num_aligned = align_table(table, recognizer, name)
        return {"classes": torch.from_numpy(classes), "num_aligned": torch.tensor([num_aligned])}

    kept = TensorFile(path=path, names=["classes", "num_aligned"]).read_or_make(
        make, waiting=f"Waiting for another process that aligns {name}"
    )
    return kept["classes"].numpy(), int(kept["num_aligned"][0])


def align(log_probs: npt.NDArray[np.floating], targets: list[int]) -> npt.NDArray[np.int64]:
    """Returns (T,) the class of every frame on the likeliest path that writes `targets` (U,).

    Viterbi over blank, first character, blank, ... of `log_probs` (T, C). Own, since torchaudio
    has deprecated its forced alignment.
    """
    assert len(log_probs) >= frames_needed(targets)
    states = np.full(2 * len(targets) + 1, BLANK, dtype=np.int64)
    states[1::2] = targets
    # A character may follow another directly, unless they are equal.
    skips = np.zeros(len(states), dtype=np.bool_)
    skips[3::2] = states[3::2] != states[1:-2:2]
    emitted = log_probs[:, states].astype(np.float64)
    score = np.full(len(states), -np.inf)
    score[:2] = emitted[0, :2]
    came = np.zeros(emitted.shape, dtype=np.int8)
    for frame in range(1, len(emitted)):
        one = np.concatenate([[-np.inf], score[:-1]])
        two = np.where(
            skips, np.concatenate([[-np.inf, -np.inf], score[:-2]])[: len(score)], -np.inf
        )
        choices = np.stack([score, one, two])
        came[frame] = choices.argmax(axis=0)
        score = choices.max(axis=0) + emitted[frame]
    state = len(states) - 1
    if len(states) > 1 and score[-2] > score[-1]:
        state -= 1
    path = np.empty(len(emitted), dtype=np.int64)
    for frame in range(len(emitted) - 1, -1, -1):
        path[frame] = states[state]
        state -= int(came[frame, state])
    return path


@torch.inference_mode()
def align_table(
    table: pd.DataFrame, recognizer: Recognizer, name: str
) -> tuple[npt.NDArray[np.int64], int]:
    """Aligns the transcripts of a corpus.

    Returns (F,) classes in order of the table, or `NO_CHARACTER`; and how many utterances were
    aligned: not those without text, with a character that the recognizer does not know, or with
    fewer frames than it takes. Only the frames in which the path is on a character count: what
    lies between is CTC's blank, which says nothing.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoder, head = recognizer.encoder.to(device).eval(), recognizer.head.to(device).eval()
    vocabulary = recognizer.vocabulary
    texts = [transcript(str(text)) for text in table["text"]]
    unsaid = [BLANK, *([] if vocabulary.unknown(" ") else vocabulary.encode(" "))]
    pieces: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)] * len(table)
    num_aligned = 0
    for rows, waveforms, num_samples in read_batches(table, f"align {name}", recognizer.encoder):
        output = encoder(waveforms.to(device), num_samples.to(device))
        log_probs = head(output.layers[-1]).cpu().numpy()
        for place, number in enumerate(rows):
            count, text = int(output.num_frames[place]), texts[number]
            classes = [] if vocabulary.unknown(text) else vocabulary.encode(text)
            path = np.full(count, BLANK, dtype=np.int64)
            if classes and frames_needed(classes) <= count:
                path = align(log_probs[place, :count], classes)
                num_aligned += 1
            pieces[int(number)] = np.where(np.isin(path, unsaid), NO_CHARACTER, path)
    return np.concatenate(pieces), num_aligned
