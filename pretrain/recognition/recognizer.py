"""A fine-tuned encoder with its CTC head: writes down what is said, greedily.

Shapes: B batch, S samples, D model dim.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pretrain.data.audio.waveforms import check_whole, read_waveform
from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.data.loader import pad_waveforms
from pretrain.data.vocabulary import VOCABULARY_FILE, Vocabulary, load_vocabulary
from pretrain.model.encoder import Encoder
from pretrain.model.weights import WeightsError, check_unchanged, load_encoder
from pretrain.objectives.ctc import CtcHead, greedy
from pretrain.shared.atomic_files import replaced

HEAD_FILE = "ctc_head.safetensors"

BATCH_SECONDS = 60.0
"""Most audio that is decoded at once, padding included."""


@dataclass(frozen=True)
class Recognizer:
    """Encoder, head and vocabulary of one fine-tuning run."""

    encoder: Encoder
    head: CtcHead
    vocabulary: Vocabulary

    def save_head(self, folder: Path) -> None:
        """Writes head and vocabulary beside the encoder's own files."""
        tensors = {n: t.detach().cpu().contiguous() for n, t in self.head.state_dict().items()}
        with replaced(folder / HEAD_FILE, durably=True) as beside:
            save_file(tensors, beside)
        self.vocabulary.save(folder)

    @torch.no_grad()
    def transcribe(self, waveforms: Tensor, num_samples: Tensor) -> list[str]:
        """Returns the text of normalised `waveforms` (B, S) with `num_samples` (B,) valid ones."""
        output = self.encoder(waveforms, num_samples)
        return greedy(self.head(output.layers[-1]), output.num_frames, self.vocabulary)

    def transcribe_table(self, utterances: pd.DataFrame) -> list[str]:
        """Returns the text of every row of a table with the column `num_samples` (16 kHz).

        Raises `ValueError` when an utterance is too long to be taken as a whole.
        """
        check_whole(utterances)
        self.encoder.eval()
        self.head.eval()
        device = self.head.linear.weight.device
        texts = [""] * len(utterances)
        for rows in _batches(utterances["num_samples"].tolist()):
            read = [read_waveform(utterances.iloc[row]) for row in rows]
            waveforms, num_samples = pad_waveforms([self.encoder.prepare(w) for w in read])
            written = self.transcribe(waveforms.to(device), num_samples.to(device))
            for row, text in zip(rows, written, strict=True):
                texts[row] = text
        return texts


def load_recognizer(folder: Path | str) -> Recognizer:
    """Loads a finished fine-tuning run; raises `WeightsError` or `VocabularyError`."""
    folder = Path(folder).expanduser()
    encoder, vocabulary = load_encoder(folder), load_vocabulary(folder)
    check_unchanged(folder, HEAD_FILE, VOCABULARY_FILE)
    head = CtcHead(encoder.settings.model_dim, vocabulary.num_classes)
    try:
        head.load_state_dict(load_file(folder / HEAD_FILE))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"`{folder / HEAD_FILE}` cannot be read or does not fit `{folder}`: {error}. Copy it "
            "again."
        ) from error
    return Recognizer(encoder, head, vocabulary)


def _batches(num_samples: list[int]) -> Iterator[list[int]]:
    """Yields rows of similar lengths, `BATCH_SECONDS` at most unless a single one is longer."""
    rows: list[int] = []
    for row in sorted(range(len(num_samples)), key=lambda row: num_samples[row]):
        if rows and num_samples[row] * (len(rows) + 1) > BATCH_SECONDS * SAMPLE_RATE_HZ:
            yield rows
            rows = []
        rows.append(row)
    yield rows
