"""All networks: one stream, two streams without fusion, the supernet, and what a search derives.

Shapes: B batch, T frames, D dimensions of a state, M Fusion Cells, C classes.
"""

from collections.abc import Callable, Iterable
from typing import TypedDict, Unpack, cast

import torch
from torch import Tensor, nn

from mfsn.data.fold_data import SegmentBatch
from mfsn.model.coattention import CoAttentionHead
from mfsn.model.fusion_cells import (
    ChoiceCell,
    DerivedCell,
    FusionCell,
    FusionSettings,
    argmax_operations,
)
from mfsn.model.genotype import Genotype
from mfsn.model.head_settings import HeadSettings
from pretrain.model.encoder import seeded_weights

Step = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Adjusts text (B, T, D) by speech, given which frames are valid (B, T)."""


class SingleStream(nn.Module):
    """The baseline: the last layer of one encoder straight to the head (Co-attention)."""

    def __init__(
        self, *, which: str, dim: int, num_classes: int, head: HeadSettings, seed: int
    ) -> None:
        super().__init__()
        assert which in ("tec", "sec"), which
        self._which = which
        self.head = CoAttentionHead(
            num_streams=1, dim=dim, num_classes=num_classes, settings=head, seed=seed
        )

    def forward(self, batch: SegmentBatch) -> Tensor:
        """Returns logits (B, C)."""
        states = batch.tec if self._which == "tec" else batch.sec[-1]
        return classify(self.head, batch, states)


class Sizes(TypedDict):
    """Of a network with two streams."""

    tec_dim: int
    sec_dim: int
    num_classes: int
    head: HeadSettings
    seed: int


class TwoStreams(nn.Module):
    """What all networks of two streams have: text of the width of speech, and the head."""

    def __init__(self, cells: Iterable[nn.Module] = (), **sizes: Unpack[Sizes]) -> None:
        """Every part has the initial weights that it has in all networks of the same seed."""
        super().__init__()
        dim, seed = sizes["sec_dim"], sizes["seed"]
        # The paper's encoders are equally wide and need nothing.
        self.tec_projection: nn.Module = nn.Identity()
        if sizes["tec_dim"] != dim:
            with seeded_weights(seed, "mfsn tec projection"):
                self.tec_projection = nn.Linear(sizes["tec_dim"], dim)
        self.choice = ChoiceCell()
        self.cells = nn.ModuleList(cells)
        self.head = CoAttentionHead(
            num_streams=2,
            dim=dim,
            num_classes=sizes["num_classes"],
            settings=sizes["head"],
            seed=seed,
        )

    def fused(self, batch: SegmentBatch, level: int, steps: Iterable[Step]) -> Tensor:
        """Lets every step adjust the text by the drawn speech, then classifies it beside the last
        layer of speech, which is not detached."""
        speech = self.choice(batch.sec, level)
        text = self.tec_projection(batch.tec)
        for step in steps:
            text = step(text, speech, batch.valid)
        return classify(self.head, batch, text, batch.sec[-1])


class DualStream(TwoStreams):
    """Text and speech side by side to the head, neither adjusted (paper, Table 5: without
    search)."""

    def forward(self, batch: SegmentBatch) -> Tensor:
        """Returns logits (B, C)."""
        return classify(self.head, batch, self.tec_projection(batch.tec), batch.sec[-1])


class DerivedNetwork(TwoStreams):
    """MFSN of one structure: only the operations that its genotype names exist, as many cells as
    it has, whatever `fusion` says."""

    def __init__(
        self, genotype: Genotype, *, fusion: FusionSettings, **sizes: Unpack[Sizes]
    ) -> None:
        dim, seed = sizes["sec_dim"], sizes["seed"]
        cells = [
            DerivedCell(name, dim, fusion, cell=cell, seed=seed)
            for cell, name in enumerate(genotype.operations)
        ]
        super().__init__(cells, **sizes)
        self.genotype = genotype

    def forward(self, batch: SegmentBatch) -> Tensor:
        """Returns logits (B, C)."""
        return self.fused(batch, self.genotype.level, self.cells)


class Supernet(TwoStreams):
    """All structures in one, with shared weights (paper, section 2.2; DARTS): text adjusted by
    every operation at once, weighted by softmax(alpha), beside the speech."""

    def __init__(self, *, fusion: FusionSettings, **sizes: Unpack[Sizes]) -> None:
        dim, seed = sizes["sec_dim"], sizes["seed"]
        cells = [FusionCell(dim, fusion, cell=cell, seed=seed) for cell in range(fusion.num_cells)]
        super().__init__(cells, **sizes)
        self._fusion, self._sizes = fusion, sizes

    def forward(self, batch: SegmentBatch, level: int) -> Tensor:
        """Returns the logits (B, C) of the mixture of operations at one `level` of speech."""
        return self.fused(batch, level, self.cells)

    def forward_structure(self, batch: SegmentBatch, genotype: Genotype) -> Tensor:
        """Returns the logits (B, C) of one structure with the shared weights; only its operations
        are computed."""
        cells = zip(self._fusion_cells(), genotype.operations, strict=True)
        return self.fused(batch, genotype.level, [cell.operations[name] for cell, name in cells])

    def derive(self, genotype: Genotype) -> DerivedNetwork:
        """Returns the network of one structure with copies of the shared weights, on the same
        device and in the same mode."""
        network = DerivedNetwork(genotype, fusion=self._fusion, **self._sizes)
        shared = self.state_dict()
        weights = {}
        for key in network.state_dict():
            source = key
            if key.startswith("cells."):
                _, cell, _, inner = key.split(".", maxsplit=3)
                name = genotype.operations[int(cell)]
                source = f"cells.{cell}.operations.{name}.{inner}"
            weights[key] = shared[source]
        network.load_state_dict(weights)
        return network.to(next(self.parameters()).device).train(self.training)

    def weight_parameters(self) -> list[nn.Parameter]:
        """Returns everything that the weights' optimizer trains: all but alpha."""
        alphas = {id(alpha) for alpha in self.alpha_parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in alphas]

    def alpha_parameters(self) -> list[nn.Parameter]:
        """Returns M times (operations,), one alpha per Fusion Cell."""
        return [cell.alpha for cell in self._fusion_cells()]

    def weights_of_operations(self) -> Tensor:
        """Returns (M, operations) softmax(alpha), without gradient."""
        return torch.stack([alpha.detach().softmax(dim=0) for alpha in self.alpha_parameters()])

    def leading(self, zero_may_win: bool = True) -> tuple[str, ...]:
        """Returns the heaviest operation of every cell; without `zero_may_win` never `zero`."""
        return argmax_operations(self.weights_of_operations(), zero_may_win=zero_may_win)

    def entropy(self) -> float:
        """Returns how undecided the search is: the entropy of softmax(alpha) in nats, mean over
        cells; ln of their number at the start, 0 at the end."""
        weights = self.weights_of_operations()
        return float(torch.special.entr(weights).sum(dim=1).mean())

    def _fusion_cells(self) -> list[FusionCell]:
        return [cast(FusionCell, cell) for cell in self.cells]


def classify(head: CoAttentionHead, batch: SegmentBatch, *streams: Tensor) -> Tensor:
    """Returns the logits (B, C) of `head` for `streams` (B, T, D)."""
    logits: Tensor = head(
        batch.spectrogram, batch.mfcc, batch.num_spectral_frames, streams, batch.valid
    )
    return logits
