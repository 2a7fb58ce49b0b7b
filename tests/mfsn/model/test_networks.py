"""The networks: padding, gradients, and that what a search derives is what it trained."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfsn.data.fold_data import SegmentBatch
from mfsn.model.fusion_cells import FusionSettings
from mfsn.model.genotype import Genotype, all_structures
from mfsn.model.head_settings import HeadSettings
from mfsn.model.network import DerivedNetwork, DualStream, SingleStream, Supernet
from mfsn.model.operations import OPERATIONS
from tests.mfsn.batches import DIM, HEAD, NUM_CLASSES, make_batch, row, with_beyond

Forward = Callable[[SegmentBatch], Tensor]


def make_supernet(
    num_cells: int = 1,
    *,
    tec_dim: int = DIM,
    ism: Any = "gated",
    head: HeadSettings = HEAD,
) -> Supernet:
    return Supernet(
        tec_dim=tec_dim,
        sec_dim=DIM,
        num_classes=NUM_CLASSES,
        head=head,
        fusion=FusionSettings(num_cells=num_cells, ism=ism),
        seed=7,
    )


def make_derived(
    genotype: Genotype, *, tec_dim: int = DIM, head: HeadSettings = HEAD
) -> DerivedNetwork:
    return DerivedNetwork(
        genotype,
        tec_dim=tec_dim,
        sec_dim=DIM,
        num_classes=NUM_CLASSES,
        head=head,
        fusion=FusionSettings(),
        seed=7,
    )


def make_single(which: str, head: HeadSettings = HEAD) -> SingleStream:
    return SingleStream(which=which, dim=DIM, num_classes=NUM_CLASSES, head=head, seed=7)


def make_dual(tec_dim: int = DIM, head: HeadSettings = HEAD) -> DualStream:
    return DualStream(tec_dim=tec_dim, sec_dim=DIM, num_classes=NUM_CLASSES, head=head, seed=7)


def make_forward(name: str, head: HeadSettings = HEAD) -> Forward:
    if name in ("tec", "sec"):
        return make_single(name, head)
    if name == "both":
        return make_dual(head=head)
    if name == "derived":
        return make_derived(
            Genotype(level=0, operations=("concat_fc", "attention_reverse")), head=head
        )
    supernet = make_supernet(num_cells=2, ism=name, head=head)
    return lambda batch: supernet(batch, 1)


VARIANTS = ("tec", "sec", "both", "derived", "gated", "channel")


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_lies_beyond_the_end_changes_no_logit(variant: str) -> None:
    forward, batch = make_forward(variant), make_batch([150, 40, 97])
    expected = forward(batch)
    for value in (1.0, -300.0):
        torch.testing.assert_close(forward(with_beyond(batch, value)), expected)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_segment_alone_is_judged_as_in_a_batch(variant: str) -> None:
    forward, batch = make_forward(variant), make_batch([150, 40, 97])
    together = forward(batch)
    for number in range(3):
        torch.testing.assert_close(forward(row(batch, number))[0], together[number])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_last_valid_frame_counts(variant: str) -> None:
    # ReLU may close the very frame.
    head = replace(HEAD, frame_weights="softmax")
    forward, batch = make_forward(variant, head), make_batch([40])
    changed = replace(batch, tec=batch.tec.clone(), sec=tuple(s.clone() for s in batch.sec))
    for states in (changed.tec, *changed.sec):
        states[:, 39] += 100.0
    assert not torch.allclose(forward(changed), forward(batch))


def test_a_single_stream_reads_its_own_last_level_only() -> None:
    batch = make_batch([50])
    for which, used in (("tec", "tec"), ("sec", "last")):
        network = make_single(which)
        for changed, other in (
            ("tec", replace(batch, tec=batch.tec + 1.0)),
            ("last", replace(batch, sec=(*batch.sec[:2], batch.sec[2] + 1.0))),
            ("lower", replace(batch, sec=(batch.sec[0] + 1, batch.sec[1] + 1, batch.sec[2]))),
        ):
            assert torch.equal(network(other), network(batch)) == (changed != used)


def with_gradients(batch: SegmentBatch) -> SegmentBatch:
    return replace(
        batch,
        tec=batch.tec.clone().requires_grad_(),
        sec=tuple(level.clone().requires_grad_() for level in batch.sec),
    )


def has_gradient(tensor: Tensor) -> bool:
    return tensor.grad is not None and bool(tensor.grad.any())


@pytest.mark.parametrize("level", [0, 1, 2])
def test_alpha_receives_gradient_and_the_levels_do_not(level: int) -> None:
    supernet, batch = make_supernet(num_cells=2), with_gradients(make_batch([150, 40]))
    F.cross_entropy(supernet(batch, level), batch.labels).backward()  # type: ignore[no-untyped-call]
    assert all(has_gradient(alpha) for alpha in supernet.alpha_parameters())
    assert batch.sec[0].grad is None
    assert batch.sec[1].grad is None
    assert has_gradient(batch.sec[2])
    assert has_gradient(batch.tec)


def test_the_last_level_receives_gradient_from_the_head_and_none_through_the_fusion() -> None:
    """The fusion of the last level must give it the gradient that a constant in its place would."""
    supernet, batch = make_supernet(), with_gradients(make_batch([150, 40]))
    F.cross_entropy(supernet(batch, 2), batch.labels).backward()  # type: ignore[no-untyped-call]
    constant = with_gradients(make_batch([150, 40]))
    constant = replace(constant, sec=(batch.sec[2].detach().clone(), *constant.sec[1:]))
    F.cross_entropy(supernet(constant, 0), batch.labels).backward()  # type: ignore[no-untyped-call]
    assert batch.sec[2].grad is not None
    assert torch.equal(batch.sec[2].grad, constant.sec[2].grad)  # type: ignore[arg-type]


def test_a_structure_gives_gradient_to_its_own_operations_only() -> None:
    supernet, batch = make_supernet(), make_batch([150, 40])
    genotype = Genotype(level=0, operations=("concat_fc",))
    F.cross_entropy(supernet.forward_structure(batch, genotype), batch.labels).backward()  # type: ignore[no-untyped-call]
    for name, parameter in supernet.named_parameters():
        chosen = name.startswith(("head.", "cells.0.operations.concat_fc."))
        assert (parameter.grad is not None) == chosen, name


def decide(supernet: Supernet, operations: tuple[str, ...]) -> None:
    """Makes softmax(alpha) one-hot, exactly."""
    with torch.no_grad():
        for alpha, name in zip(supernet.alpha_parameters(), operations, strict=True):
            alpha.zero_()
            alpha[list(OPERATIONS).index(name)] = 1e4


@pytest.mark.parametrize("tec_dim", [DIM, 5])
@pytest.mark.parametrize("genotype", all_structures(1))
def test_derived_network_equals_the_supernet_with_one_hot_alpha(
    genotype: Genotype, tec_dim: int
) -> None:
    supernet = make_supernet(tec_dim=tec_dim)
    batch = make_batch([150, 40], tec_dim=tec_dim)
    with torch.no_grad():  # away from the seeded weights, which a fresh network has anyway
        for parameter in supernet.weight_parameters():
            parameter.add_(0.05)
    decide(supernet, genotype.operations)
    expected = supernet(batch, genotype.level)
    assert torch.equal(supernet.forward_structure(batch, genotype), expected)
    derived = supernet.derive(genotype)
    assert torch.equal(derived(batch), expected)
    assert supernet.leading() == genotype.operations


@pytest.mark.parametrize("ism", ["gated", "channel"])
def test_three_cells_in_a_row_are_derived_alike(ism: str) -> None:
    supernet, batch = make_supernet(num_cells=3, ism=ism), make_batch([150, 40])
    genotype = Genotype(level=1, operations=("ism_reverse", "attention", "ism"))
    decide(supernet, genotype.operations)
    derived = supernet.derive(genotype)
    assert torch.equal(derived(batch), supernet(batch, 1))
    assert not torch.equal(derived(batch), supernet(batch, 0))


def test_a_derived_network_has_copies_of_the_shared_weights() -> None:
    supernet, genotype = make_supernet(), Genotype(level=0, operations=("ism",))
    derived = supernet.eval().derive(genotype)
    assert not derived.training
    before = {name: weight.clone() for name, weight in supernet.state_dict().items()}
    with torch.no_grad():
        for parameter in derived.parameters():
            parameter.zero_()
    assert all(torch.equal(weight, before[name]) for name, weight in supernet.state_dict().items())


def test_a_derived_network_from_scratch_starts_as_the_supernet_does() -> None:
    genotype, batch = (
        Genotype(level=2, operations=("concat_fc_reverse",)),
        make_batch([90], tec_dim=5),
    )
    supernet = make_supernet(tec_dim=5)
    expected = supernet.forward_structure(batch, genotype)
    assert torch.equal(make_derived(genotype, tec_dim=5)(batch), expected)


def test_initial_head_is_the_same_in_every_variant_of_equal_streams() -> None:
    torch.manual_seed(0)
    networks: list[nn.Module] = [make_supernet(1), make_supernet(3), make_dual()]
    networks += [make_derived(Genotype(level=0, operations=("sum",)))]
    heads = [network.get_submodule("head").state_dict() for network in networks]
    heads += [make_single("tec").head.state_dict(), make_single("sec").head.state_dict()]
    for one, other in (*pairwise(heads[:4]), (heads[4], heads[5])):
        assert one.keys() == other.keys()
        assert all(torch.equal(weight, other[name]) for name, weight in one.items())


def test_without_fusion_text_and_speech_go_straight_to_the_head() -> None:
    dual, batch = make_dual(), make_batch([150, 40])
    expected = dual.head(
        batch.spectrogram,
        batch.mfcc,
        batch.num_spectral_frames,
        (batch.tec, batch.sec[2]),
        batch.valid,
    )
    assert torch.equal(dual(batch), expected)
    silent = replace(batch, tec=torch.zeros_like(batch.tec))
    zero = make_derived(Genotype(level=0, operations=("zero",)))
    assert torch.equal(zero(batch), dual(silent))


def test_entropy_and_parameters_of_the_search() -> None:
    supernet = make_supernet(num_cells=2)
    decide(supernet, ("zero", "attention"))
    with torch.no_grad():
        supernet.alpha_parameters()[0].zero_()
    assert supernet.entropy() == pytest.approx(math.log(8) / 2, rel=1e-6)
    weights = supernet.weights_of_operations()
    assert weights.shape == (2, 8)
    torch.testing.assert_close(weights[0], torch.full((8,), 1 / 8))
    alphas, others = supernet.alpha_parameters(), supernet.weight_parameters()
    assert [alpha.shape for alpha in alphas] == [(8,), (8,)]
    assert not {id(p) for p in alphas} & {id(p) for p in others}
    assert len(alphas) + len(others) == len(list(supernet.parameters()))
