from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pretrain.data.batch import Batch
from pretrain.model.encoder import build_encoder
from pretrain.objectives.continuous import (
    ContinuousObjective,
    ContinuousSettings,
    normalized_mean,
    position_share,
)
from tests.pretrain.model.small import LENGTHS, SETTINGS, make_batch

SMALL = ContinuousSettings(top_k=2)


def build(settings: ContinuousSettings) -> ContinuousObjective:
    """With a teacher that differs from the student."""
    objective = ContinuousObjective(build_encoder(SETTINGS, seed=0), settings, seed=0)
    objective.teacher.follow(build_encoder(SETTINGS, seed=1).context, 0.5)
    return objective


def by_loop(objective: ContinuousObjective, batch: Batch) -> Tensor:
    """The loss of one utterance after the other, without padding, by forward hooks."""
    settings, encoder = objective.settings, objective.encoder
    total = torch.zeros(())
    taps: list[Tensor] = []
    for row, length in enumerate(batch.num_samples.tolist()):
        waveform = batch.waveforms[row : row + 1, :length]
        features = encoder.features(waveform, batch.num_samples[[row]])
        num_frames = int(features.num_frames)
        frames = features.projected[:, :num_frames]
        everything = torch.ones(1, num_frames, dtype=torch.bool)
        taps.clear()
        layers = objective.teacher.network.get_submodule("transformer.layers")
        for layer in layers.children():
            tapped = layer.get_submodule("ffn") if settings.target == "ffn" else layer
            tapped.register_forward_hook(lambda module, inputs, output: taps.append(output[0]))
        objective.teacher.network(frames.detach(), everything)
        for layer in layers.modules():
            layer._forward_hooks.clear()
        normalized = []
        for tap in taps[-settings.top_k :]:
            norm = torch.nn.InstanceNorm1d(SETTINGS.model_dim)
            normalized.append(norm(tap.t()[None])[0].t())
        target = torch.stack(normalized).mean(dim=0)
        mask = batch.mask[row, :num_frames]
        masked = torch.where(mask[None, :, None], encoder.mask_embedding, frames)
        prediction = objective.predict(encoder.context(masked, everything).layers[-1][0])
        error = prediction[mask] - target[mask]
        if settings.loss == "mse":
            loss = error.square()
        else:
            beta = settings.smooth_l1_beta
            small = error.abs() < beta
            loss = torch.where(small, error.square() / (2 * beta), error.abs() - beta / 2)
        total = total + loss.sum() / SETTINGS.model_dim**0.5
    return total


@pytest.mark.parametrize("target", ["ffn", "block"])
@pytest.mark.parametrize(("loss", "top_k"), [("mse", 1), ("mse", 3), ("smooth_l1", 2)])
def test_loss_and_gradients_equal_those_of_a_plain_loop(target: str, loss: str, top_k: int) -> None:
    objective = build(ContinuousSettings(top_k=top_k, target=target, loss=loss, smooth_l1_beta=0.5))
    batch = make_batch()
    names, parameters = zip(
        *((n, p) for n, p in objective.named_parameters() if p.requires_grad), strict=True
    )
    out = objective(batch, 0.0)
    expected = by_loop(objective, batch)
    torch.testing.assert_close(out.loss_sum, expected, rtol=1e-5, atol=0)
    ours = torch.autograd.grad(out.loss_sum, parameters)
    theirs = torch.autograd.grad(expected, parameters)
    for name, a, b in zip(names, ours, theirs, strict=True):
        scale = float(b.abs().max().clamp(min=1e-2))
        assert float((a - b).abs().max()) / scale < 1e-4, name


def test_normalized_states_have_mean_0_and_variance_1_over_valid_frames() -> None:
    torch.manual_seed(0)
    states = [torch.randn(2, 30, 4) * 3 + 5, torch.randn(2, 30, 4)]
    valid = torch.arange(30) < torch.tensor([[30], [12]])
    one = normalized_mean(states[:1], valid)
    for row, length in enumerate((30, 12)):
        frames = one[row, :length]
        torch.testing.assert_close(frames.mean(dim=0), torch.zeros(4), rtol=0, atol=1e-5)
        torch.testing.assert_close(frames.var(dim=0, unbiased=False), torch.ones(4))
    both = normalized_mean(states, valid)
    torch.testing.assert_close(both, (one + normalized_mean(states[1:], valid)) / 2)


