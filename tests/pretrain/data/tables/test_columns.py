"""A manifest's own names for its columns, and those that nobody reads."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.config.files import SettingsError, read_tree
from pretrain.data.readers.column_names import meaning
from pretrain.data.readers.manifest import list_manifest
from pretrain.data.readers.read import read_corpus
from pretrain.data.scan.quarantine import CorpusWarning
from pretrain.data.tables.columns import put_columns, take_columns, with_columns
from pretrain.data.tables.utterances import TableError, table_hash

ROWS = "a.wav,s1,sad,yes,train\nb.wav,s2,glad,no,test\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    for place, name in enumerate("ab"):
        noise = np.random.default_rng(place).normal(0, 0.1, 8000)
        soundfile.write(tmp_path / f"{name}.wav", noise, 16_000)
    (tmp_path / "good.csv").write_text(f"path,speaker,emotion,text,split\n{ROWS}")
    (tmp_path / "other.csv").write_text(f"file,who,label,said,Split\n{ROWS}")
    return tmp_path


def test_columns_are_part_of_the_spec_and_come_out_again() -> None:
    spec = with_columns("mine=/a=b.csv", "path=file, emotion=label")
    assert spec == "mine[emotion=label,path=file]=/a=b.csv"
    assert take_columns(spec) == ("mine=/a=b.csv", {"emotion": "label", "path": "file"})
    assert with_columns(spec, "split=") == "mine[emotion=label,path=file,split=]=/a=b.csv"
    assert with_columns(spec, None) == spec
    assert put_columns("mine:norms=/a.csv", {"path": "x"}) == "mine[path=x]:norms=/a.csv"
    assert take_columns("mine=/a[path=x]=b") == ("mine=/a[path=x]=b", {})


@pytest.mark.parametrize(
    ("spec", "columns", "said"),
    [
        ("mine=a.csv", "path", "'path' is not so"),
        ("mine=a.csv", "Path=file", "'Path=file' is not so .*Known are: path, id, speaker"),
        ("mine=a.csv", "path=a,path=b", "'path=b' is not so"),
        ("mine=a.csv", "path=a]b", "cannot be named here"),
        ("mine[path=x]=a.csv", "path=y", "`path` is 'x' in mine"),
        ("synthetic", "path=y", "Columns are of manifests, .* 'synthetic' is none"),
    ],
)
def test_wrong_columns_are_refused(spec: str, columns: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        with_columns(spec, columns)


def test_a_table_of_equal_content_has_an_equal_hash_under_other_names(folder: Path) -> None:
    columns = "path=file,speaker=who,emotion=label,text=said,split=Split"
    good = read_corpus(f"mine={folder}/good.csv")
    other = read_corpus(with_columns(f"mine={folder}/other.csv", columns))
    assert table_hash(other) == table_hash(good)
    assert list(other["split"]) == ["train", "test"]
    tabs = (folder / "good.csv").read_text().replace(",", "\t")
    (folder / "good.tsv").write_text(tabs)
    (folder / "manifest.tsv").write_text(tabs)
    assert table_hash(read_corpus(f"mine={folder}/good.tsv")) == table_hash(good)
    assert table_hash(read_corpus(f"mine={folder}")) == table_hash(good)


@pytest.mark.parametrize(
    ("header", "columns", "said"),
    [
        ("path,speaker,emotion,text,Split", {}, "'Split' but none `split`.*--columns split=Split"),
        ("path,SPEAKER,emotion,text,split", {}, "--columns speaker=SPEAKER"),
        ("path,Speaker,emotion,text,Valence", {}, "speaker=Speaker,valence=Valence"),
        ("path,speaker,emotion,text,Split_Set", {}, "--columns split=Split_Set"),
        ("path,speaker,emotion,text,splits", {}, "--columns split=splits"),
        ("Path,speaker,emotion,text,x", {}, "must have a column `path`.*--columns path=Path"),
        ("FileName,SpkrID,EmoClass,text,x", {}, "path=FileName,speaker=SpkrID,emotion=EmoClass"),
        ("path,speaker,emotion,text,split", {"split": "Splitt"}, "Did you mean 'split'"),
    ],
)
def test_a_column_that_only_can_mean_a_known_one_is_refused_with_the_remedy(
    folder: Path, header: str, columns: dict[str, str], said: str
) -> None:
    (folder / "mine.csv").write_text(f"{header}\n{ROWS}")
    with pytest.raises(TableError, match=said):
        list_manifest(folder / "mine.csv", "mine", columns)


def test_a_column_that_may_mean_a_known_one_is_told(folder: Path) -> None:
    (folder / "mine.csv").write_text(f"path,speaker,label,sentence,age\n{ROWS}")
    with pytest.warns(CorpusWarning) as caught:
        list_manifest(folder / "mine.csv", "mine")
    (warning,) = caught
    for part in ("did you mean `emotion`", "emotion=label", "text=sentence"):
        assert part in str(warning.message)
    assert "age" not in str(warning.message)


def test_a_known_column_that_is_said_not_to_be_there_is_left_out_without_a_word(
    folder: Path,
) -> None:
    (folder / "mine.csv").write_text(f"path,speaker,label,text,Split\n{ROWS}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listing = list_manifest(
            folder / "mine.csv", "mine", {"split": "", "emotion": "", "speaker": ""}
        )
    assert set(listing["split"]) | set(listing["emotion"]) | set(listing["speaker"]) == {""}


@pytest.mark.parametrize(
    "name", ["text_code", "duration_s", "age", "intensity", "word_emotion", "accents", "test"]
)
def test_other_columns_are_no_known_ones(name: str) -> None:
    assert meaning(name) == ""


def test_the_option_becomes_a_part_of_the_corpus_of_the_settings() -> None:
    tree = read_tree([], [], "mine=/a.csv", "path=file")
    assert tree.values["data"]["corpus"] == "mine[path=file]=/a.csv"
    tree = read_tree([], ["data.corpus=mine=/a.csv"], None, "path=file")
    assert tree.values["data"]["corpus"] == "mine[path=file]=/a.csv"
    with pytest.raises(SettingsError, match="there is no --corpus"):
        read_tree([], [], None, "path=file")


@pytest.mark.parametrize("spec", ["folder[path=x]={folder}", "synthetic[path=x]"])
def test_corpora_in_a_layout_of_their_own_have_no_columns(folder: Path, spec: str) -> None:
    with pytest.raises(ValueError, match=r"Columns are of manifests|columns of its own"):
        read_corpus(spec.format(folder=folder))


def test_a_cell_that_goes_over_several_lines_is_told(folder: Path) -> None:
    (folder / "mine.csv").write_text('path,text\na.wav,"yes\nb.wav,no"\n')
    with pytest.warns(CorpusWarning, match="begin in line 2.*quotation mark"):
        list_manifest(folder / "mine.csv", "mine")
