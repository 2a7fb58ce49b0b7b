"""What all tasks of one command share: corpus, encoders, segments, settings, device."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from mfsn.corpus import EmotionCorpus
from mfsn.dataset import SegmentData, make_segment_data
from mfsn.genotype import Genotype
from mfsn.settings import MfsnSettings
from mfsn.streams import CachedStreams, FrameEncoder, LiveStreams, StreamPair, levels_of
from mfsn.variants import Variant


def say_at_once(line: str) -> None:
    """Prints a line, also where the output goes to a file that someone follows."""
    print(line, flush=True)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a command computes."""

    device: torch.device
    """This process's."""

    num_processes: int
    """That a launcher or --jobs has started."""


@dataclass(kw_only=True)
class Experiment:
    """Corpus, encoders and settings of one command; segments are made when first needed."""

    corpus: EmotionCorpus
    variants: Mapping[str, Variant]
    encoders: Mapping[str, FrameEncoder]
    """By role."""

    settings: MfsnSettings
    states_folder: Path
    """Where the encoders' states are kept."""

    device: torch.device
    optimistic: bool = False
    genotype: Genotype | None = None
    """The given structure, for `derived`."""

    found: Mapping[tuple[int, str], Genotype] = field(default_factory=dict)
    """What a search found, by seed and fold."""

    trained: Path | None = None
    """The run folder whose networks are tested, in an evaluation."""

    say: Callable[[str], None] = say_at_once
    _data: dict[tuple[str, str], SegmentData] = field(default_factory=dict)

    def data_of(self, variant: Variant) -> SegmentData:
        """Returns the segments with the states that a variant reads.

        A variant of one stream shares them with one of two streams, where there is one.
        """
        pairs = sorted({(v.tec, v.sec) for v in self.variants.values()}, key=_num_streams)
        tec, sec = next(
            pair
            for pair in reversed(pairs)
            if variant.tec in ("", pair[0]) and variant.sec in ("", pair[1])
        )
        if (tec, sec) not in self._data:
            self._data[tec, sec] = make_segment_data(
                self.corpus.table,
                self.corpus.classes,
                self._pair(tec, sec),
                self.settings.inputs,
                self.settings.faults,
                self.states_folder,
                live=self.settings.train_sec_encoder,
            )
        return self._data[tec, sec]

    def streams_of(self, variant: Variant) -> nn.Module:
        """Returns what fills a batch with states: nothing to do, or a SEC encoder to train."""
        if not (self.settings.train_sec_encoder and variant.sec):
            return CachedStreams()
        return LiveStreams(self._pair(variant.tec, variant.sec))

    def layers_of(self, variant: Variant) -> tuple[int, int, int]:
        """Returns the layers that the levels of its SEC encoder are."""
        return levels_of(self.encoders[variant.sec].num_layers)

    def _pair(self, tec: str, sec: str) -> StreamPair:
        return StreamPair(
            tec=self.encoders[tec] if tec else None, sec=self.encoders[sec] if sec else None
        )


def _num_streams(pair: tuple[str, str]) -> int:
    return sum(map(bool, pair))
