"""Fine-tuning on transcripts as a run: an encoder from a run folder, a CTC head, decodings."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.config.files import SettingsError
from pretrain.config.finetune import FinetuneSettings, ResolvedFinetune
from pretrain.data.readers.read import read_corpus
from pretrain.data.tables.delimited import write_csv
from pretrain.data.tables.utterances import load_table, table_hash
from pretrain.data.vocabulary import Vocabulary, vocabulary_of
from pretrain.engine.arithmetic.kept_precision import settle
from pretrain.engine.arithmetic.precision import AUTO, Widths
from pretrain.engine.launch import agreed
from pretrain.engine.run_folder import RunFolder, RunFolderError
from pretrain.engine.run_in_folder import run_in_folder
from pretrain.model.encoder import Encoder, build_encoder
from pretrain.model.weights import encoder_settings_in, load_encoder, weights_hash
from pretrain.objectives.ctc import CtcObjective, class_shares
from pretrain.objectives.objective import Objective
from pretrain.recognition.error_rates import best_constant, best_constant_words, error_rates
from pretrain.recognition.recognizer import Recognizer, load_recognizer
from pretrain.recognition.transcribed import TranscribedParts, split_transcribed


def finetune(settings: ResolvedFinetune, path: Path, *, resume: bool) -> bool:
    """Fine-tunes in the folder `path`, or continues or reuses what is there.

    Returns False when a signal ended it early; the same command then continues it. Raises
    `RunFolderError` when what is there was made of other settings, weights or utterances.
    """
    if settings.run.training.precision == AUTO:
        settings = settle_finetuning(settings, lambda _: path)
    folder = RunFolder(path)
    if folder.open(settings, resume=resume) == "finished":
        check_made_of(settings.run, folder)
    return run_in_folder(settings, Finetuning(settings.run), path, resume=resume)


def settle_finetuning(
    settings: ResolvedFinetune, folder_of: Callable[[ResolvedFinetune], Path]
) -> ResolvedFinetune:
    """Returns the settings with the precision that `auto` stands for, the same on all processes;
    see `pretrain.engine.arithmetic.kept_precision.settle`."""
    (settled,) = agreed(
        lambda device: settle([settings], folder_of, lambda: widths_of(settings.run), device)
    )
    return settled


def widths_of(settings: FinetuneSettings) -> Widths:
    """Returns the sizes of a run's largest matrix products."""
    return Widths.of(encoder_settings_in(Path(settings.encoder)), settings.data.shard_seconds)


class Finetuning:
    """The recipe of a fine-tuning run, see `Recipe`."""

    kind = "finetune"
    small_config = "configs/finetune/small.toml"

    def __init__(self, settings: FinetuneSettings) -> None:
        self._settings = settings
        self._parts: TranscribedParts
        self._vocabulary: Vocabulary

    def widths(self) -> Widths:
        return widths_of(self._settings)

    def select(self, table: pd.DataFrame) -> pd.DataFrame:
        self._parts = parts_of(table, self._settings)
        self._vocabulary = vocabulary_of(self._parts.train["text"])
        return self._parts.train

    def held_out(self, table: pd.DataFrame) -> None:
        """Its dev part is written down at the end instead."""

    def build(self, utterances: pd.DataFrame) -> Objective:
        ids = utterances["id"].tolist()
        transcripts = dict(zip(ids, utterances["text"], strict=True))
        num_samples = dict(zip(ids, utterances["num_samples"], strict=True))
        return CtcObjective(
            starting_encoder(self._settings),
            self._settings.ctc,
            self._vocabulary,
            transcripts,
            class_shares(self._vocabulary, transcripts, num_samples),
            self._settings.seed,
        )

    def describe(self) -> dict[str, Any]:
        parts = self._parts
        unknown = sum(self._vocabulary.unknown(text) for text in parts.dev["text"])
        return {
            "mode": "ctc",
            "start": self._settings.start,
            "finetuned_on": str(parts.train["source"].iloc[0]),
            "encoder": _describe_encoder(Path(self._settings.encoder)),
            "parts": {
                "train": len(parts.train),
                "dev": len(parts.dev),
                "test": len(parts.test),
                "dev_is": parts.dev_is,
                "left_out": dict(parts.left_out),
            },
            "classes": self._vocabulary.num_classes,
            "unknown_dev_characters": unknown,
        }

    def finish(self, objective: Objective, folder: Path) -> dict[str, Any]:
        assert isinstance(objective, CtcObjective)
        recognizer = Recognizer(objective.encoder, objective.head, self._vocabulary)
        recognizer.save_head(folder)
        scores = decode_part(recognizer, self._parts.dev, folder / "decodings-dev.csv")
        return {**scores, **constants(self._parts.train, self._parts.dev)}


