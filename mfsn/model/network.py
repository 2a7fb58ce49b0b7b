"""All networks: one stream, two streams without fusion, the supernet, and what a search derives.

Shapes: B batch, T frames, D dimensions of a state, M Fusion Cells, C classes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mfsn.data.fold_data import SegmentBatch
from mfsn.model.coattention import CoAttentionHead, HeadSettings
from mfsn.model.fusion_cells import (
    ChoiceCell,
    DerivedCell,
    FusionCell,
    FusionSettings,
    argmax_operations,
)
from mfsn.model.genotype import Genotype
from pretrain.model.encoder import seeded_weights

SINGLE_STREAMS = ("tec", "sec")


class SingleStream(nn.Module):
    """The Co-attention baseline: the last layer of one encoder straight to the head."""

    def __init__(
        self, *, which: str, dim: int, num_classes: int, head: HeadSettings, seed: int
    ) -> None:
        super().__init__()
        assert which in SINGLE_STREAMS, which
        self.which = which
        self.head = CoAttentionHead(
            num_streams=1, dim=dim, num_classes=num_classes, settings=head, seed=seed
        )

    def forward(self, batch: SegmentBatch) -> Tensor:
        """Returns logits (B, C)."""
        states = batch.tec if self.which == "tec" else batch.sec[-1]
        return classify(self.head, batch, states)


class DualStream(nn.Module):
    """Text and speech side by side to the head, neither adjusted (paper, Table 5: without
    search)."""

    def __init__(
        self, *, tec_dim: int, sec_dim: int, num_classes: int, head: HeadSettings, seed: int
    ) -> None:
        super().__init__()
        self.tec_projection = make_tec_projection(tec_dim, sec_dim, seed)
        self.head = make_dual_head(sec_dim, num_classes, head, seed)

    def forward(self, batch: SegmentBatch) -> Tensor:
        """Returns logits (B, C)."""
        return classify(self.head, batch, self.tec_projection(batch.tec), batch.sec[-1])


class DerivedNetwork(nn.Module):
    """MFSN of one structure: only the operations that its genotype names exist."""

    def __init__(
        self,
        genotype: Genotype,
        *,
        tec_dim: int,
        sec_dim: int,
        num_classes: int,
        head: HeadSettings,
        fusion: FusionSettings,
        seed: int,
    ) -> None:
        """Builds it with the initial weights that a `Supernet` of the same seed gives these parts.
        The genotype, not `fusion`, says how many cells there are."""
        super().__init__()
        self.genotype = genotype
        self.tec_projection = make_tec_projection(tec_dim, sec_dim, seed)
        self.choice = ChoiceCell()
        self.cells = nn.ModuleList(
            DerivedCell(name, sec_dim, fusion, cell=cell, seed=seed)
            for cell, name in enumerate(genotype.operations)
        )
        self.head = make_dual_head(sec_dim, num_classes, head, seed)

    def forward(self, batch: SegmentBatch) -> Tensor:
        """Returns logits (B, C)."""
        speech = self.choice(batch.sec, self.genotype.level)
        text = self.tec_projection(batch.tec)
        for cell in self.cells:
            text = cell(text, speech, batch.valid)
        return classify(self.head, batch, text, batch.sec[-1])


def make_tec_projection(tec_dim: int, sec_dim: int, seed: int) -> nn.Module:
    """Returns what brings text states to the dimensions of the speech states. The paper's encoders
    are equally wide and need nothing."""
    if tec_dim == sec_dim:
        return nn.Identity()
    with seeded_weights(seed, "mfsn tec projection"):
        return nn.Linear(tec_dim, sec_dim)


def make_dual_head(dim: int, num_classes: int, head: HeadSettings, seed: int) -> CoAttentionHead:
    """Returns the head for text and speech streams of `dim` dimensions."""
    return CoAttentionHead(
        num_streams=2, dim=dim, num_classes=num_classes, settings=head, seed=seed
    )


def classify(head: CoAttentionHead, batch: SegmentBatch, *streams: Tensor) -> Tensor:
    """Returns the logits (B, C) of `head` for `streams` (B, T, D)."""
    logits: Tensor = head(
        batch.spectrogram, batch.mfcc, batch.num_spectral_frames, streams, batch.valid
    )
    return logits


class Supernet(nn.Module):
    """Text adjusted by every operation at once, weighted by softmax(alpha), beside the speech."""

    def __init__(
        self,
        *,
        tec_dim: int,
        sec_dim: int,
        num_classes: int,
        head: HeadSettings,
        fusion: FusionSettings,
        seed: int,
    ) -> None:
        super().__init__()
        self.tec_dim = tec_dim
        self.sec_dim = sec_dim
        self.num_classes = num_classes
        self.head_settings = head
        self.fusion = fusion
        self.seed = seed
        self.tec_projection = make_tec_projection(tec_dim, sec_dim, seed)
        self.choice = ChoiceCell()
        self.cells = nn.ModuleList(
            FusionCell(sec_dim, fusion, cell=cell, seed=seed) for cell in range(fusion.num_cells)
        )
        self.head = make_dual_head(sec_dim, num_classes, head, seed)

    def forward(self, batch: SegmentBatch, level: int) -> Tensor:
        """Returns the logits (B, C) of the mixture of operations at one `level` of speech."""
        return self._fuse(batch, level, self._fusion_cells())

    def forward_structure(self, batch: SegmentBatch, genotype: Genotype) -> Tensor:
        """Returns the logits (B, C) of one structure with the shared weights; only its operations
        are computed."""
        assert len(genotype.operations) == len(self.cells), (genotype, len(self.cells))
        steps = [
            cell.operations[name]
            for cell, name in zip(self._fusion_cells(), genotype.operations, strict=True)
        ]
        return self._fuse(batch, genotype.level, steps)

    def derive(self, genotype: Genotype) -> DerivedNetwork:
        """Returns the network of one structure with copies of the shared weights, on the same
        device and in the same mode."""
        network = DerivedNetwork(
            genotype,
            tec_dim=self.tec_dim,
            sec_dim=self.sec_dim,
            num_classes=self.num_classes,
            head=self.head_settings,
            fusion=self.fusion,
            seed=self.seed,
        )
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
        cells = []
        for cell in self.cells:
            assert isinstance(cell, FusionCell)
            cells.append(cell)
        return cells

    def _fuse(
        self,
        batch: SegmentBatch,
        level: int,
        steps: Sequence[Callable[[Tensor, Tensor, Tensor], Tensor]],
    ) -> Tensor:
        """Lets every step adjust the text by the drawn speech, then classifies it beside the last
        layer of speech, which is not detached."""
        speech = self.choice(batch.sec, level)
        text = self.tec_projection(batch.tec)
        for step in steps:
            text = step(text, speech, batch.valid)
        return classify(self.head, batch, text, batch.sec[-1])
