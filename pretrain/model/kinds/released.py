"""Released encoders: folders in the format of `transformers`, with safetensors weights.

Needs the extra `released` (transformers). Nothing is downloaded and nothing is unpickled.

Shapes: B batch, S samples, T frames (S / 320 rounded up), D model dim, L layers.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn

from pretrain.data.frames import CONV_KERNELS, CONV_STRIDES, SAMPLES_PER_FRAME
from pretrain.model.encode import EncoderOutput, SoundEncoder
from pretrain.model.kinds.registry import Described
from pretrain.model.transformers_format import PRETRAINING
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import JsonError, Schema, read_object

CLASSES = {
    "wav2vec2": "Wav2Vec2Model",
    "data2vec-audio": "Data2VecAudioModel",
    "hubert": "HubertModel",
}
"""`model_type` in config.json to the class that loads it; a CTC head on top is left out."""

MODES = {"wav2vec2": "quantized", "data2vec-audio": "continuous"}
"""Targets by `model_type`; HuBERT's clusters are neither."""

CONFIG_FILE = "config.json"

INDEX_FILE = "model.safetensors.index.json"

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


class ReleasedError(InputError):
    """A released folder that cannot be used; the message says why and what to do."""


class ReleasedEncoder(SoundEncoder):
    """A model of `transformers` that answers as our `Encoder` does."""

    def __init__(self, model: nn.Module, config_text: str) -> None:
        super().__init__()
        self.model: Any = model
        self.config_text = config_text
        config: Any = model.config
        self.dim = int(config.hidden_size)
        self.num_layers = int(config.num_hidden_layers)
        # An attention mask does not keep padding out everywhere, and such rows are encoded one by
        # one: wav2vec 2.0 BASE's GroupNorm takes its statistics over the whole row, and data2vec
        # zeroes padding before the first of its five positional convolutions only.
        self.row_by_row = (
            config.model_type == "data2vec-audio" or config.feat_extract_norm == "group"
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
        return [type(self).__name__, self.config_text]

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

    Raises `ReleasedError` when it is of another kind, another frame rate, or not in safetensors.
    """
    folder = Path(folder).expanduser()
    config = _read_config(folder)
    kind = config.get("model_type")
    if kind not in CLASSES:
        raise ReleasedError(
            f"`{folder / CONFIG_FILE}` must have `model_type` {', '.join(sorted(CLASSES))}, but "
            f"has {kind!r} instead."
        )
    if not any(folder.glob("model*.safetensors")):
        raise ReleasedError(
            f"`{folder}` has no model.safetensors, and pickled weights (.bin, .pt) are not read, "
            "since they may run code. Save the model again with `save_pretrained("
            "safe_serialization=True)`."
        )
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
        model, info = getattr(transformers, CLASSES[kind]).from_pretrained(
            folder,
            config=description,
            local_files_only=True,
            use_safetensors=True,
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
    return ReleasedEncoder(model.eval(), (folder / CONFIG_FILE).read_text(encoding="utf-8"))


class ReleasedKind:
    """See `EncoderKind`."""

    weights = ("model*.safetensors",)
    settings = (CONFIG_FILE, INDEX_FILE)
    words = "a released model in the format of transformers with safetensors weights"

    def is_in(self, folder: Path) -> bool:
        return is_released(folder) or any(folder.glob(self.weights[0]))

    def describe(self, folder: Path) -> Described:
        config = _read_config(folder)
        names = config.get("architectures")
        exported = config.get(PRETRAINING) or {}
        mode = str(exported.get("mode") or "") if exported else MODES.get(str(config["model_type"]))
        return Described(
            name=str(exported.get("name") or folder.name),
            made_by="released" if config else "",
            mode=mode or "",
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