def evaluate_on_test(path: Path, settings: FinetuneSettings) -> dict[str, Any]:
    """Decodes the test part with the finished run in `path`; run.json gets it under `test`.

    Raises `SettingsError` when the corpus has no test part.
    """
    parts = parts_of(load_table(path / "utterances.csv"), settings)
    if parts.test.empty:
        raise SettingsError("--evaluate-on test: the corpus has no rows of `split` test.")
    scores = decode_part(load_recognizer(path), parts.test, path / "decodings-test.csv")
    scores |= constants(parts.train, parts.test)
    folder = RunFolder(path)
    description = folder.description()
    assert description is not None
    folder.describe({**description, "test": scores})
    return scores


def check_made_of(settings: FinetuneSettings, folder: RunFolder) -> None:
    """Raises `RunFolderError` when the finished run in `folder` began with other weights than the
    encoder's folder has now, or read other utterances, of any part, than the corpus has now."""
    initial = weights_hash(starting_encoder(settings))
    folder.check_unchanged("initial_weights", initial)
    before = table_hash(load_table(folder.path / "utterances.csv"))
    corpus = read_corpus(settings.data.corpus, max_bad_share=settings.data.max_bad_share)
    if (now := table_hash(corpus)) != before:
        raise RunFolderError(
            f"{folder.path}: `data.corpus` {settings.data.corpus} changed since this run was "
            f"finished (hash {before}, now {now}). Restore what it was, or choose another --out."
        )


def parts_of(table: pd.DataFrame, settings: FinetuneSettings) -> TranscribedParts:
    """Returns the parts of a corpus that a run of these settings has."""
    return split_transcribed(
        table,
        min_seconds=settings.data.min_seconds,
        max_seconds=settings.data.crop_seconds,
        dev_share=settings.dev_share,
        seed=settings.seed,
    )


def starting_encoder(settings: FinetuneSettings) -> Encoder:
    """Returns the encoder before fine-tuning, in training mode."""
    loaded = load_encoder(Path(settings.encoder), initial=settings.start == "initial")
    sizes = dataclasses.replace(loaded.settings, dropout=settings.dropout)
    encoder = build_encoder(sizes, settings.seed)
    if settings.start != "random":
        encoder.load_state_dict(loaded.state_dict())
    return encoder.train()


def decode_part(recognizer: Recognizer, part: pd.DataFrame, file: Path) -> dict[str, float]:
    """Writes the decodings of a part (columns id, reference, hypothesis); returns its rates."""
    hypotheses = recognizer.transcribe_table(part)
    decoded = {"id": part["id"], "reference": part["text"], "hypothesis": hypotheses}
    write_csv(pd.DataFrame(decoded), file)
    return dataclasses.asdict(error_rates(part["text"].tolist(), hypotheses))


def constants(train: pd.DataFrame, part: pd.DataFrame) -> dict[str, Any]:
    """Returns the best constant answers, found on the training part, and their rates on `part`."""
    said, references = train["text"].tolist(), part["text"].tolist()
    text, words = best_constant(said), best_constant_words(said)
    return {
        "constant": text,
        "constant_cer": error_rates(references, [text] * len(references)).cer,
        "constant_words": words,
        "constant_wer": error_rates(references, [words] * len(references)).wer,
    }


def _describe_encoder(folder: Path) -> dict[str, Any]:
    description = RunFolder(folder).description() or {}
    return {
        "folder": str(folder),
        "name": description.get("name", folder.name),
        "mode": description.get("mode", ""),
        "row": description.get("row", {}),
        "hashes": description.get("hashes", {}),
        "health": description.get("health", []),
        "corpus": description.get("corpus", {}).get("name", ""),
    }
