"""From a variant's name to its network."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from mfsn.model.coattention import HeadSettings
from mfsn.model.fusion_cells import FusionSettings
from mfsn.model.genotype import Genotype, all_structures
from mfsn.model.network import DerivedNetwork, DualStream, SingleStream
from mfsn.model.supernet import Supernet
from mfsn.model.variants import BOTH, EXHAUST, Variant


@dataclass(frozen=True, kw_only=True)
class NetworkSizes:
    """What the networks of a command have in common."""

    num_classes: int
    dims: Mapping[str, int]
    """Dimensions of the encoders' states, by role."""

    head: HeadSettings
    fusion: FusionSettings


def make_network(
    variant: Variant, sizes: NetworkSizes, seed: int, genotype: Genotype | None
) -> nn.Module:
    """Returns a variant's network of fixed structure with the initial weights of `seed`."""
    chosen = _sizes_of(variant, sizes, seed)
    if len(variant.streams) == 1:
        dim = sizes.dims[variant.streams[0]]
        return SingleStream(which="tec" if variant.tec else "sec", dim=dim, **chosen)
    if variant.name == BOTH:
        return DualStream(**chosen)
    assert genotype is not None, variant
    return DerivedNetwork(genotype, fusion=sizes.fusion, **chosen)


def make_supernet(variant: Variant, sizes: NetworkSizes, seed: int) -> Supernet:
    """Returns the supernet of a variant that is searched, with the initial weights of `seed`."""
    return Supernet(fusion=sizes.fusion, **_sizes_of(variant, sizes, seed))


def check_networks(
    variants: Iterable[Variant], sizes: NetworkSizes, genotype: Genotype | None
) -> None:
    """Builds every network once; raises the ValueError of sizes that do not fit together,
    or of more structures than can be trained."""
    for variant in variants:
        if variant.search:
            make_supernet(variant, sizes, seed=0)
        else:
            if variant.name == EXHAUST:
                all_structures(sizes.fusion.num_cells)
            make_network(variant, sizes, 0, genotype or all_structures(num_cells=1)[0])


def _sizes_of(variant: Variant, sizes: NetworkSizes, seed: int) -> dict[str, Any]:
    chosen: dict[str, Any] = {"num_classes": sizes.num_classes, "head": sizes.head, "seed": seed}
    if len(variant.streams) == 2:
        chosen |= {"tec_dim": sizes.dims[variant.tec], "sec_dim": sizes.dims[variant.sec]}
    return chosen
