from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from pretrain.data.frames import num_frames_of
from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.weights import weights_hash
from tests.pretrain.model.small import LENGTHS, SETTINGS, make_batch


@pytest.mark.parametrize("norm_order", ["post", "pre"])
def test_padding_changes_no_valid_frame_of_any_layer(norm_order: str) -> None:
    encoder = build_encoder(replace(SETTINGS, norm_order=norm_order), seed=0).eval()
    batch = make_batch()
    with torch.no_grad():
        together = encoder(batch.waveforms, batch.num_samples)
        assert len(together.layers) == SETTINGS.num_layers + 1
        for row, length in enumerate(LENGTHS):
            alone = encoder(batch.waveforms[row : row + 1, :length], batch.num_samples[[row]])
            num_frames = int(alone.num_frames)
            assert num_frames == int(together.num_frames[row]) == num_frames_of(length)
            for one, many in zip(alone.layers, together.layers, strict=True):
                torch.testing.assert_close(
                    one[0, :num_frames], many[row, :num_frames], rtol=1e-5, atol=1e-5
                )


def test_what_stands_in_the_padding_changes_no_valid_frame() -> None:
    encoder = build_encoder(SETTINGS, seed=0).eval()
    batch = make_batch()
    noisy = batch.waveforms.clone()
    noisy[1, LENGTHS[1] :] = 5.0
    with torch.no_grad():
        a = encoder(batch.waveforms, batch.num_samples)
        b = encoder(noisy, batch.num_samples)
    num_frames = int(a.num_frames[1])
    for one, other in zip(a.layers, b.layers, strict=True):
        torch.testing.assert_close(one[1, :num_frames], other[1, :num_frames], rtol=0, atol=1e-6)


def test_attention_reaches_from_the_first_to_the_last_valid_frame_and_not_beyond() -> None:
    encoder = build_encoder(SETTINGS, seed=0).eval()
    x = torch.randn(1, 40, SETTINGS.model_dim, requires_grad=True)
    valid = torch.arange(40)[None] < 30
    out = encoder.context(x, valid).layers[-1]
    (gradient,) = torch.autograd.grad(out[0, 0].square().sum(), x)
    reach = gradient[0].abs().sum(dim=-1)
    assert bool((reach[:30] > 0).all())
    assert bool((reach[30:] == 0).all())


def test_ffn_outputs_are_what_the_blocks_add_before_their_norm() -> None:
    encoder = build_encoder(replace(SETTINGS, norm_order="pre"), seed=0).eval()
    x = torch.randn(2, 20, SETTINGS.model_dim)
    valid = torch.ones(2, 20, dtype=torch.bool)
    out = encoder.context(x, valid, return_ffn=True)
    assert len(out.ffn) == SETTINGS.num_layers
    state = out.layers[1] - out.ffn[0]
    ffn = encoder.context.get_submodule("transformer.layers.0.ffn")
    norm = encoder.context.get_submodule("transformer.layers.0.ffn_layer_norm")
    torch.testing.assert_close(ffn(norm(state)), out.ffn[0])
    assert encoder.context(x, valid).ffn == []


def test_the_papers_sizes_give_its_number_of_parameters() -> None:
    with torch.device("meta"):
        encoder = build_encoder(EncoderSettings(), seed=0)
    count: Callable[[torch.nn.Module], int] = lambda m: sum(p.numel() for p in m.parameters())  # noqa: E731
    # Convolutions 10 x 512 + (4 x 3 + 2 x 2) x 512^2; their norms 7 x 2 x 512.
    assert count(encoder.conv) == 10 * 512 + 16 * 512**2 + 7 * 1024 == 4_206_592
    # Per block: attention 4 x (512^2 + 512), FFN 2 x 512 x 2048 + 2048 + 512, two norms.
    block = 4 * (512**2 + 512) + 2 * 512 * 2048 + 2048 + 512 + 2 * 1024
    assert count(encoder.context.transformer) == 4 * block == 12_609_536
    # Positional conv 512 x 32 x 128 + gains 128 + bias 512; norm; projection; norm; mask.
    rest = 512 * 32 * 128 + 128 + 512 + 1024 + (512**2 + 512) + 1024 + 512
    assert count(encoder) == 4_206_592 + 12_609_536 + rest == 19_179_136


def test_initial_weights_depend_on_the_seed_only() -> None:
    torch.manual_seed(1)
    first = build_encoder(SETTINGS, seed=0)
    torch.manual_seed(2)
    second = build_encoder(SETTINGS, seed=0)
    assert weights_hash(first) == weights_hash(second)
    assert weights_hash(first) != weights_hash(build_encoder(SETTINGS, seed=1))


def test_building_an_encoder_leaves_the_random_numbers_of_others_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    build_encoder(SETTINGS, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_masking_replaces_masked_frames_only_and_not_in_place() -> None:
    encoder = build_encoder(SETTINGS, seed=0)
    batch = make_batch()
    projected = torch.randn(3, 50, SETTINGS.model_dim)
    before = projected.clone()
    masked = encoder.masked(projected, batch.mask)
    assert torch.equal(projected, before)
    assert torch.equal(masked[~batch.mask], projected[~batch.mask])
    assert bool((masked[batch.mask] == encoder.mask_embedding).all())


def test_gradient_scale_scales_the_conv_stacks_gradient_and_nothing_else() -> None:
    batch = make_batch()
    gradients = []
    for scale in (1.0, 0.1):
        encoder = build_encoder(replace(SETTINGS, conv_gradient_scale=scale), seed=0)
        features = encoder.features(batch.waveforms, batch.num_samples)
        torch.where(features.valid[:, :, None], features.projected.square(), 0.0).sum().backward()  # type: ignore[no-untyped-call]
        conv, norm = encoder.conv.weights[0].grad, encoder.conv_norm.weight.grad
        assert conv is not None
        assert norm is not None
        gradients.append((conv, norm))
    torch.testing.assert_close(gradients[0][0] * 0.1, gradients[1][0])
    assert torch.equal(gradients[0][1], gradients[1][1])


def test_backward_repeats_exactly_with_two_threads() -> None:
    batch = make_batch()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    try:
        runs = []
        for _ in range(3):
            encoder = build_encoder(SETTINGS, seed=0)
            out = encoder(batch.waveforms, batch.num_samples).layers[-1]
            out.square().sum().backward()
            runs.append([p.grad for p in encoder.parameters() if p.grad is not None])
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)
    for run in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(runs[0], run, strict=True))
