"""Released encoders that hear waveforms: folders in the format of `transformers`.

Needs the extra `released` (transformers). Weights are safetensors, or a `pytorch_model.bin` that is
read by torch's restricted unpickler, which runs nothing.

Shapes: B batch, S samples, T frames (S / 320 rounded up), D model dim, L layers.
"""

import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn

from pretrain.data.audio.waveforms import Waveform
from pretrain.data.frames import CONV_KERNELS, CONV_STRIDES, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from pretrain.data.loader import normalize_waveform
from pretrain.model.encode import EncoderOutput, SoundEncoder
from pretrain.model.kinds.registry import Described
from pretrain.model.transformers_format import PRETRAINING, RELEASED_EPSILON
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import JsonError, Schema, read_object


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One `model_type` of config.json."""

    class_name: str
    """Of transformers; a CTC head on top is left out."""

    mode: str = ""
    """The targets that such models are trained on, as objectives are called; empty for others."""

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
}
"""Codes of HuBERT, WavLM and UniSpeech-SAT are clusters of features: their family is `other`."""

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


class _Preprocessor(Schema):
    """preprocessor_config.json."""

    sampling_rate: int = SAMPLE_RATE_HZ
    do_normalize: bool = True


class _Index(Schema):
    """model.safetensors.index.json, of a model in several files."""

    weight_map: dict[str, str]


class ReleasedWarning(UserWarning):
    """What a released folder does not say."""


class ReleasedError(InputError):
    """A released folder that cannot be used; the message says why and what to do."""


class ReleasedEncoder(SoundEncoder):
    """A model of `transformers` that answers as our `Encoder` does."""

    def __init__(self, model: nn.Module, config_text: str, input_epsilon: float | None) -> None:
        """`input_epsilon` is on the variance by which sound is normalised; None where it is not."""
        super().__init__()
        self.model: Any = model
        self.config_text = config_text
        self.input_epsilon = input_epsilon
        config: Any = model.config
        self.dim = int(config.hidden_size)
        self.num_layers = int(config.num_hidden_layers)
        self.row_by_row = (
            not ARCHITECTURES[config.model_type].padding_is_kept_out
            or config.feat_extract_norm == "group"
        )

    def forward(self, waveforms: Tensor, num_samples: Tensor) -> EncoderOutput:
        """Encodes normalised `waveforms` (B, S) with `num_samples` (B,) valid samples.

        Returns L + 1 layers (B, T, D): the input of block 1, then the output of every block.
        Frames beyond a row's valid ones are 0. A row needs at least 400 valid samples.
        """
        width = -(-waveforms.shape[1] // SAMPLES_PER_FRAME)
        if self.row_by_row:
            rows = [
                self._encode(waveforms[row : row + 1, :count], None)
                for row, count in enumerate(num_samples.tolist())
            ]
            layers = [
                torch.cat([_pad_frames(state, width) for state in states])
                for states in zip(*rows, strict=True)
            ]
        else:
            positions = torch.arange(waveforms.shape[1], device=waveforms.device)
            mask = positions < num_samples[:, None]
            layers = [_pad_frames(x, width) for x in self._encode(waveforms, mask.long())]
        num_frames = self.num_frames(num_samples)
        valid = torch.arange(width, device=waveforms.device) < num_frames[:, None]
        layers = [torch.where(valid[:, :, None], layer, 0.0) for layer in layers]
        return EncoderOutput(layers=layers, num_frames=num_frames)

    def beside_weights(self) -> object:
        return [type(self).__name__, self.config_text, self.input_epsilon]

    def prepare(self, waveform: Waveform) -> Waveform:
        if self.input_epsilon is None:
            return waveform
        return normalize_waveform(waveform, self.input_epsilon)

    def input_layers(self) -> list[nn.Module]:
        return [self.model.feature_extractor, self.model.feature_projection.layer_norm]

    def _encode(self, waveforms: Tensor, mask: Tensor | None) -> tuple[Tensor, ...]:
        # In bf16 a CPU with AMX computes the positional convolution wrongly, see
        # `pretrain.model.fairseq2_parts.run_position_encoder`; it cannot be singled out here.
        on_cpu = waveforms.device.type == "cpu"
        with torch.autocast("cpu", enabled=False) if on_cpu else nullcontext():
            output = self.model(waveforms, attention_mask=mask, output_hidden_states=True)
        states: tuple[Tensor, ...] = output.hidden_states
        return states


def is_released(folder: Path) -> bool:
    """Tells whether `folder` is one in the format of `transformers` rather than a run of ours.

    Raises `ReleasedError` when it has a config.json that cannot be read.
    """
    return "model_type" in _read_config(folder)


def load_released(folder: Path | str) -> ReleasedEncoder:
    """Loads a released folder in eval mode, on the CPU.

    Raises `ReleasedError` when it is of another kind, another frame rate, or damaged.
    """
    folder = Path(folder).expanduser()
    config = _read_config(folder)
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        raise ReleasedError(
            f"`{folder / CONFIG_FILE}` must have `model_type` {', '.join(sorted(ARCHITECTURES))}, "
            f"but has {kind!r} instead."
        )
    is_safe = any(folder.glob(SAFE_WEIGHTS))
    if not is_safe and not any(folder.glob(PICKLED_WEIGHTS)):
        raise ReleasedError(
            f"`{folder}` has no model.safetensors and no pytorch_model.bin. Copy it again."
        )
    epsilon = _input_epsilon(folder, config)
    try:
        import transformers
    except ImportError as error:
        raise ReleasedError(
            f"`{folder}` is a released encoder, for which `transformers` is needed: "
            "pip install -e '.[released]'."
        ) from error
    if (folder / INDEX_FILE).is_file():
        try:
            read_object(folder / INDEX_FILE, _Index)
        except JsonError as error:
            raise ReleasedError(f"{error} Copy it again.") from error
    try:
        description = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        # Masks and dropped layers would make the states of a trained encoder random.
        description.apply_spec_augment = False
        description.layerdrop = 0.0
        model, info = getattr(transformers, ARCHITECTURES[kind].class_name).from_pretrained(
            folder,
            config=description,
            local_files_only=True,
            use_safetensors=is_safe,
            weights_only=True,
            output_loading_info=True,
        )
    except _OF_TRANSFORMERS as error:
        raise ReleasedError(f"`{folder}` cannot be loaded: {error}. Copy it again.") from error
    missing = sorted(set(info["missing_keys"]) - MAY_BE_MISSING)
    if missing:
        raise ReleasedError(
            f"`{folder}` lacks {len(missing)} weights of its encoder, the first is {missing[0]!r}. "
            "Copy it again."
        )
    strides = tuple(model.config.conv_stride), tuple(model.config.conv_kernel)
    if strides != (CONV_STRIDES, CONV_KERNELS):
        raise ReleasedError(
            f"`{folder}` must have the strides {CONV_STRIDES} and kernels {CONV_KERNELS}, so that "
            f"its frames are those of the other stream, but has {strides[0]} and {strides[1]}."
        )
    text = (folder / CONFIG_FILE).read_text(encoding="utf-8")
    return ReleasedEncoder(model.float().eval(), text, epsilon)


def _input_epsilon(folder: Path, config: Mapping[str, Any]) -> float | None:
    """Returns how the model wants its sound normalised; without a file as transformers does."""
    file = folder / PREPROCESSOR_FILE
    try:
        wanted = read_object(file, _Preprocessor) if file.is_file() else {}
    except JsonError as error:
        raise ReleasedError(f"{error} Copy it again.") from error
    if not wanted:
        warnings.warn(
            f"{folder} has no {PREPROCESSOR_FILE}: sound is normalised to mean 0 and variance 1, "
            "the default of transformers.",
            ReleasedWarning,
            stacklevel=2,
        )
    rate = wanted.get("sampling_rate", SAMPLE_RATE_HZ)
    if rate != SAMPLE_RATE_HZ:
        raise ReleasedError(
            f"`{file}` must have `sampling_rate` {SAMPLE_RATE_HZ}, at which corpora are read, but "
            f"has {rate} instead."
        )
    if not wanted.get("do_normalize", True):
        return None
    exported = config.get(PRETRAINING) or {}
    return float(exported.get("normalize_epsilon", RELEASED_EPSILON))


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
        )

    def load(self, folder: Path, *, initial: bool = False) -> ReleasedEncoder:
        if initial:
            raise ReleasedError(f"`{folder}` has no weights from before its training.")
        return load_released(folder)


KIND = ReleasedKind()


def _read_config(folder: Path) -> dict[str, Any]:
    """Returns config.json; nothing where there is none, as in a run folder of ours."""
    if not (folder / CONFIG_FILE).is_file():
        return {}
    try:
        return read_object(folder / CONFIG_FILE, _Config)
    except JsonError as error:
        raise ReleasedError(f"{error} Copy it again.") from error


def _pad_frames(states: Tensor, width: int) -> Tensor:
    return F.pad(states, (0, 0, 0, width - states.shape[1]))
