"""Released encoders: folders in the format of `transformers` (extra `released`), of whatever kind.

Each architecture has one line in `ARCHITECTURES`, and a module of its own where it hears something
else than a waveform. Weights are safetensors, or a
`pytorch_model.bin` that is read by torch's restricted unpickler, which runs nothing.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from pretrain.model.encode import SoundEncoder
from pretrain.model.kinds.registry import Described
from pretrain.model.transformers_format import PRETRAINING
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import JsonError, Schema, read_object


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One `model_type` of config.json."""

    class_name: str
    """Of transformers; a CTC head on top is left out."""

    mode: str = ""
    """The targets that such models are trained on, as objectives are called; empty for others."""

    encoder: str = "pretrain.model.kinds.waveform_models:WaveformModel"
    """`module:class` of the `SoundEncoder` that is made of a `LoadedModel`."""

    part: str = ""
    """Where only a part of the model is an encoder: its attribute."""

    padding_is_kept_out: bool = False
    """Whether an attention mask keeps padding out everywhere, if the conv stack has no GroupNorm,
    whose statistics are those of the whole row. Else rows are encoded one by one: data2vec zeroes
    padding before the first of its five positional convolutions only."""


ARCHITECTURES = {
    "wav2vec2": Architecture(
        class_name="Wav2Vec2Model", mode="quantized", padding_is_kept_out=True
    ),
    "data2vec-audio": Architecture(class_name="Data2VecAudioModel", mode="continuous"),
    "hubert": Architecture(class_name="HubertModel", padding_is_kept_out=True),
    "wavlm": Architecture(class_name="WavLMModel"),
    "unispeech-sat": Architecture(class_name="UniSpeechSatModel"),
    "wav2vec2-conformer": Architecture(class_name="Wav2Vec2ConformerModel", mode="quantized"),
    "wav2vec2-bert": Architecture(
        class_name="Wav2Vec2BertModel",
        mode="quantized",
        encoder="pretrain.model.kinds.wav2vec2_bert:Wav2Vec2Bert",
    ),
    "whisper": Architecture(
        class_name="WhisperModel",
        encoder="pretrain.model.kinds.whisper:WhisperEncoder",
        part="encoder",
    ),
}
"""Codes of HuBERT, WavLM and UniSpeech-SAT are clusters of features, Whisper is trained on
transcripts: their family is `other`."""

PREPROCESSOR_FILE = "preprocessor_config.json"

CONFIG_FILE = "config.json"

INDEX_FILE = "model.safetensors.index.json"

SAFE_WEIGHTS, PICKLED_WEIGHTS = "model*.safetensors", "pytorch_model*.bin"

MAY_BE_MISSING = {"masked_spec_embed"}
"""Weights that only masking reads, which some releases lack."""

_OF_TRANSFORMERS = (
    ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, SafetensorError, TypeError,
    ValueError,
)  # fmt: skip
"""What it raises on a folder that is not as it should be."""


class _Config(Schema):
    """config.json."""

    model_type: str | None = None
    architectures: list[str] | None = None
    quantized_or_continuous: dict[str, Any] | None = None
    """What an export of ours says of its pre-training."""


class _Index(Schema):
    """model.safetensors.index.json, of a model in several files."""

    weight_map: dict[str, str]


class ReleasedWarning(UserWarning):
    """What a released folder does not say."""


class ReleasedError(InputError):
    """A released folder that cannot be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model of `transformers` and what its folder says of it."""

    model: nn.Module
    """In fp32 and eval mode, on the CPU."""

    folder: Path
    config: dict[str, Any]
    """config.json."""

    preprocessor: dict[str, Any] | None
    """preprocessor_config.json; None where there is none."""

    architecture: Architecture


def is_released(folder: Path) -> bool:
    """Tells whether `folder` is one in the format of `transformers` rather than a run of ours.

    Raises `ReleasedError` when it has a config.json that cannot be read.
    """
    return "model_type" in _read_config(folder)


