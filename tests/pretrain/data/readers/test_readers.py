"""Corpora by their specs: folders, manifests, LibriSpeech, the synthetic corpus."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

import pretrain.data.synthetic.corpus
from pretrain.data.audio.waveforms import num_samples_16k, read_waveform
from pretrain.data.readers.manifest import list_manifest
from pretrain.data.readers.read import read_corpus
from pretrain.data.scan.quarantine import CorpusWarning
from pretrain.data.tables.delimited import read_csv
from pretrain.data.tables.utterances import TableError, table_hash
from pretrain.shared.paths import runs_folder
from tests.conftest import RealSpeech


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def write(path: Path, *, seed: int, rate: int = 16000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 0.1, (rate // 2, channels))
    soundfile.write(path, noise, rate)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder of four files of all sorts, and a few that do not count."""
    folder = tmp_path / "corpus"
    write(folder / "a.wav", seed=0, rate=44100, channels=2)
    write(folder / "deep" / "er" / "b.FLAC", seed=1)
    write(folder / "deep" / "c.ogg", seed=2, rate=22050)
    write(folder / "d.mp3", seed=3, rate=48000)
    (folder / "notes.txt").write_text("no sound")
    (folder / "._a.wav").write_bytes(b"Mac OS X")
    return folder


def write_manifest(folder: Path, text: str, name: str = "manifest.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_folder_of_any_formats_and_rates_is_read(corpus: Path) -> None:
    table = read_corpus(f"folder={corpus}")
    assert list(table["id"]) == ["folder/a", "folder/d", "folder/deep/c", "folder/deep/er/b"]
    assert list(table["sample_rate"]) == [44100, 48000, 22050, 16000]
    assert list(table["frames"]) == [22050, 24000, 11025, 8000]
    assert set(table["source"]) == {"folder"}
    for row in table.itertuples():
        assert read_waveform(row).shape == (8000,)


def test_a_relative_folder_and_one_under_links_are_read(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (corpus / "deep" / "loop").symlink_to(corpus)
    write(tmp_path / "elsewhere" / "e.wav", seed=9)
    (corpus / "linked").symlink_to(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    table = read_corpus("folder=corpus")
    assert list(table["id"])[-1] == "folder/linked/e"
    assert len(table) == 5
    assert table["path"].map(os.path.isabs).all()


def test_a_manifest_may_lie_elsewhere_than_its_files(corpus: Path, tmp_path: Path) -> None:
    lines = "path,speaker\na.wav,x\ndeep/c.ogg,y\n"
    beside = read_corpus(f"mine={write_manifest(corpus, lines)}")
    (tmp_path / "tables").mkdir()
    away = write_manifest(tmp_path / "tables", lines)
    table = read_corpus(f"mine[root={corpus}]={away}")
    assert table.equals(beside)
    above = write_manifest(tmp_path, lines)
    with pytest.raises(
        TableError, match=rf"None of the 2 files .* it is in {corpus}\. .*root={corpus}"
    ):
        read_corpus(f"mine={above}")
    with pytest.raises(TableError, match="must be the folder that paths are in"):
        read_corpus(f"mine[root={tmp_path / 'none'}]={away}")


def test_the_same_name_with_two_endings_gives_two_ids(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a.wav", seed=0)
    write(tmp_path / "x" / "a.flac", seed=1)
    assert list(read_corpus(f"folder={tmp_path / 'x'}")["id"]) == ["folder/a.flac", "folder/a.wav"]


def test_file_names_of_any_bytes_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    write(folder / "a.wav", seed=0)
    for name in (b"\xff\xfe.wav", b"<b>&,\"'.wav", b"line\nbreak.wav"):
        try:
            os.rename(folder / "a.wav", os.path.join(os.fsencode(folder), name))
        except OSError:
            pytest.skip("this file system refuses such names")
        write(folder / "a.wav", seed=len(name))
    table = read_corpus(f"folder={folder}")
    assert len(table) == 4
    assert len(read_corpus(f"folder={folder}")) == 4
    assert all(name.isprintable() and name.encode() for name in table["id"])
    assert len(table_hash(table)) == 32
    for row in table.itertuples():
        assert read_waveform(row).shape == (8000,)


def test_a_manifest_is_read_with_its_labels_as_they_are(corpus: Path) -> None:
    text = (
        "path,speaker,emotion,text,valence,arousal,dominance,duration_s,gender\n"
        'a.wav,03,sad,"NA, he said",5.5,0.5,,99,m\n'
        f"{corpus}/deep/c.ogg, 04 ,NA,null,,,,,f\n\n"
    )
    table = read_corpus(f"mine={write_manifest(corpus, text)}")
    assert list(table["id"]) == ["mine/a", "mine/deep/c"]
    assert list(table["speaker"]) == ["03", "04"]
    assert list(table["emotion"]) == ["sad", ""]
    assert list(table["text"]) == ["NA, he said", "null"]
    assert (table["valence"][0], table["arousal"][0]) == (5.5, 0.5)
    assert table[["dominance"]].isna().all(axis=None)
    assert list(table["frames"]) == [22050, 11025]
    by_folder = read_corpus(f"mine={corpus}")
    assert table_hash(by_folder) == table_hash(table)


def test_a_manifest_may_cut_a_file_into_utterances(corpus: Path) -> None:
    text = "path,offset,frames\na.wav,0,11025\na.wav,11025,\n"
    table = read_corpus(f"cut={write_manifest(corpus, text)}")
    assert list(table["id"]) == ["cut/a@0", "cut/a@11025"]
    assert list(table["frames"]) == [11025, 11025]
    assert table["audio_hash"].nunique() == 2


def test_a_moved_corpus_has_the_same_hash(corpus: Path, tmp_path: Path) -> None:
    before = table_hash(read_corpus(f"folder={corpus}"))
    corpus.rename(tmp_path / "moved")
    assert table_hash(read_corpus(f"folder={tmp_path / 'moved'}")) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,speaker\na.wav,1\n", "must have a column `path`, but its columns are 'file'"),
        ("path;speaker\na.wav;1\n", "separated by commas"),
        ("path,speaker\n", "at least one row"),
        ("", "cannot be read"),
        ("path,path \na.wav,d.mp3\n", "names the column 'path' twice"),
        ("path,valence\na.wav,low\n", "line 2: `valence` must be a number or empty, but is 'low'"),
        ("path,valence\na.wav,1\nd.mp3,350\n", "`valence` must be between .* 350.*mine/d"),
        ("path,arousal\na.wav,inf\n", "`arousal` must be between"),
        ("path,speaker\na.wav,1\n,2\n", "line 3: `path` must not be empty"),
        ("path,id\na.wav,x\nd.mp3,x\n", "line 3: `id` must be unique.*'x' and was used in line 2"),
        ("path\na.wav\n./a.wav\n", "line 3: names the same file as line 2"),
        ("path,offset\na.wav,-5\n", "line 2: `offset` must be a whole number"),
        ("path,frames\na.wav,1.5\n", "line 2: `frames` must be a whole number"),
        ("\npath,valence\n\n\na.wav,1\nd.mp3,x\n", "line 6: `valence` must be a number"),
        ('path,text,valence\na.wav,"two\nlines",\nd.mp3,,x\n', "line 4: `valence` must be"),
        ("path,speaker\n\na.wav,1\n ,2\n", "line 4: `path` must not be empty"),
        ("path,id\na.wav,x\n\nd.mp3,x\n", "line 4: `id` must be unique.*used in line 2"),
        ("path\n\na.wav\n\n./a.wav\n", "line 5: names the same file as line 3"),
        ("path,offset\n\na.wav,-5\n", "line 3: `offset` must be a whole number"),
        ('path,speaker\n\na.wav,"1\n2"\n', "line 3: `speaker` must have no line breaks"),
        ("path,start,end,offset\na.wav,0,,0\n", "in frames .* or in times"),
        ("path,start,end\na.wav,-0.1,0.2\n", "line 2: `end` must come after `start`, and that"),
        ("path,start\na.wav,-0 days 00:00:01\n", "line 2: `end` must come after `start`"),
        ("path,end\na.wav,0\n", "line 2: `end` must come after `start`"),
        ("path,start,end\na.wav,0,inf\n", "line 2: `end` must be a time, but is 'inf'"),
        ("path,start,end\na.wav,nan,1\n", "line 2: `start` must be a time, but is 'nan'"),
        ("path,start,end\na.wav,100,400\n", "must be in seconds, .* ends at 400 s .*by 1000"),
    ],
)
def test_a_wrong_manifest_is_told_with_its_line(corpus: Path, text: str, said: str) -> None:
    manifest = write_manifest(corpus, text)
    with pytest.raises(TableError, match=said) as caught:
        read_corpus(f"mine={manifest}")
    assert str(corpus) in str(caught.value)


def test_a_manifest_that_is_not_utf8_is_told(corpus: Path) -> None:
    (corpus / "manifest.csv").write_bytes("path,text\na.wav,T\u00fcr\n".encode("latin-1"))
    with pytest.raises(TableError, match="must be UTF-8"):
        read_corpus(f"mine={corpus}")


def test_files_that_a_manifest_names_but_are_not_there_stop_the_run(corpus: Path) -> None:
    manifest = write_manifest(corpus, "path\na.wav\ngone.wav\n")
    with pytest.raises(ValueError, match=r"1 of 2 .*(\n.*)*gone\.wav: file not found"):
        read_corpus(f"mine={manifest}")


def test_the_same_audio_twice_is_reported_with_its_ids_and_kept(corpus: Path) -> None:
    (corpus / "twin.wav").write_bytes((corpus / "a.wav").read_bytes())
    with pytest.warns(CorpusWarning, match="folder/a = folder/twin"):
        assert len(read_corpus(f"folder={corpus}")) == 5


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("synthetik", "Did you mean 'synthetic'"),
        ("librispeech", "must be given with its place: librispeech=PATH"),
        ("librispech={corpus}", "'librispech' is not known.*Did you mean 'librispeech'.*manifest"),
        ("mine={corpus}", "holds no manifest.csv"),
        ("mine={corpus}/gone", "gone does not exist"),
        ("mine={corpus}/gone.csv", r"gone\.csv does not exist"),
        ("mine={corpus}/notes.txt", r"notes\.txt is not a \.csv file"),
        ("folder={corpus}/gone/deeper", "deeper does not exist .the nearest that does is"),
        ("folder={corpus}/a.wav", "must be a folder, but .* is a file instead"),
        ("folder={corpus}/empty", "must hold audio files .* but holds none"),
        ("folder=", "has no path"),
        ("my corpus={corpus}", "name must consist of letters"),
        ("{corpus}", "is only the path .* Write folder="),
        ("librispeech={corpus}", "must have LibriSpeech's layout"),
        ("synthetic={corpus}", "has no path"),
        ("synthetic:hour=1", "no option 'hour'. Did you mean 'hours'"),
        ("synthetic:hours=much", "`hours` of the synthetic corpus must be a number"),
        ("synthetic:hours=0", "`hours` must be above 0"),
        ("synthetic:seed=1.5", "`seed` must be a whole number"),
        ("synthetic:part=test", "`part` must be one of pretrain, probe"),
        ("synthetic:hours", "must be key=value"),
    ],
)
def test_a_wrong_spec_says_what_to_write(corpus: Path, spec: str, said: str) -> None:
    (corpus / "empty").mkdir()
    with pytest.raises(ValueError, match=said):
        read_corpus(spec.format(corpus=corpus))


