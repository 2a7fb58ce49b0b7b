"""fairseq2's and transformers' wav2vec 2.0 with the weights of one of our quantized objectives."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from pretrain.data.frames import CONV_KERNELS, CONV_STRIDES
from pretrain.model.fairseq2_parts import encoder_config
from pretrain.objectives.quantized import QuantizedObjective


def build_fairseq2(objective: QuantizedObjective) -> Any:
    """Returns fairseq2's `Wav2Vec2Model`; model dim and conv dim must differ, otherwise it has no
    projection."""
    from fairseq2.models.wav2vec2 import Wav2Vec2Config, create_wav2vec2_model

    settings = objective.settings
    model = create_wav2vec2_model(
        Wav2Vec2Config(
            encoder_config=encoder_config(objective.encoder.settings),
            final_dim=settings.code_dim,
            quantized_dim=settings.code_dim,
            num_codebooks=settings.num_codebooks,
            num_codebook_entries=settings.num_entries,
            codebook_sampling_temperature=(1.0, 1.0, 1.0),
            num_distractors=settings.num_negatives,
            logit_temp=settings.logit_temperature,
        )
    )
    model.load_state_dict(dict(fairseq2_state(objective)))
    return model


def fairseq2_state(objective: QuantizedObjective) -> Iterator[tuple[str, Tensor]]:
    """Yields our weights under fairseq2's names."""
    renamed = (
        ("encoder.conv.weights.", "encoder_frontend.feature_extractor.layers.", ".conv.weight"),
        ("encoder.conv.norms.", "encoder_frontend.feature_extractor.layers.", ".layer_norm"),
        ("encoder.conv_norm", "encoder_frontend.post_extract_layer_norm", ""),
        ("encoder.projection", "encoder_frontend.model_dim_proj", ""),
        ("encoder.mask_embedding", "masker.temporal_mask_embed", ""),
        ("encoder.context.position_encoder", "encoder_frontend.pos_encoder", ""),
        ("encoder.context.norm", "encoder_frontend.layer_norm", ""),
        ("encoder.context.transformer", "encoder", ""),
        ("quantizer.to_logits", "quantizer.entry_proj", ""),
        ("project_predictions", "final_proj", ""),
        ("project_targets", "final_target_proj", ""),
    )
    for name, tensor in objective.state_dict().items():
        if name == "quantizer.codebooks":
            yield "quantizer.entries", tensor.flatten(0, 1)[None]
            yield "quantizer.num_updates", torch.zeros((), dtype=torch.int64)
            continue
        ours, theirs, infix = next(entry for entry in renamed if name.startswith(entry[0]))
        rest = name.removeprefix(ours)
        if infix:
            number, _, rest = rest.partition(".")
            rest = number + infix + (f".{rest}" if rest else "")
        rest = rest.replace("parametrizations.weight.original0", "weight_g")
        yield theirs + rest.replace("parametrizations.weight.original1", "weight_v"), tensor


def build_transformers(objective: QuantizedObjective) -> Any:
    """Returns transformers' `Wav2Vec2ForPreTraining` in training mode without dropout."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining

    encoder, settings = objective.encoder.settings, objective.settings
    config = Wav2Vec2Config(  # type: ignore[no-untyped-call]
        hidden_size=encoder.model_dim,
        num_hidden_layers=encoder.num_layers,
        num_attention_heads=encoder.num_heads,
        intermediate_size=encoder.ffn_dim,
        conv_dim=[encoder.conv_dim] * len(CONV_KERNELS),
        conv_kernel=list(CONV_KERNELS),
        conv_stride=list(CONV_STRIDES),
        conv_bias=False,
        feat_extract_norm="layer",
        do_stable_layer_norm=False,
        num_conv_pos_embeddings=encoder.position_kernel,
        num_conv_pos_embedding_groups=encoder.position_groups,
        hidden_dropout=0.0,
        activation_dropout=0.0,
        attention_dropout=0.0,
        feat_proj_dropout=0.0,
        feat_quantizer_dropout=0.0,
        layerdrop=0.0,
        codevector_dim=settings.code_dim,
        proj_codevector_dim=settings.code_dim,
        num_codevector_groups=settings.num_codebooks,
        num_codevectors_per_group=settings.num_entries,
        num_negatives=settings.num_negatives,
        contrastive_logits_temperature=settings.logit_temperature,
    )
    model = Wav2Vec2ForPreTraining(config)
    model.load_state_dict(dict(transformers_state(objective)))
    return model.train()


def transformers_state(objective: QuantizedObjective) -> Iterator[tuple[str, Tensor]]:
    """Yields our weights under transformers' names."""
    renamed = (
        ("encoder_frontend.feature_extractor.layers.", "wav2vec2.feature_extractor.conv_layers."),
        ("encoder_frontend.post_extract_layer_norm", "wav2vec2.feature_projection.layer_norm"),
        ("encoder_frontend.model_dim_proj", "wav2vec2.feature_projection.projection"),
        ("masker.temporal_mask_embed", "wav2vec2.masked_spec_embed"),
        ("encoder_frontend.pos_encoder.conv.", "wav2vec2.encoder.pos_conv_embed.conv."),
        ("encoder_frontend.layer_norm", "wav2vec2.encoder.layer_norm"),
        ("encoder.layers.", "wav2vec2.encoder.layers."),
        ("quantizer.entry_proj", "quantizer.weight_proj"),
        ("quantizer.entries", "quantizer.codevectors"),
        ("final_proj", "project_hid"),
        ("final_target_proj", "project_q"),
    )
    inner = {
        "weight_g": "parametrizations.weight.original0",
        "weight_v": "parametrizations.weight.original1",
        "self_attn_layer_norm": "layer_norm",
        "ffn_layer_norm": "final_layer_norm",
        "self_attn.output_proj": "attention.out_proj",
        "self_attn.": "attention.",
        "ffn.inner_proj": "feed_forward.intermediate_dense",
        "ffn.output_proj": "feed_forward.output_dense",
    }
    for name, tensor in fairseq2_state(objective):
        if name == "quantizer.num_updates":
            continue
        ours, theirs = next(entry for entry in renamed if name.startswith(entry[0]))
        rest = name.removeprefix(ours)
        for old, new in inner.items():
            if old in rest:
                rest = rest.replace(old, new)
                break
        yield theirs + rest, tensor
