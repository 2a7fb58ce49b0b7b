"""The only file of the product that imports fairseq2: its positional conv and its Transformer.

fairseq2's quantizer, masker and feature extractor are not used: the quantizer compiles in every
forward and waits for the device, the masker's share depends on batch mates, and the extractor is
half as fast as `pretrain.model.time_major_conv`.
"""

# fairseq2's native part wants the system library libsndfile.so.1, which a fresh machine lacks.
# The soundfile wheel brings the library under the same name: it must be loaded first.
import soundfile  # noqa: F401  # isort: skip
import torch
from fairseq2.models.transformer import TransformerNormOrder
from fairseq2.models.transformer.attention_bias import AttentionBiasCache
from fairseq2.models.wav2vec2 import Wav2Vec2EncoderConfig
from fairseq2.models.wav2vec2.factory import Wav2Vec2EncoderFactory
from fairseq2.nn import BatchLayout
from torch import Tensor, nn
from torch.nn.utils import parametrizations, remove_weight_norm

from pretrain.data.frames import CONV_KERNELS, CONV_STRIDES
from pretrain.model.encoder_settings import EncoderSettings


def encoder_config(settings: EncoderSettings) -> Wav2Vec2EncoderConfig:
    """Returns fairseq2's configuration of an encoder of our sizes."""
    post = settings.norm_order == "post"
    return Wav2Vec2EncoderConfig(
        model_dim=settings.model_dim,
        feature_dim=settings.conv_dim,
        feature_extractor_layer_descs=[
            (settings.conv_dim, kernel, stride)
            for kernel, stride in zip(CONV_KERNELS, CONV_STRIDES, strict=True)
        ],
        feature_extractor_layer_norm_convs=True,
        feature_grad_scale=settings.conv_gradient_scale,
        layer_norm_features=post,
        pos_conv_kernel_size=settings.position_kernel,
        num_pos_conv_groups=settings.position_groups,
        num_encoder_layers=settings.num_layers,
        num_encoder_attn_heads=settings.num_heads,
        ffn_inner_dim=settings.ffn_dim,
        dropout_p=settings.dropout,
        attn_dropout_p=settings.dropout,
        layer_drop_p=0.0,
        norm_order=TransformerNormOrder.POST if post else TransformerNormOrder.PRE,
    )


def build_position_encoder(settings: EncoderSettings) -> nn.Module:
    """Returns wav2vec 2.0's positional convolution; see `run_position_encoder`."""
    encoder = Wav2Vec2EncoderFactory(encoder_config(settings)).create_position_encoder()
    assert isinstance(encoder.conv, nn.Conv1d)
    # fairseq2's weight norm leaves a computed tensor on the module, which cannot be deep-copied
    # for the teacher; the parametrization computes the same and can.
    remove_weight_norm(encoder.conv)
    parametrizations.weight_norm(encoder.conv, dim=2)
    return encoder


def build_transformer(settings: EncoderSettings) -> nn.Module:
    """Returns fairseq2's `StandardTransformerEncoder`; see `run_transformer`."""
    encoder: nn.Module = Wav2Vec2EncoderFactory(encoder_config(settings)).create_encoder()
    return encoder


def batch_layout(num_frames: list[int], width: int, device: torch.device) -> BatchLayout:
    """Returns fairseq2's description of a (B, T) batch with `num_frames` valid frames per row."""
    return BatchLayout((len(num_frames), width), num_frames, device=device)


def run_position_encoder(encoder: nn.Module, x: Tensor, layout: BatchLayout) -> Tensor:
    """Returns `x` (B, T, D) plus its positional encodings; zeroes the padding frames first.

    Always in fp32 on CPUs: with AMX, oneDNN's grouped convolution in bf16 is wrong by more than its
    result (torch 2.9.1, Xeon of 2023).
    """
    if x.device.type == "cpu":
        with torch.autocast("cpu", enabled=False):
            exact: Tensor = encoder(x.float(), layout)
        return exact
    out: Tensor = encoder(x, layout)
    return out


def run_transformer(
    encoder: nn.Module, x: Tensor, layout: BatchLayout, *, return_ffn: bool
) -> tuple[list[Tensor], list[Tensor]]:
    """Runs the Transformer on `x` (B, T, D); padding frames are no attention keys.

    Returns the L + 1 states (B, T, D), the first is `x`, the last has the final norm of a pre-norm
    Transformer; and, if `return_ffn`, each block's FFN output (B, T, D) before dropout, residual
    and norm.
    """
    states: list[Tensor] = [x]
    ffn_outputs: list[Tensor] = []

    def keep_output(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ffn_outputs.append(output)

    bias_cache = AttentionBiasCache()
    for layer in encoder.layers:  # type: ignore[union-attr]
        hook = layer.ffn.register_forward_hook(keep_output) if return_ffn else None
        states.append(layer(states[-1], layout, bias_cache))
        if hook is not None:
            hook.remove()
    if encoder.layer_norm is not None:
        states[-1] = encoder.layer_norm(states[-1])  # type: ignore[operator]
    return states, ffn_outputs