def test_a_rows_loss_is_the_same_alone_and_in_any_batch() -> None:
    objective = build(SMALL)
    together = objective(make_batch(LENGTHS), 0.3)
    alone = [
        objective(make_batch(LENGTHS[row : row + 1], names=[f"utterance-{row}"]), 0.3)
        for row in range(len(LENGTHS))
    ]
    total = sum(float(out.loss_sum.detach()) for out in alone)
    assert float(together.loss_sum.detach()) == pytest.approx(total, rel=1e-5)


def test_every_parameter_but_the_teachers_gets_a_gradient() -> None:
    objective = build(SMALL)
    objective(make_batch(), 0.0).loss_sum.backward()
    for name, parameter in objective.named_parameters():
        if name.startswith("teacher."):
            assert parameter.grad is None, name
            assert not parameter.requires_grad, name
        else:
            assert parameter.grad is not None, name
            assert bool((parameter.grad != 0).any()), name
    assert any(name.startswith("teacher.") for name in objective.state_dict())


def test_the_target_does_not_pass_gradients_to_the_conv_stack() -> None:
    """With all predictions constant, nothing but the target depends on the conv stack."""
    objective = build(SMALL)
    torch.nn.init.zeros_(objective.predict.weight)
    objective(make_batch(), 0.0).loss_sum.backward()
    for parameter in objective.encoder.parameters():
        assert parameter.grad is not None
        assert bool((parameter.grad == 0).all())


def test_the_teacher_moves_after_an_update_by_the_decay_of_the_progress() -> None:
    settings = replace(SMALL, decay_start=0.5, decay_end=0.9, decay_fraction=0.5)
    objective = build(settings)
    for progress, decay in ((0.0, 0.5), (0.25, 0.7), (0.5, 0.9), (0.99, 0.9)):
        assert float(objective(make_batch(), progress).metrics["teacher_decay"]) == pytest.approx(
            decay
        )
        before = [p.clone() for p in objective.teacher.parameters()]
        objective.after_update(progress)
        students = objective.encoder.context.parameters()
        for now, then, student in zip(
            objective.teacher.parameters(), before, students, strict=True
        ):
            torch.testing.assert_close(now, decay * then + (1 - decay) * student)


def test_variances_are_those_of_the_masked_frames() -> None:
    objective, batch = build(SMALL), make_batch()
    torch.nn.init.zeros_(objective.predict.weight)
    metrics = objective(batch, 0.0).metrics
    assert float(metrics["prediction_variance"]) < 1e-12
    features = objective.encoder.features(batch.waveforms, batch.num_samples)
    states = objective.teacher(features.projected, features.valid, return_ffn=True).ffn[-2:]
    frames = normalized_mean(states, features.valid)[batch.mask]
    torch.testing.assert_close(metrics["target_variance"], frames.var(dim=0, unbiased=False).mean())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("top_k", 0),
        ("target", "attention"),
        ("loss", "l2"),
        ("smooth_l1_beta", 0.0),
        ("decay_end", 1.5),
        ("decay_fraction", 0.0),
    ],
)
def test_unusable_settings_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"`{key}`"):
        ContinuousSettings(**{key: value})  # type: ignore[arg-type]


def test_more_layers_than_the_encoder_has_are_refused() -> None:
    with pytest.raises(ValueError, match="`top_k` must be at most"):
        build(ContinuousSettings(top_k=4))


def test_the_share_of_the_position_is_one_for_a_common_course_and_none_for_noise() -> None:
    rng = torch.Generator().manual_seed(0)
    course = torch.randn(1, 400, 8, generator=rng).expand(6, -1, -1)
    noise = torch.randn(6, 400, 8, generator=rng)
    valid = torch.ones(6, 400, dtype=torch.bool)
    valid[2, 150:] = False
    assert float(position_share(course, valid)) == pytest.approx(1.0, abs=1e-5)
    assert abs(float(position_share(noise, valid))) < 0.03
    assert float(position_share(course + noise, valid)) == pytest.approx(0.5, abs=0.05)
    assert float(position_share(course[:1], valid[:1])) == 0.0
