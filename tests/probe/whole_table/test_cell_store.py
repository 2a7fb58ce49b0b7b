"""A kept cell comes back as it was, and is found only for exactly its inputs."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from shutil import copytree, ignore_patterns

import pandas as pd
import pytest
import torch

from pretrain.engine.provenance import git_state, package_versions
from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.weights import save_encoder
from pretrain.shared.json_files import hash_of
from pretrain.shared.numbers_version import NUMBERS_VERSION
from probe.features.baselines import CONSTANT, LOG_MEL, UNTRAINED, LogMelFeatures
from probe.features.mfcc import MfccFeatures
from probe.folds.divide import folds_hash
from probe.heads.linear import Evaluation
from probe.heads.settings import make_head
from probe.rows.all_rows import read_corpus
from probe.rows.comparable import BASELINE, ROW, EncoderRun
from probe.rows.evaluate_row import Corpus, evaluate_row
from probe.rows.precision import precision_of_cells
from probe.whole_table import cell_store as cells_module
from probe.whole_table.cell_store import Cell, CellError, Setting, inputs_of_corpus
from tests.conftest import PROJECT
from tests.probe.table4_places import make_corpus

SIZES = EncoderSettings(
    conv_dim=8, model_dim=16, ffn_dim=16, num_layers=2, num_heads=2, position_groups=2
)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    return read_corpus(make_corpus(tmp_path / "mine"), "speaker")


@pytest.fixture
def cell(corpus: Corpus, tmp_path: Path) -> Cell:
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    save_encoder(encoder, build_encoder(SIZES, seed=1))
    save_encoder(encoder, build_encoder(SIZES, seed=2), initial=True)
    return Cell(
        run=EncoderRun(name="row", group=ROW, seed=0, folder=encoder),
        setting=Setting(corpus=corpus, protocol="speaker", head=make_head("linear"), bf16=False),
        corpus_inputs=inputs_of_corpus(corpus),
        folder=tmp_path / "cells",
    )


@pytest.mark.slow
def test_a_cell_comes_back_to_the_last_digit(cell: Cell, tmp_path: Path) -> None:
    setting = cell.setting
    made = evaluate_row(cell.run, setting.corpus, setting.head, tmp_path / "features", False)
    cell.write(made, 1.5)
    kept = cell.read()
    read = kept.evaluation
    assert read.scores == made.scores
    assert read.selection == made.selection
    assert read.warnings == made.warnings
    assert len(read.predictions) == len(made.predictions)
    for ours, theirs in zip(read.predictions, made.predictions, strict=True):
        assert ours.to_csv() == theirs.to_csv()
    assert json.loads(cell.path.read_text())["seconds"] == 1.5
    assert kept.git == git_state()
    assert kept.packages == package_versions()


def test_other_weights_of_the_encoder_are_another_cell(cell: Cell) -> None:
    assert cell.run.folder is not None
    before, untrained = cell.path, untrained_of(cell).path
    save_encoder(cell.run.folder, build_encoder(SIZES, seed=3))
    assert cell.path != before
    assert untrained_of(cell).path == untrained
    save_encoder(cell.run.folder, build_encoder(SIZES, seed=1))
    assert cell.path == before


def untrained_of(cell: Cell) -> Cell:
    run = EncoderRun(name=UNTRAINED, group=BASELINE, seed=0, folder=cell.run.folder)
    return replace(cell, run=run)


def test_other_labels_folds_head_precision_and_numbers_are_other_cells(
    cell: Cell, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_corpus(other: Corpus) -> Cell:
        return replace(cell, corpus_inputs=inputs_of_corpus(other))

    moved = corpus.folds.assign(part=corpus.folds["part"].replace({"dev": "train", "train": "dev"}))
    task = corpus.tasks[0]
    flipped = replace(task, targets=task.targets[::-1].copy())
    superb = make_head("superb", ["superb.epochs=3"])
    others = [
        cell,
        with_corpus(with_folds(corpus, moved)),
        with_corpus(replace(corpus, tasks=(flipped, *corpus.tasks[1:]))),
        with_corpus(replace(corpus, described={**corpus.described, "table_hash": "x"})),
        replace(cell, setting=replace(cell.setting, bf16=True)),
        replace(cell, setting=replace(cell.setting, head=superb)),
        replace(cell, setting=replace(cell.setting, head=make_head("superb"))),
        replace(cell, run=replace(cell.run, seed=1)),
    ]
    paths = [other.path for other in others]
    monkeypatch.setitem(NUMBERS_VERSION, "linear", NUMBERS_VERSION["linear"] + 1)
    paths.append(cell.path)
    monkeypatch.setattr(cells_module, "device", lambda: torch.device("meta"))
    paths.append(cell.path)
    monkeypatch.setattr(torch, "__version__", "0.0")
    paths.append(cell.path)
    assert len(set(paths)) == len(paths)


def with_folds(corpus: Corpus, folds: pd.DataFrame) -> Corpus:
    described = {**corpus.described, "folds_hash": folds_hash(folds)}
    return replace(corpus, folds=folds, described=described)


def test_folds_in_another_order_and_other_notes_are_the_same_cell(
    cell: Cell, corpus: Corpus
) -> None:
    shuffled = corpus.folds.sample(frac=1, random_state=1)
    described = {**corpus.described, "notes": ["other"], "spec": "elsewhere"}
    other = with_folds(replace(corpus, described=described), shuffled)
    assert replace(cell, corpus_inputs=inputs_of_corpus(other)).path == cell.path


def test_what_has_no_weights_is_one_cell_for_all_seeds(cell: Cell) -> None:
    first, second = (
        replace(cell, run=EncoderRun(name=CONSTANT, group=BASELINE, seed=seed)) for seed in (0, 1)
    )
    assert first.path == second.path


def test_cells_of_acoustic_baselines_are_told_apart_by_what_they_compute(cell: Cell) -> None:
    mfcc, later = (
        replace(cell, run=EncoderRun(name="mfcc", group=BASELINE, seed=seed)) for seed in (0, 1)
    )
    assert mfcc.path == later.path
    assert mfcc.inputs["weights"] == [MfccFeatures.key]
    log_mel = replace(cell, run=EncoderRun(name=LOG_MEL, group=BASELINE, seed=0))
    assert log_mel.inputs["weights"] == [LogMelFeatures.key]


def test_a_damaged_cell_is_named(cell: Cell) -> None:
    cell.path.parent.mkdir(parents=True)
    cell.path.write_text('{"inputs": ')
    with pytest.raises(CellError, match="remove it, and the same command computes it again"):
        cell.read()


def test_frames_of_predictions_stay_frames(cell: Cell) -> None:
    frame = pd.DataFrame({"task": ["valence"], "target": [0.1], "prediction": [1 / 3]})
    made = Evaluation(predictions=[frame])
    text = json.dumps(cells_module.to_plain(made))
    (read,) = cells_module.from_plain(json.loads(text)).predictions
    pd.testing.assert_frame_equal(read, frame)


OF_A_CELL = """
from pathlib import Path
import probe
from pretrain.shared.json_files import hash_of
from probe.features.baselines import CONSTANT
from probe.heads.settings import make_head
from probe.rows.comparable import BASELINE, EncoderRun
from probe.whole_table.cell_store import Cell, Setting
setting = Setting(corpus=None, protocol="speaker", head=make_head("linear"), bf16=False)
run = EncoderRun(name=CONSTANT, group=BASELINE, seed=0)
print(probe.__file__)
print(hash_of(Cell(run=run, setting=setting, corpus_inputs={}, folder=Path()).inputs))
"""


@pytest.mark.slow
def test_another_comment_in_the_code_is_the_same_cell(tmp_path: Path) -> None:
    for package in ("probe", "pretrain"):
        copytree(PROJECT / package, tmp_path / package, ignore=ignore_patterns("__pycache__"))
    for file in tmp_path.rglob("*.py"):
        file.write_text(file.read_text() + "\n# Said in other words.\n")
    hashes = []
    for place in (PROJECT, tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", OF_A_CELL],
            cwd=place,
            env={**os.environ, "PYTHONPATH": str(place)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        where, found = done.stdout.split()
        assert Path(where).is_relative_to(place)
        hashes.append(found)
    assert hashes[0] == hashes[1]


def test_a_cell_of_a_former_version_is_left_and_computed_anew(cell: Cell) -> None:
    """They were named after a hash of the code."""
    old = {**cell.inputs, "code": "0" * 32}
    del old["numbers"]
    former = cell.path.with_name(f"row-seed0-{hash_of(old)[:16]}.json")
    cell.write(Evaluation(), 1.0)
    text = json.loads(cell.path.read_text())
    cell.path.unlink()
    former.write_text(json.dumps({**text, "inputs": old}))
    assert not cell.path.is_file()
    assert precision_of_cells(cell.folder) == "fp32"
    cell.write(Evaluation(warnings=["new"]), 1.0)
    assert cell.read().evaluation.warnings == ["new"]
    assert former.is_file()
