from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pretrain.data.loader import DataSettings, usable_utterances
from pretrain.data.readers.read import read_corpus
from pretrain.model.encoder import Encoder, build_encoder
from pretrain.model.weights import weights_hash
from pretrain.objectives import OBJECTIVES, objective_kind, quantized
from pretrain.objectives.quantized import QuantizedObjective, QuantizedSettings
from tests.pretrain.model.small import LENGTHS, SETTINGS, make_batch

SMALL = QuantizedSettings(
    num_entries=4, code_dim=16, num_negatives=20, bce_diversity_weight=0.0, feature_penalty_weight=0
)


def build(settings: QuantizedSettings, seed: int = 0) -> QuantizedObjective:
    return QuantizedObjective(build_encoder(SETTINGS, seed=0), settings, seed)


def collapsed(settings: QuantizedSettings) -> QuantizedObjective:
    """Every frame gets the first entry of every codebook."""
    objective = build(settings)
    with torch.no_grad():
        nn.init.zeros_(objective.quantizer.to_logits.weight)
        bias = objective.quantizer.to_logits.bias.view(settings.num_codebooks, -1)
        bias[:, 0] = 1000.0
    return objective


@pytest.mark.parametrize("loss", ["bce", "infonce"])
@pytest.mark.parametrize("negatives", ["differing", "any"])
def test_a_rows_loss_is_the_same_alone_and_in_any_batch(loss: str, negatives: str) -> None:
    objective = build(replace(SMALL, loss=loss, negatives=negatives, infonce_diversity_weight=0.0))
    together = objective(make_batch(LENGTHS), 0.3)
    alone = [
        objective(make_batch(LENGTHS[row : row + 1], names=[f"utterance-{row}"]), 0.3)
        for row in range(len(LENGTHS))
    ]
    total = sum(float(out.loss_sum.detach()) for out in alone)
    assert float(together.loss_sum.detach()) == pytest.approx(total, rel=1e-5)
    assert int(together.num_targets) == sum(int(out.num_targets) for out in alone)


def test_more_padding_changes_neither_loss_nor_metrics() -> None:
    objective = build(replace(SMALL, bce_diversity_weight=7.0, feature_penalty_weight=10.0))
    narrow = objective(make_batch(LENGTHS), 0.3)
    wide = objective(make_batch(LENGTHS, width=64 * 320), 0.3)
    assert float(narrow.loss_sum) == pytest.approx(float(wide.loss_sum), rel=1e-5)
    for name, value in narrow.metrics.items():
        assert float(value) == pytest.approx(float(wide.metrics[name]), rel=1e-4), name


@pytest.mark.parametrize("loss", ["bce", "infonce"])
def test_every_parameter_gets_a_gradient(loss: str) -> None:
    settings = replace(SMALL, loss=loss, bce_diversity_weight=1.0, feature_penalty_weight=1.0)
    objective = build(settings)
    objective(make_batch(), 0.0).loss_sum.backward()
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name
        assert bool((parameter.grad != 0).any()), name


def test_every_parameter_gets_a_gradient_even_when_no_frame_has_a_negative() -> None:
    objective = collapsed(SMALL)
    out = objective(make_batch(), 0.0)
    out.loss_sum.backward()
    assert all(parameter.grad is not None for parameter in objective.parameters())
    assert all(
        bool(torch.isfinite(p.grad).all()) for p in objective.parameters() if p.grad is not None
    )


def test_a_total_collapse_cannot_look_like_success() -> None:
    settings = replace(SMALL, bce_diversity_weight=1.0)
    objective = collapsed(settings)
    metrics = {name: float(v) for name, v in objective(make_batch(), 0.0).metrics.items()}
    assert metrics["loss_contrastive"] == 0.0
    assert metrics["accuracy"] == 0.0
    assert metrics["frames_without_negatives"] == 1.0
    assert metrics["centre_perplexity"] == pytest.approx(1.0)
    assert metrics["centres_used"] == 1.0
    assert metrics["code_perplexity"] == pytest.approx(1.0, abs=1e-4)
    assert metrics["loss_diversity"] == pytest.approx(1 - 1 / 4, abs=1e-4)
    assert "centre_perplexity" in broken_rules(objective)


def broken_rules(objective: QuantizedObjective) -> set[str]:
    metrics = objective(make_batch(), 0.0).metrics
    return {
        rule.metric
        for rule in objective.collapse_rules
        if (float(metrics[rule.metric]) < rule.limit) == rule.collapsed_below
    }


