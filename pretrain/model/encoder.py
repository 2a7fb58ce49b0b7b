"""The paper's unified encoder (section 3, Table 3): conv stack, projection, context network.

Shapes: B batch, S samples, T frames (S / 320), C conv dim, D model dim, L layers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pretrain.data.audio.waveforms import Waveform
from pretrain.data.frames import num_frames_of
from pretrain.data.loader import normalize_waveform
from pretrain.model.context import ContextNetwork
from pretrain.model.encode import EncoderOutput, SoundEncoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.time_major_conv import TimeMajorConv
from pretrain.shared.random_streams import generator


@dataclass(frozen=True, kw_only=True)
class Features:
    """What the conv stack makes of waveforms. Frames that are not `valid` are meaningless."""

    conv: Tensor
    """(B, T, C) output of the last convolution's GELU."""

    normalized: Tensor
    """(B, T, C) `conv` after LayerNorm, from which targets are quantized."""

    projected: Tensor
    """(B, T, D) input of the context network."""

    num_frames: Tensor
    """(B,) int64."""

    valid: Tensor
    """(B, T) bool."""


class Encoder(SoundEncoder):
    """The encoder that is the same in every mode. Build it with `build_encoder`; `encode` takes raw
    sound."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.settings = settings
        self.dim, self.num_layers = settings.model_dim, settings.num_layers
        self.conv = TimeMajorConv(settings.conv_dim, tap_correlation=settings.conv_tap_correlation)
        self.conv_norm = nn.LayerNorm(settings.conv_dim)
        # wav2vec 2.0 drops this at equal dims, data2vec never does; here it is always there, so
        # that the modes share it.
        self.projection = nn.Linear(settings.conv_dim, settings.model_dim)
        self.mask_embedding = nn.Parameter(torch.rand(settings.model_dim))
        self.context = ContextNetwork(settings)

    def features(self, waveforms: Tensor, num_samples: Tensor) -> Features:
        """Runs the conv stack on `waveforms` (B, S) with `num_samples` (B,) valid samples."""
        conv = self.conv(waveforms, num_samples)
        if conv.requires_grad and self.settings.conv_gradient_scale != 1.0:
            conv = _ScaledGradient.apply(conv, self.settings.conv_gradient_scale)  # type: ignore[no-untyped-call]
        normalized = self.conv_norm(conv)
        num_frames = num_frames_of(num_samples)
        positions = torch.arange(conv.shape[1], device=conv.device)
        return Features(
            conv=conv,
            normalized=normalized,
            projected=self.projection(normalized),
            num_frames=num_frames,
            valid=positions < num_frames[:, None],
        )

    def masked(self, projected: Tensor, mask: Tensor) -> Tensor:
        """Returns `projected` (B, T, D) with the mask embedding where `mask` (B, T) is True."""
        return torch.where(mask[:, :, None], self.mask_embedding.to(projected.dtype), projected)

    def beside_weights(self) -> object:
        # Equal weights compute something else with another number of heads.
        return self.settings.tree()

    def prepare(self, waveform: Waveform) -> Waveform:
        return normalize_waveform(waveform, self.settings.normalize_epsilon)

    def heard_as(self) -> str:
        return f"normalised-{self.settings.normalize_epsilon:g}"

    def input_layers(self) -> list[nn.Module]:
        return [self.conv, self.conv_norm]

    def forward(self, waveforms: Tensor, num_samples: Tensor) -> EncoderOutput:
        """Encodes unmasked `waveforms` (B, S) with `num_samples` (B,) valid samples.

        A row needs at least 400 valid samples, one frame.
        """
        features = self.features(waveforms, num_samples)
        context = self.context(features.projected, features.valid)
        return EncoderOutput(layers=context.layers, num_frames=features.num_frames)


def build_encoder(settings: EncoderSettings, seed: int) -> Encoder:
    """Builds an encoder whose initial weights are a pure function of `settings` and `seed`."""
    with seeded_weights(seed, "encoder"):
        return Encoder(settings)


@contextmanager
def seeded_weights(seed: int, name: str) -> Iterator[None]:
    """Modules built inside get initial weights that depend on `seed` and `name` only; the global
    generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(generator(seed, "weights", name).integers(2**63)))
        yield


class _ScaledGradient(torch.autograd.Function):
    """The identity, whose gradient is multiplied by a constant."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        return dy * ctx.scale, None
