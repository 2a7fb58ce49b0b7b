"""Manifests with the columns `file`, `start` and `end`."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.data.scan.quarantine import CorpusWarning
from pretrain.data.tables.utterances import TableError, table_hash
from probe.corpora.read import read_probe_corpus

TABLE = """file,start,end,emotion,speaker,valence
audio/a.wav,0 days 00:00:00,0 days 00:00:00.500000,anger,s1,0.25
audio/a.wav,0.5,1.25,joy,s1,
audio/b.wav,0,NaT,anger,s2,0.5
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    (tmp_path / "audio").mkdir()
    for place, name in enumerate("ab"):
        noise = np.random.default_rng(place).normal(0, 0.1, 16_000)
        soundfile.write(tmp_path / "audio" / f"{name}.wav", noise, 8000)
    (tmp_path / "db.emotion.csv").write_text(TABLE)
    return tmp_path / "db.emotion.csv"


def test_times_become_stretches_of_files(table: Path) -> None:
    frame = read_probe_corpus(f"mine={table}")
    assert list(frame["id"]) == ["mine/audio/a@0", "mine/audio/a@4000", "mine/audio/b"]
    assert list(frame["offset"]) == [0, 4000, 0]
    assert list(frame["frames"]) == [4000, 6000, 16_000]
    assert list(frame["emotion"]) == ["anger", "joy", "anger"]
    assert list(frame["speaker"]) == ["s1", "s1", "s2"]
    assert list(frame["valence"].fillna(-1)) == [0.25, -1, 0.5]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.5,1.25", "0.5,0.25", "line 3: `end` must come after"),
        ("0.5,1.25", "-1,0.25", "line 3: `end` must come after"),
        ("0.5,1.25", "0.5,soon", "line 3: `end` must be a time, but is 'soon'"),
        (",0.25\n", ",high\n", "line 2: `valence` must be a number"),
        ("audio/b.wav,", ",", "a `file` in each"),
    ],
)
def test_wrong_cells_are_refused_with_their_line(
    table: Path, old: str, new: str, message: str
) -> None:
    table.write_text(TABLE.replace(old, new))
    with pytest.raises(TableError, match=message):
        read_probe_corpus(f"mine={table}")


def test_ends_that_are_rounded_beyond_the_file_are_cut_there_and_told(table: Path) -> None:
    """As milliseconds round: by less than an encoder frame of 20 ms."""
    noise = np.random.default_rng(2).normal(0, 0.1, 16_005)
    soundfile.write(table.parent / "audio" / "c.wav", noise, 8000)  # 2.000625 s
    table.write_text(
        "file,start,end,emotion\naudio/c.wav,0,1.0,anger\naudio/c.wav,1.0,2.001,joy\n"
        "audio/a.wav,0,2.0195,anger\n"
    )
    with pytest.warns(CorpusWarning, match=r"2 utterances end behind .* at most 19\.5 ms.*c@8000"):
        frame = read_probe_corpus(f"mine={table}")
    assert list(frame["frames"]) == [8000, 8005, 16_000]
    table.write_text(table.read_text().replace("2.0195", "2.021"))
    with pytest.raises(ValueError, match="1 of 3 files"):
        read_probe_corpus(f"mine={table}")


def test_stretches_in_frames_are_cut_at_the_end_of_the_file_too(table: Path) -> None:
    table.write_text("path,offset,frames\naudio/a.wav,8000,8159\naudio/b.wav,0,16001\n")
    with pytest.warns(CorpusWarning, match=r"2 utterances .* at most 19\.9 ms"):
        frame = read_probe_corpus(f"mine={table}")
    assert list(frame["frames"]) == [8000, 16_000]


def test_the_columns_of_an_audformat_table_may_be_called_otherwise(table: Path) -> None:
    before = table_hash(read_probe_corpus(f"mine={table}"))
    table.write_text(TABLE.replace("emotion,speaker", "Emotion,who"))
    after = read_probe_corpus(f"mine[emotion=Emotion,speaker=who]={table}")
    assert table_hash(after) == before