def load_released(folder: Path | str) -> SoundEncoder:
    """Loads a released folder in eval mode, on the CPU.

    Raises `ReleasedError` when it is of another architecture, or damaged.
    """
    folder = Path(folder).expanduser()
    config = _read_config(folder)
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        raise ReleasedError(
            f"`{folder / CONFIG_FILE}` must have `model_type` {', '.join(sorted(ARCHITECTURES))}, "
            f"but has {kind!r} instead."
        )
    if not any(folder.glob(SAFE_WEIGHTS)) and not any(folder.glob(PICKLED_WEIGHTS)):
        raise ReleasedError(
            f"`{folder}` has no model.safetensors and no pytorch_model.bin. Copy it again."
        )
    architecture = ARCHITECTURES[kind]
    try:
        file = folder / PREPROCESSOR_FILE
        preprocessor = read_object(file) if file.is_file() else None
        if (folder / INDEX_FILE).is_file():
            read_object(folder / INDEX_FILE, _Index)
    except JsonError as error:
        raise ReleasedError(f"{error} Copy it again.") from error
    loaded = LoadedModel(
        model=_load_model(folder, architecture),
        folder=folder,
        config=config,
        preprocessor=preprocessor,
        architecture=architecture,
    )
    module, _, name = architecture.encoder.partition(":")
    try:
        encoder: SoundEncoder = getattr(import_module(module), name)(loaded)
    except ReleasedError:
        raise
    except _OF_TRANSFORMERS as error:
        raise ReleasedError(f"`{folder}` cannot be used: {error}. Copy it again.") from error
    return encoder


def _load_model(folder: Path, architecture: Architecture) -> nn.Module:
    try:
        import transformers
    except ImportError as error:
        raise ReleasedError(
            f"`{folder}` is a released encoder, for which `transformers` is needed: "
            "pip install -e '.[released]'."
        ) from error
    try:
        description = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        # Masks and dropped layers would make the states of a trained encoder random.
        description.apply_spec_augment = False
        description.layerdrop = 0.0
        model, info = getattr(transformers, architecture.class_name).from_pretrained(
            folder,
            config=description,
            local_files_only=True,
            use_safetensors=any(folder.glob(SAFE_WEIGHTS)),
            weights_only=True,
            output_loading_info=True,
        )
    except _OF_TRANSFORMERS as error:
        raise ReleasedError(f"`{folder}` cannot be loaded: {error}. Copy it again.") from error
    part = architecture.part
    missing = sorted(
        name for name in set(info["missing_keys"]) - MAY_BE_MISSING if name.startswith(part)
    )
    if missing:
        raise ReleasedError(
            f"`{folder}` lacks {len(missing)} weights of its encoder, the first is {missing[0]!r}. "
            "Copy it again."
        )
    encoder: nn.Module = getattr(model, part) if part else model
    return encoder.float().eval()


class ReleasedKind:
    """See `EncoderKind`."""

    weights = (SAFE_WEIGHTS, PICKLED_WEIGHTS)
    settings = (CONFIG_FILE, INDEX_FILE, PREPROCESSOR_FILE)
    words = "a released model in the format of transformers"

    def is_in(self, folder: Path) -> bool:
        return is_released(folder) or any(folder.glob(self.weights[0]))

    def describe(self, folder: Path) -> Described:
        config = _read_config(folder)
        names = config.get("architectures")
        exported = config.get(PRETRAINING) or {}
        known = ARCHITECTURES.get(str(config.get("model_type")))
        mode = exported.get("mode") if exported else known and known.mode
        return Described(
            name=str(exported.get("name") or folder.name),
            made_by="released" if config else "",
            mode=str(mode or ""),
            finetuned=None if names is None else any("CTC" in name for name in names),
            num_parameters=_num_parameters(folder / CONFIG_FILE, known) if known else None,
        )

    def load(self, folder: Path, *, initial: bool = False) -> SoundEncoder:
        if initial:
            raise ReleasedError(f"`{folder}` has no weights from before its training.")
        return load_released(folder)


KIND = ReleasedKind()


@cache
def _num_parameters(config: Path, architecture: Architecture) -> int | None:
    """Counts them of config.json alone; None where transformers cannot."""
    try:
        import transformers

        with torch.device("meta"):
            model: nn.Module = getattr(transformers, architecture.class_name)(
                transformers.AutoConfig.from_pretrained(config, local_files_only=True)
            )
    except (ImportError, *_OF_TRANSFORMERS):
        return None  # which loading it says better
    encoder = model.get_submodule(architecture.part)
    return sum(parameter.numel() for parameter in encoder.parameters())


def _read_config(folder: Path) -> dict[str, Any]:
    """Returns config.json; nothing where there is none, as in a run folder of ours."""
    if not (folder / CONFIG_FILE).is_file():
        return {}
    try:
        return read_object(folder / CONFIG_FILE, _Config)
    except JsonError as error:
        raise ReleasedError(f"{error} Copy it again.") from error
