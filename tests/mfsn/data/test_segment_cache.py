"""Kept tensors equal fresh ones, survive an interruption, and damage is noticed."""

import time
from pathlib import Path
from threading import Thread

import pandas as pd
import pytest
import torch
from torch import Tensor

from mfsn.data import segments as segment_cache
from mfsn.data.head_inputs import FaultSettings, InputSettings
from mfsn.data.segments import CutUtterance, Segments, halved, kept_tensors, make_segments
from pretrain.shared import kept_tensors as kept_tensors_module
from pretrain.shared.kept_tensors import TensorFile
from pretrain.shared.processes.locks import lock
from tests.mfsn.corpora import corpus

INPUTS, FAULTS = InputSettings(), FaultSettings()


class Counting:
    """Start, stop and samples of each segment; counts; stops after a set number."""

    name = "counting"
    key = "counting"

    def __init__(self, most: int = 1000) -> None:
        self.done = 0
        self.most = most

    def __call__(self, utterances: list[CutUtterance]) -> dict[str, Tensor]:
        rows = [
            [float(start), float(stop), float(utterance.waveform[start:stop].sum())]
            for utterance in utterances
            for start, stop in utterance.bounds
        ]
        if self.done + len(rows) > self.most:
            raise KeyboardInterrupt
        self.done += len(rows)
        return {"a": torch.tensor(rows), "b": torch.tensor(rows)[:, :1].half()}


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    return corpus(tmp_path / "audio", [110_000, 20_000, 30_000, 100_000, 8_000]).sort_values("id")


def cut_table(table: pd.DataFrame) -> Segments:
    return make_segments(table["frames"].tolist(), table["id"].tolist(), INPUTS, FAULTS)


def keep(table: pd.DataFrame, source: Counting, folder: Path) -> dict[str, Tensor]:
    return kept_tensors(table, cut_table(table), source, INPUTS, FAULTS, folder)


def test_a_second_call_reads_what_the_first_computed(table: pd.DataFrame, tmp_path: Path) -> None:
    source = Counting()
    first = keep(table, source, tmp_path / "kept")
    again = keep(table, source, tmp_path / "kept")
    assert source.done == len(cut_table(table)) == 8
    assert all(torch.equal(first[name], again[name]) for name in ("a", "b"))
    fresh = keep(table, Counting(), tmp_path / "fresh")
    assert all(torch.equal(first[name], fresh[name]) for name in ("a", "b"))
    assert again["b"].dtype == torch.float16
    assert first["a"][:, 0].tolist() == [0, 48_000, 96_000, 0, 0, 0, 48_000, 0]


def test_an_interrupted_call_goes_on_where_it_stopped(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_cache, "BATCH_SEGMENTS", 4)
    straight = keep(table, Counting(), tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        keep(table, Counting(most=5), tmp_path / "kept")
    rest = Counting()
    resumed = keep(table, rest, tmp_path / "kept")
    assert rest.done == 4, "batches are u0 + u1, u2 + u3, u4: the first was kept"
    assert all(torch.equal(straight[name], resumed[name]) for name in ("a", "b"))
    assert [path.suffix for path in (tmp_path / "kept").glob("[!.]*")] == [".safetensors"]


def test_work_is_kept_while_it_goes_on(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_cache, "BATCH_SEGMENTS", 1)
    monkeypatch.setattr(kept_tensors_module, "SAVE_EVERY_SECONDS", 0.0)
    written: list[Path] = []
    write = TensorFile.write

    def spy(file: TensorFile, tensors: dict[str, Tensor]) -> None:
        written.append(file.path)
        write(file, tensors)

    monkeypatch.setattr(TensorFile, "write", spy)
    keep(table, Counting(), tmp_path / "kept")
    assert [path.name for path in written[:-1]] == [
        f"{start:08d}.safetensors" for start in (0, 3, 4, 5, 7)
    ]


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty"])
def test_a_damaged_file_is_computed_again(table: pd.DataFrame, tmp_path: Path, damage: str) -> None:
    first = {name: t.clone() for name, t in keep(table, Counting(), tmp_path / "kept").items()}
    (file,) = (tmp_path / "kept").glob("*.safetensors")
    content = {"cut": file.read_bytes()[:-4], "garbage": b"x" * 300, "empty": b""}[damage]
    # A new file, for the old one may still be mapped.
    file.unlink()
    file.write_bytes(content)
    source = Counting()
    again = keep(table, source, tmp_path / "kept")
    assert source.done == 8
    assert all(torch.equal(first[name], again[name]) for name in ("a", "b"))


def test_other_audio_inputs_or_faults_are_another_file(table: pd.DataFrame, tmp_path: Path) -> None:
    source, folder = Counting(), tmp_path / "kept"
    keep(table, source, folder)
    keep(table.assign(audio_hash=[f"x{n}" for n in range(5)]), source, folder)
    segments = cut_table(table)
    kept_tensors(table, segments, source, InputSettings(num_mfcc=13), FAULTS, folder)
    kept_tensors(table, segments, source, INPUTS, FaultSettings(tiny_tails=True), folder)
    assert source.done == 4 * 8


def test_numbers_that_do_not_fit_into_half_precision_stay_whole() -> None:
    assert halved(torch.tensor([1.0, -60_000.0])).dtype == torch.float16
    large = torch.tensor([1.0, -70_000.0])
    assert torch.equal(halved(large), large)


def test_only_who_needs_the_same_file_waits_and_says_so(
    table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, first = tmp_path / "kept", Counting()
    keep(table, first, folder)
    (file,) = folder.glob("*.safetensors")
    file.unlink()
    other = table.assign(audio_hash=[f"x{n}" for n in range(5)])
    results: list[dict[str, Tensor]] = []
    waiting = Thread(target=lambda: results.append(keep(table, Counting(), folder)))
    with lock(folder / f".{file.stem}.lock", wait=True):
        keep(other, Counting(), folder)
        assert "Waiting" not in capsys.readouterr().out
        waiting.start()
        deadline = time.monotonic() + 20
        said = ""
        while "Waiting for another process" not in said:
            assert time.monotonic() < deadline
            said += capsys.readouterr().out
            time.sleep(0.01)
        assert not results
    waiting.join(20)
    assert len(results) == 1
