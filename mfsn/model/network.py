"""Networks of fixed structure: one stream, two streams without fusion, and what a search derives.

Shapes: B batch, T frames, D dimensions of a state, C classes.
"""

from torch import Tensor, nn

from mfsn.data.segment_batch import SegmentBatch
from mfsn.model.coattention import CoAttentionHead, HeadSettings
from mfsn.model.fusion_cells import ChoiceCell, DerivedCell, FusionSettings
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
