"""The context network: positional convolution and Transformer, what the EMA teacher copies.

Shapes: B batch, T frames, D model dim, L layers.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.fairseq2_parts import (
    batch_layout,
    build_position_encoder,
    build_transformer,
    run_position_encoder,
    run_transformer,
)


@dataclass(frozen=True, kw_only=True)
class ContextOutput:
    """States of one pass. Frames beyond a row's valid ones are meaningless."""

    layers: list[Tensor]
    """L + 1 times (B, T, D): the input of block 1, then the output of every block. With pre-norm
    the last one is after the final norm."""

    ffn: list[Tensor]
    """L times (B, T, D), the FFN outputs before residual and norm; empty if not asked for."""


class ContextNetwork(nn.Module):
    """Adds positions to frames and lets them attend to each other."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.position_encoder = build_position_encoder(settings)
        # wav2vec 2.0 normalises before a post-norm Transformer; a pre-norm one normalises itself.
        self.norm = nn.LayerNorm(settings.model_dim) if settings.norm_order == "post" else None
        self.dropout = nn.Dropout(settings.dropout)
        self.transformer = build_transformer(settings)

    def forward(self, x: Tensor, valid: Tensor, return_ffn: bool = False) -> ContextOutput:
        """Runs on frames `x` (B, T, D) of which `valid` (B, T) are real, a prefix of every row.

        Every row needs at least one valid frame.
        """
        layout = batch_layout(valid.sum(dim=1).tolist(), x.shape[1], x.device)
        x = run_position_encoder(self.position_encoder, x, layout)
        if self.norm is not None:
            x = self.norm(x)
        x = self.dropout(x)
        layers, ffn = run_transformer(self.transformer, x, layout, return_ffn=return_ffn)
        return ContextOutput(layers=layers, ffn=ffn)