def test_collapse_rules_are_quiet_on_a_fresh_model_of_every_table_4_row() -> None:
    for codebooks, entries in ((2, 2), (2, 8), (2, 12), (4, 8)):
        objective = build(replace(SMALL, num_codebooks=codebooks, num_entries=entries))
        assert broken_rules(objective) == set()


def test_loss_is_contrastive_plus_weighted_diversity_and_feature_penalty() -> None:
    plain = build(SMALL)(make_batch(), 0.0)
    weighted = build(replace(SMALL, bce_diversity_weight=3.0, feature_penalty_weight=2.0))(
        make_batch(), 0.0
    )
    per_frame = {name: float(value) for name, value in weighted.metrics.items()}
    assert float(plain.loss_sum / plain.num_targets) == pytest.approx(per_frame["loss_contrastive"])
    assert float(weighted.loss_sum / weighted.num_targets) == pytest.approx(
        per_frame["loss_contrastive"]
        + 3.0 * per_frame["loss_diversity"]
        + 2.0 * per_frame["loss_feature_penalty"]
    )
    assert per_frame["loss_diversity"] == pytest.approx(1 - per_frame["code_perplexity"] / 4)


def test_feature_penalty_and_variance_are_those_of_the_valid_frames() -> None:
    objective, batch = build(SMALL), make_batch()
    metrics = objective(batch, 0.0).metrics
    features = objective.encoder.features(batch.waveforms, batch.num_samples)
    frames = features.conv[features.valid].detach()
    torch.testing.assert_close(metrics["loss_feature_penalty"], frames.square().mean())
    normalized = features.normalized[features.valid].detach()
    expected = normalized.var(dim=0, unbiased=False).mean()
    torch.testing.assert_close(metrics["conv_variance"], expected)


def test_temperature_falls_geometrically_and_stays() -> None:
    objective = build(replace(SMALL, temperature_fraction=0.5))
    batch = make_batch()
    expected = {0.0: 2.0, 0.25: 1.0, 0.5: 0.5, 0.9: 0.5}
    for progress, temperature in expected.items():
        metrics = objective(batch, progress).metrics
        assert float(metrics["temperature"]) == pytest.approx(temperature)


def test_the_default_diversity_weight_follows_the_loss() -> None:
    assert QuantizedSettings(loss="infonce").diversity_weight == 0.1
    assert QuantizedSettings(loss="bce").diversity_weight > 1.0
    assert QuantizedSettings(num_codebooks=4, num_entries=8).num_centres == 4096


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("loss", "mse"),
        ("negatives", "all"),
        ("num_entries", 0),
        ("code_dim", 255),
        ("temperature_end", 0.0),
        ("temperature_fraction", 1.5),
        ("bce_diversity_weight", -1.0),
    ],
)
def test_unusable_settings_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"`{key}`"):
        QuantizedSettings(**{key: value})  # type: ignore[arg-type]


def test_the_encoder_is_the_same_to_the_bit_in_every_mode(
    noise_corpus: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path))
    utterances = usable_utterances(read_corpus(noise_corpus), DataSettings())
    hashes = set()
    for name in OBJECTIVES:
        kind = objective_kind(name)
        settings = kind.settings_class(
            **({"top_k": 1} if name in ("continuous", "online_codes") else {})
        )
        objective = kind.build(build_encoder(SETTINGS, seed=4), settings, 4, utterances)
        assert isinstance(objective.encoder, Encoder)
        hashes.add(weights_hash(objective.encoder))
    assert len(hashes) == 1
    assert weights_hash(build(SMALL, seed=0)) == weights_hash(build(SMALL, seed=0))
    assert weights_hash(build(SMALL, seed=0)) != weights_hash(build(SMALL, seed=1))


@pytest.mark.slow
def test_loss_and_gradients_repeat_exactly_with_two_threads() -> None:
    batch = make_batch()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    try:
        runs = []
        for _ in range(3):
            objective = build(replace(SMALL, bce_diversity_weight=1.0))
            loss = objective(batch, 0.0).loss_sum
            loss.backward()
            runs.append([loss, *(p.grad for p in objective.parameters() if p.grad is not None)])
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)
    for run in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(runs[0], run, strict=True))


def test_bfloat16_gives_nearly_the_same_loss() -> None:
    objective = build(SMALL)
    with torch.autocast("cpu", torch.bfloat16):
        low = float(objective(make_batch(), 0.0).loss_sum)
    assert low == pytest.approx(float(objective(make_batch(), 0.0).loss_sum), rel=0.02)


def test_negatives_choices_are_those_the_settings_name() -> None:
    assert set(quantized.NEGATIVES) == {"differing", "any"}
    assert set(quantized.LOSSES) == {"bce", "infonce"}
