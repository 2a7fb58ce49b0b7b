"""Our encoder as a Wav2Vec2 model of `transformers`: sizes, weights, what it expects of sound.

The architecture is wav2vec 2.0's with LayerNorm in the conv stack, so nothing but names changes.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pretrain.data.frames import CONV_KERNELS, CONV_STRIDES, SAMPLE_RATE_HZ
from pretrain.model.encoder_settings import EncoderSettings

RELEASED_EPSILON = 1e-7
"""On the variance, of transformers' feature extractors."""

NUM_CONVS = len(CONV_KERNELS)

PRETRAINING = "quantized_or_continuous"
"""Key of config.json with what an exported encoder was trained for, see `pretrain.exports`."""

_AT_THE_ENDS = {
    "mask_embedding": "masked_spec_embed",
    "conv_norm": "feature_projection.layer_norm",
    "projection": "feature_projection.projection",
    "context.norm": "encoder.layer_norm",
    "context.transformer.layer_norm": "encoder.layer_norm",
    "context.position_encoder.conv": "encoder.pos_conv_embed.conv",
}
_IN_A_LAYER = {
    "self_attn.q_proj": "attention.q_proj",
    "self_attn.k_proj": "attention.k_proj",
    "self_attn.v_proj": "attention.v_proj",
    "self_attn.output_proj": "attention.out_proj",
    "self_attn_layer_norm": "layer_norm",
    "ffn.inner_proj": "feed_forward.intermediate_dense",
    "ffn.output_proj": "feed_forward.output_dense",
    "ffn_layer_norm": "final_layer_norm",
}


def wav2vec2_config(settings: EncoderSettings) -> dict[str, Any]:
    """Returns the arguments of `transformers.Wav2Vec2Config` for an encoder of our sizes."""
    return {
        "hidden_size": settings.model_dim,
        "num_hidden_layers": settings.num_layers,
        "num_attention_heads": settings.num_heads,
        "intermediate_size": settings.ffn_dim,
        "conv_dim": [settings.conv_dim] * NUM_CONVS,
        "conv_kernel": list(CONV_KERNELS),
        "conv_stride": list(CONV_STRIDES),
        "conv_bias": False,
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": settings.norm_order == "pre",
        "num_conv_pos_embeddings": settings.position_kernel,
        "num_conv_pos_embedding_groups": settings.position_groups,
        "layerdrop": 0.0,
        **dict.fromkeys(
            ("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout"),
            settings.dropout,
        ),
    }


def wav2vec2_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the weights of our encoder by the names of `transformers.Wav2Vec2Model`."""
    return {_renamed(name): tensor.contiguous() for name, tensor in tensors.items()}


def feature_extractor_config() -> dict[str, Any]:
    """Returns the arguments of `transformers.Wav2Vec2FeatureExtractor`."""
    return {
        "feature_size": 1,
        "sampling_rate": SAMPLE_RATE_HZ,
        "padding_value": 0.0,
        "do_normalize": True,
        "return_attention_mask": True,
    }


def _renamed(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "conv":
        place = f"feature_extractor.conv_layers.{parts[2]}"
        return f"{place}.conv.weight" if parts[1] == "weights" else f"{place}.layer_norm.{parts[3]}"
    if name.startswith("context.transformer.layers."):
        inner, _, kind = ".".join(parts[4:]).rpartition(".")
        return f"encoder.layers.{parts[3]}.{_IN_A_LAYER[inner]}.{kind}"
    for ours, theirs in _AT_THE_ENDS.items():
        if name == ours or name.startswith(f"{ours}."):
            return theirs + name.removeprefix(ours)
    raise AssertionError(name)
