"""Every structure trained on its own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mfsn.model.genotype import Genotype, all_structures
from mfsn.model.operations import OPERATIONS
from mfsn.search.epochs import Training
from mfsn.search.fit import train_every_structure
from mfsn.search.predict import Scores
from tests.mfsn.made_up_segments import (
    FAST,
    TinyNetwork,
    TrainedStreams,
    files_under,
    fitted,
    make_fold,
    without_seconds,
)

SETTINGS = replace(FAST, max_epochs=1)


def training(streams: nn.Module | None = None, **more: Any) -> Training:
    values: dict[str, Any] = {"fold": make_fold(), "settings": SETTINGS, "seed": 0}
    return Training(streams=streams or nn.Identity(), **{**values, **more})


def test_all_24_structures_of_one_cell_are_visited_once() -> None:
    built: list[Genotype] = []

    def make_network(genotype: Genotype) -> nn.Module:
        built.append(genotype)
        return TinyNetwork()

    structures = all_structures(1, (1, 2, 4))
    rows = train_every_structure(make_network, structures, training(), found=structures[9])
    assert len(rows) == 24
    assert built == structures
    assert {(row["level"], row["operations"]) for row in rows} == {
        (level, name) for level in range(3) for name in OPERATIONS
    }
    assert [place for place, row in enumerate(rows) if row["found"]] == [9]
    assert [row["layer"] for row in rows[::8]] == [1, 2, 4]
    assert set(rows[0]) == {
        *("seed", "level", "layer", "operations", "dev_ua", "dev_wa", "dev_loss"),
        *("test_ua", "test_wa", "seconds", "found"),
    }
    assert rows[0]["test_ua"] is None


def test_every_structure_starts_from_the_same_streams() -> None:
    streams = TrainedStreams()
    structures = all_structures(1)[:3]
    rows = train_every_structure(lambda _: TinyNetwork(), structures, training(streams))
    alone = fitted(TinyNetwork(), TrainedStreams(), make_fold(), SETTINGS, seed=0)
    assert [row["dev_loss"] for row in rows] == [alone.dev_loss] * 3


def test_an_interrupted_check_goes_on_where_it_was() -> None:
    structures = all_structures(1)[:4]
    rows: list[dict[str, Any]] = []

    def stop_at_two(row: dict[str, Any]) -> None:
        rows.append(row)
        if len(rows) == 2:
            raise KeyboardInterrupt

    def go(**more: Any) -> list[dict[str, Any]]:
        return train_every_structure(lambda _: TinyNetwork(), structures, training(), **more)

    with pytest.raises(KeyboardInterrupt):
        go(on_structure=stop_at_two)
    new: list[dict[str, Any]] = []
    result = go(done=rows, on_structure=new.append)
    assert result == rows + new
    assert [row["operations"] for row in new] == list(OPERATIONS)[2:4]


def test_the_test_part_is_scored_with_the_finished_network() -> None:
    modes: list[bool] = []

    def evaluate(network: object) -> Scores:
        assert isinstance(network, TinyNetwork)
        modes.append(network.training)
        return Scores(ua=float(network.classify.bias.abs().sum() > 0), wa=0.25, loss=1.0)

    network = TinyNetwork()
    with torch.no_grad():
        network.classify.bias.zero_()
    rows = train_every_structure(
        lambda _: network, all_structures(1)[:1], training(), evaluate=evaluate
    )
    assert (rows[0]["test_ua"], rows[0]["test_wa"]) == (1.0, 0.25)
    assert modes == [False]


def test_the_structure_in_training_goes_on_from_its_own_checkpoint(tmp_path: Path) -> None:
    structures = all_structures(1)[:2]
    settings = replace(FAST, max_epochs=3, patience=3)
    trained: list[int] = []

    class Stopping(TinyNetwork):
        """Stops in the second epoch of the second structure, the first time."""

        def train(self, mode: bool = True) -> "Stopping":
            if mode:
                trained.append(len(trained))
                if len(trained) == 5:
                    raise KeyboardInterrupt
            return super().train(mode)

    def go(done: Any, on_row: Any) -> list[dict[str, Any]]:
        kept = training(settings=settings, checkpoint=tmp_path / "checkpoints")
        return train_every_structure(
            lambda _: Stopping(), structures, kept, done=done, on_structure=on_row
        )

    rows: list[dict[str, Any]] = []
    with pytest.raises(KeyboardInterrupt):
        go((), rows.append)
    assert files_under(tmp_path / "checkpoints") == [f"0-{list(OPERATIONS)[1]}"]
    result = go(list(rows), rows.append)
    # Three epochs of the first, one and the stopped one of the second, and its other two.
    assert len(trained) == 3 + 2 + 2
    assert files_under(tmp_path / "checkpoints") == []
    straight = train_every_structure(
        lambda _: TinyNetwork(), structures, training(settings=settings)
    )
    assert without_seconds(result) == without_seconds(straight)
