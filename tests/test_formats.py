"""What docs/formats.md says of columns, kinds and versions is what the code declares."""

import re

import pytest

import mfsn.experiment.results
import mfsn.model.genotype
import mfsn.study.study_columns
import pretrain.data.scan.quarantine
import pretrain.data.synthetic.corpus
import pretrain.data.tables.utterances
import pretrain.data.vocabulary
import pretrain.engine.checkpoint
import pretrain.engine.run_folder
import pretrain.model.weights
import probe.codes.results
import probe.results
import probe.whole_table.cell_store
from pretrain.recognition.recognizer import HEAD_FILE
from tests.conftest import PROJECT

TEXT = (PROJECT / "docs" / "formats.md").read_text(encoding="utf-8")

KINDS = {
    "probe": probe.results.COLUMNS,
    "codes": probe.codes.results.COLUMNS,
    "mfsn": mfsn.experiment.results.COLUMNS,
    "fusion-study": mfsn.study.study_columns.COLUMNS,
}

FORMATS = {
    "run.json of pre-training and CTC fine-tuning": pretrain.engine.run_folder.FORMAT,
    "encoder.json": pretrain.model.weights.FORMAT,
    "vocabulary.json": pretrain.data.vocabulary.FORMAT,
    "checkpoints/update-N/state.json": pretrain.engine.checkpoint.FORMAT,
    "run.json of the probe": probe.results.FORMAT,
    "a cell of Table 4": probe.whole_table.cell_store.FORMAT,
    "run.json of code knowledge": probe.codes.results.FORMAT,
    "run.json of MFSN": mfsn.experiment.results.FORMAT,
    "genotype.json": mfsn.model.genotype.FORMAT,
    "finished.json of a synthetic corpus": pretrain.data.synthetic.corpus.FORMAT,
}


def section_of(kind: str) -> str:
    (section,) = [part for part in TEXT.split("\n## ") if f'Kind "{kind}".' in part]
    return section


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_results_are_those_that_are_written(kind: str) -> None:
    said = {
        name: tuple(columns.split(", "))
        for name, columns in re.findall(
            r"^\| (\w+)\.csv \| (\w+(?:, \w+)+) \|$", section_of(kind), re.M
        )
    }
    assert said == KINDS[kind]


def test_kinds_are_those_that_are_written() -> None:
    assert probe.results.KIND in KINDS
    assert probe.codes.results.KIND in KINDS
    assert mfsn.experiment.results.KIND in KINDS


def test_formats_are_those_that_are_written() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]*`[\w.]*format`[^|]* \| (\d+) \|$", TEXT, re.M)
    assert {name: int(number) for name, number in rows} == FORMATS


def test_columns_of_tables_of_utterances_are_those_that_are_written() -> None:
    (columns,) = re.findall(r"^Columns: (.+)$", TEXT, re.M)
    assert tuple(columns.split(", ")) == pretrain.data.tables.utterances.COLUMNS
    (columns,) = re.findall(r"^Columns of `quarantine.csv`[^:]*: (.+)$", TEXT, re.M)
    assert columns.split(", ") == pretrain.data.scan.quarantine.COLUMNS


def test_files_of_a_run_folder_have_their_names() -> None:
    for name in (
        pretrain.model.weights.SETTINGS_FILE,
        pretrain.model.weights.WEIGHTS_FILE,
        pretrain.model.weights.INITIAL_WEIGHTS_FILE,
        pretrain.data.vocabulary.VOCABULARY_FILE,
        HEAD_FILE,
        mfsn.experiment.results.RESULT_FILE,
        pretrain.data.synthetic.corpus.MARKER,
        *pretrain.engine.run_folder.EARLY_FILES,
    ):
        assert re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", TEXT), name