def test_librispeech_gives_speakers_texts_and_splits(tmp_path: Path) -> None:
    root = tmp_path / "LibriSpeech"
    for number, (split, speaker, chapter) in enumerate(
        [("train-clean-100", "19", "198"), ("dev-clean", "84", "121123")]
    ):
        folder = root / split / speaker / chapter
        for part in range(2):
            write(folder / f"{speaker}-{chapter}-000{part}.flac", seed=number * 2 + part)
        lines = [f"{speaker}-{chapter}-000{part} TEXT {number} {part}\n" for part in range(2)]
        (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines))
    table = read_corpus(f"librispeech={root}")
    assert table["id"][0] == "librispeech/84-121123-0000"
    assert list(table["split"]) == ["dev-clean"] * 2 + ["train-clean-100"] * 2
    assert list(table["speaker"]) == ["84", "84", "19", "19"]
    assert list(table["text"]) == ["TEXT 1 0", "TEXT 1 1", "TEXT 0 0", "TEXT 0 1"]
    assert len(read_corpus(f"librispeech={root / 'dev-clean'}")) == 2
    (root / "dev-clean" / "84" / "121123" / "84-121123.trans.txt").unlink()
    write(root / "intro.wav", seed=9)
    with pytest.warns(CorpusWarning) as caught:
        assert len(read_corpus(f"librispeech={root}")) == 4
    said = " ".join(str(warning.message) for warning in caught)
    assert "2 of 4 utterances" in said
    assert "1 files" in said


