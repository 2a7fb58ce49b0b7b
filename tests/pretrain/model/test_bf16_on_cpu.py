"""bf16 is near fp32 on every CPU, also where its grouped convolutions are wrong (AMX)."""

from pathlib import Path

import pytest
import torch

from pretrain.model.encoder import build_encoder
from pretrain.model.frozen import FrozenEncoder, load_frozen
from tests.pretrain.model.small import SETTINGS, make_batch


def relative_error(one: FrozenEncoder, other: FrozenEncoder) -> float:
    batch = make_batch([16_000], names=["a"])
    layers, expected = (
        [layer[0, :40].float() for layer in encoder(batch.waveforms, batch.num_samples).layers]
        for encoder in (one, other)
    )
    return max(float((a - b).norm() / b.norm()) for a, b in zip(layers, expected, strict=True))


def test_our_encoder_in_bf16_is_near_fp32() -> None:
    low, full = (
        FrozenEncoder(build_encoder(SETTINGS, seed=1), name="e", bf16=bf16)
        for bf16 in (True, False)
    )
    assert 0 < relative_error(low, full) < 0.05


@pytest.mark.slow
def test_a_released_encoder_is_computed_in_fp32_on_cpus(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        conv_dim=[24] * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
    )  # fmt: skip
    transformers.Wav2Vec2Model(config).save_pretrained(tmp_path)
    low, full = (load_frozen(tmp_path, bf16=bf16) for bf16 in (True, False))
    assert relative_error(low, full) == 0
