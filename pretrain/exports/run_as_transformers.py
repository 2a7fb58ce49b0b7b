"""Exports of finished runs, and what they say of themselves."""

import json
from collections.abc import Mapping
from importlib import import_module
from math import log10
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.kinds.registry import RUN, EncoderFolder, read_encoder_folder
from pretrain.model.transformers_format import (
    PRETRAINING,
    RELEASED_EPSILON,
    feature_extractor_config,
    wav2vec2_config,
    wav2vec2_weights,
)
from pretrain.model.weights import read_weights
from pretrain.shared.atomic_files import replaced_folder
from pretrain.shared.errors import InputError

CARD = "README.md"

KEPT_KEYS = ("name", "mode", "row", "seed", "presentation", "updates", "audio_hours", "hashes")
"""Of run.json, in config.json."""


def export(folder: Path, out: Path, *, to: str = "transformers", initial: bool = False) -> None:
    """Writes the encoder of a finished run to `out`, all files or none.

    Args:
        folder: Of pretrain/run.py or pretrain/finetune.py.
        out: A folder that is new, empty, or an earlier export.
        to: The format; only `transformers` can be written.
        initial: The weights from before training.

    Raises:
        InputError: The run cannot be exported, `out` holds something else, or the format cannot
            hold the encoder; the message says what to do.
    """
    if to != "transformers":
        raise InputError(
            f"--to {to} cannot hold these encoders: fairseq2's wav2vec 2.0 has no projection where "
            "conv stack and Transformer are equally wide, and ours always has one. Export --to "
            "transformers."
        )
    held = read_encoder_folder(folder.expanduser(), called="RUN")
    if held.kind != RUN:
        raise InputError(f"RUN {folder} must be a run of this project, but is of another kind.")
    _check_out(out)
    settings, tensors = read_weights(held.path, initial=initial)
    try:
        transformers: Any = import_module("transformers")
    except ImportError as error:
        raise InputError("An export needs `transformers`: pip install -e '.[released]'.") from error
    said = _said(held, settings, initial=initial)
    sizes = {**wav2vec2_config(settings), PRETRAINING: said}
    config = transformers.Wav2Vec2Config(**sizes)
    extractor = transformers.Wav2Vec2FeatureExtractor(**feature_extractor_config())
    with replaced_folder(out) as beside:
        if held.described.finetuned and not initial:
            _write_recognizer(transformers, held.path, config, tensors, beside)
        else:
            model = transformers.Wav2Vec2Model(config)
            model.load_state_dict(wav2vec2_weights(tensors))
            model.save_pretrained(beside, safe_serialization=True)
        extractor.save_pretrained(beside)
        (beside / CARD).write_text(_card(said, held), encoding="utf-8")


def _write_recognizer(
    transformers: Any, folder: Path, config: Any, tensors: Mapping[str, Tensor], beside: Path
) -> None:
    from pretrain.recognition.recognizer import load_recognizer

    recognizer = load_recognizer(folder)
    vocabulary = recognizer.vocabulary
    classes = {"<pad>": 0}
    for index, character in enumerate(vocabulary.characters, start=1):
        classes["|" if character == " " else character] = index
    # Classes that the tokenizer wants and the head never gives.
    for name in ("<unk>", "<s>", "</s>", "|"):
        classes.setdefault(name, len(classes))
    (beside / "vocab.json").write_text(json.dumps(classes, ensure_ascii=False), encoding="utf-8")
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(beside / "vocab.json"))
    config.vocab_size, config.pad_token_id = vocabulary.num_classes, 0
    config.bos_token_id, config.eos_token_id = classes["<s>"], classes["</s>"]
    config.final_dropout = 0.0
    model = transformers.Wav2Vec2ForCTC(config)
    head = recognizer.head.linear
    weights = {f"wav2vec2.{name}": t for name, t in wav2vec2_weights(tensors).items()}
    with torch.no_grad():
        model.load_state_dict({**weights, "lm_head.weight": head.weight, "lm_head.bias": head.bias})
    model.save_pretrained(beside, safe_serialization=True)
    tokenizer.save_pretrained(beside)


def _said(held: EncoderFolder, settings: EncoderSettings, *, initial: bool) -> dict[str, Any]:
    """Returns what config.json says of the run."""
    record = held.described.record
    said = {key: record[key] for key in KEPT_KEYS if record.get(key) is not None}
    corpus = record.get("corpus") or {}
    said |= {
        "kind": held.described.made_by,
        "weights": "initial" if initial else "final",
        "corpus": {k: corpus[k] for k in ("name", "hours", "num_utterances") if k in corpus},
        "normalize_epsilon": settings.normalize_epsilon,
        "conv_tap_correlation": settings.conv_tap_correlation,
    }
    if initial:
        said.pop("mode", None)
    return said


def _check_out(out: Path) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    config = out / "config.json"
    if out.is_dir() and config.is_file() and PRETRAINING in config.read_text(encoding="utf-8"):
        return
    raise InputError(f"DIR {out} must be new, empty or an earlier export, but holds other files.")


def _card(said: Mapping[str, Any], held: EncoderFolder) -> str:
    """Returns the model card, in Markdown."""
    corpus = said["corpus"]
    hours = f" ({corpus['hours']:.2f} hours)" if "hours" in corpus else ""
    rows = {
        "trained as": said.get("mode") or "nothing: initial weights",
        "row": ", ".join(f"{k} = {v}" for k, v in (said.get("row") or {}).items()),
        "corpus": f"{corpus.get('name', 'not known')}{hours}",
        "updates": said.get("updates", "not known"),
        "audio heard, h": said.get("audio_hours", "not known"),
        "seed": said.get("seed", "not known"),
        **{f"hash of {k}": f"`{v}`" for k, v in (said.get("hashes") or {}).items() if v},
    }
    epsilon = said["normalize_epsilon"]
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items() if value != "")
    return f"""---
library_name: transformers
tags: [speech, wav2vec2]
---
# {held.described.name}

A speech encoder of the testbed *Quantized or continuous?*: 7 convolutions and a Transformer, 16 kHz
in, about 50 frames a second out. What it was trained for is not what `Wav2Vec2` in its name says,
but this:

| | |
|---|---|
{table}

    from transformers import AutoFeatureExtractor, AutoModel
    model = AutoModel.from_pretrained(DIR)
    extractor = AutoFeatureExtractor.from_pretrained(DIR)

For equal normalised input every hidden state is that of the run. {_normalised(epsilon)}
"""


def _normalised(epsilon: float) -> str:
    """Returns how the run heard its sound, in sentences."""
    if epsilon == RELEASED_EPSILON:
        return "The extractor normalises sound as the run did."
    quiet = 10 * log10(epsilon) + 10
    return f"""It was trained on sound that
is normalised with an epsilon of {epsilon:g} on its variance, the extractor of transformers has
{RELEASED_EPSILON:g}. Sound quieter than {quiet:.0f} dB of full scale (RMS) therefore has other
states, unless it is normalised as the run was (`normalize_epsilon` in config.json)."""