def test_the_synthetic_corpus_is_made_where_its_options_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[tuple[Path, float, int, str]] = []

    def make(folder: Path, *, hours: float, seed: int, part: str) -> Path:
        made.append((folder, hours, seed, part))
        write(folder / "a.wav", seed=seed)
        write_manifest(folder, "path,emotion,word_emotion\na.wav,happy,sad\n")
        return folder

    monkeypatch.setattr(pretrain.data.synthetic.corpus, "make_synthetic_corpus", make)
    place = runs_folder() / "corpora"
    table = read_corpus("synthetic")
    assert made == [(place / "synthetic-pretrain-0.5h-seed0", 0.5, 0, "pretrain")]
    assert list(table["id"]) == ["synthetic/a"]
    assert list(table["emotion"]) == ["happy"]
    read_corpus("synthetic:hours=2,seed=7,part=probe")
    assert made[1] == (place / "synthetic-probe-2h-seed7", 2.0, 7, "probe")


def test_the_runs_folder_is_set_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "elsewhere"))
    assert runs_folder() == tmp_path / "elsewhere"
    monkeypatch.delenv("RUNS")
    monkeypatch.chdir(tmp_path)
    assert runs_folder() == tmp_path / "runs"


def test_real_manifests_are_read(tmp_path: Path, real_speech: RealSpeech) -> None:
    folder = real_speech("an4")
    listing = list_manifest(folder / "manifest.csv", "an4")
    assert (len(listing), listing["speaker"].nunique()) == (1078, 84)
    assert set(listing["split"]) == {"train", "test"}
    some = read_csv(folder / "manifest.csv").head(40)
    some["path"] = [str(folder / name) for name in some["path"]]
    some.to_csv(tmp_path / "some.csv", index=False)
    table = read_corpus(f"an4={tmp_path / 'some.csv'}")
    seconds = table["frames"] / table["sample_rate"]
    np.testing.assert_allclose(seconds, some["duration_s"].astype(float), atol=1e-4)
    lengths = [len(read_waveform(row)) for row in table.head(3).itertuples()]
    assert lengths == [num_samples_16k(frames, 16000) for frames in table["frames"].head(3)]
