"""The supernet: all structures in one, with shared weights (paper, section 2.2; DARTS).

Shapes: B batch, T frames, D dimensions of a state, M Fusion Cells, C classes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mfsn.data.segment_batch import SegmentBatch
from mfsn.model.coattention import HeadSettings
from mfsn.model.fusion_cells import ChoiceCell, FusionCell, FusionSettings, argmax_operations
from mfsn.model.genotype import Genotype
from mfsn.model.network import DerivedNetwork, classify, make_dual_head, make_tec_projection


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
