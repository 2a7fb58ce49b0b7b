"""From a variant's name to its network."""

from typing import Any

from torch import nn

from mfsn.experiment.experiment import Experiment
from mfsn.model.genotype import Genotype, all_structures
from mfsn.model.network import DerivedNetwork, DualStream, SingleStream
from mfsn.model.supernet import Supernet
from mfsn.model.variants import BOTH, EXHAUST, Variant


def make_network(
    variant: Variant, experiment: Experiment, seed: int, genotype: Genotype | None
) -> nn.Module:
    """Returns a variant's network of fixed structure with the initial weights of `seed`."""
    sizes = _sizes(variant, experiment, seed)
    if len(variant.streams) == 1:
        dim = experiment.encoders[variant.streams[0]].dim
        return SingleStream(which="tec" if variant.tec else "sec", dim=dim, **sizes)
    if variant.name == BOTH:
        return DualStream(**sizes)
    assert genotype is not None, variant
    return DerivedNetwork(genotype, fusion=experiment.settings.fusion, **sizes)


def make_supernet(variant: Variant, experiment: Experiment, seed: int) -> Supernet:
    """Returns the supernet of a variant that is searched, with the initial weights of `seed`."""
    fusion = experiment.settings.fusion
    return Supernet(fusion=fusion, **_sizes(variant, experiment, seed))


def check_networks(experiment: Experiment) -> None:
    """Builds every network once; raises the ValueError of sizes that do not fit together,
    or of more structures than can be trained."""
    for variant in experiment.variants.values():
        if variant.search:
            make_supernet(variant, experiment, seed=0)
        else:
            if variant.name == EXHAUST:
                all_structures(experiment.settings.fusion.num_cells)
            any_structure = all_structures(num_cells=1)[0]
            make_network(variant, experiment, 0, experiment.genotype or any_structure)


def _sizes(variant: Variant, experiment: Experiment, seed: int) -> dict[str, Any]:
    sizes: dict[str, Any] = {
        "num_classes": len(experiment.corpus.classes),
        "head": experiment.settings.head,
        "seed": seed,
    }
    if len(variant.streams) == 2:
        sizes["tec_dim"] = experiment.encoders[variant.tec].dim
        sizes["sec_dim"] = experiment.encoders[variant.sec].dim
    return sizes
