"""The corpus cards, and the command that prints them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.data.tables.delimited import read_csv
from probe.check_corpora import main, parse_arguments, run
from probe.corpora.card import make_card
from tests.conftest import PROJECT


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))


def noise(path: Path, seed: int, num_samples: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 0.1, num_samples)
    soundfile.write(path, samples, 16_000)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Eight utterances, one of them a copy, one more that is no audio."""
    folder = tmp_path / "corpus"
    rows = ["path,speaker,session,emotion,valence,text"]
    for place in range(8):
        noise(folder / f"{place}.wav", min(place, 6), 8000 + 800 * min(place, 6))
        emotion = "sad" if place < 2 else "glad"
        rows.append(f"{place}.wav,s{place % 3},{place % 2},{emotion},{place / 2},Text {place % 4}.")
    (folder / "broken.wav").write_text("no audio")
    (folder / "manifest.csv").write_text("\n".join([*rows, "broken.wav,s0,0,sad,1,Text"]) + "\n")
    return folder


def test_a_card_counts_what_is_there(corpus: Path) -> None:
    card = make_card(f"mine={corpus}")
    assert card.facts == {
        "utterances": "8 usable, 1 not",
        "counts": "none to compare",
        "hours": "0.00",
        "seconds": "shortest 0.50, median 0.68, longest 0.80",
        "sample rate": "16000 Hz (8)",
        "speakers": "3",
        "sessions": "2",
        "texts": "4 different, 0 utterances without",
    }
    assert card.tables["Emotions"]["utterances"].to_dict() == {"glad": 6, "sad": 2}
    assert card.tables["Emotions by speaker"].loc["s0"].to_dict() == {"glad": 2, "sad": 1, "all": 3}
    assert card.tables["Emotions by session"].loc["1"].to_dict() == {"glad": 3, "sad": 1, "all": 4}
    ratings = card.tables["Ratings"].loc["valence"]
    assert (ratings["count"], ratings["min"], ratings["max"]) == (8, 0, 3.5)
    assert card.duplicates == ["mine/6 = mine/7 (speakers s0, s1)"]
    assert len(card.unusable) == 1
    assert "broken.wav" in card.unusable[0]
    assert card.notes == []
    assert "mine/6 = mine/7" in card.text()


def test_an_incomplete_corpus_gets_a_card_and_fails_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise(tmp_path / "savee" / "DC" / "a01.wav", 0)
    noise(tmp_path / "savee" / "DC" / "zz.wav", 1)
    spec = f"savee={tmp_path / 'savee'}"
    wrong = run(parse_arguments([spec]))
    assert wrong == [f"{spec} is not as published (--allow-incomplete lets it pass)"]
    shown = capsys.readouterr().out
    assert "lacks 479 of 480 published files" in shown
    assert "emotion anger: 1 instead of 60 (-59)" in shown
    assert "not at the published 44100 Hz" in shown
    assert "1 utterances are not 1.6 to 7.1 s long, as published" in shown
    assert "1 files" in shown  # zz
    assert run(parse_arguments([spec, "--allow-incomplete"])) == []
    assert run(parse_arguments([spec.replace("=", ":incomplete=", 1)])) == []


def test_what_cannot_be_read_and_too_many_unusable_files_fail_the_command(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = run(parse_arguments([f"emodb={tmp_path / 'nowhere'}", f"mine={corpus}"]))
    assert [line.rpartition(" ")[2] for line in wrong] == ["read", "it"]
    assert "does not exist" in capsys.readouterr().out


def test_the_list_of_unusable_files_that_a_card_names_is_still_there(corpus: Path) -> None:
    for place in range(8):
        (corpus / f"{place}.wav").write_text("no audio")
    error = make_card(f"mine={corpus}").error
    named = Path(error.partition("the list with reasons is ")[2].splitlines()[0])
    assert len(read_csv(named)) == 9
    assert "At most" not in error
    for place in range(8):
        noise(corpus / f"{place}.wav", place)
    assert len(make_card(f"mine={corpus}").unusable) == len(read_csv(named)) == 1
    (corpus / "broken.wav").unlink()
    noise(corpus / "broken.wav", 9)
    assert make_card(f"mine={corpus}").unusable == []


@pytest.mark.slow
def test_the_page_is_self_contained(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    run(parse_arguments([f"mine={corpus}", "--out", str(out), "folder=/nowhere<b>"]))
    text = (out / "corpora.html").read_text()
    assert text.count("data:image/png;base64,") == 1
    assert "http" not in text
    for part in ("mine/6 = mine/7", "Emotions by speaker", "Ratings", "broken.wav", "nowhere&lt;b"):
        assert part in text


@pytest.mark.slow
def test_the_command_ends_with_status_1_and_needs_no_torch(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emodb=/nowhere"]) == 1
    assert "error: emodb=/nowhere cannot be read" in capsys.readouterr().err
    code = (
        "import sys; from probe.check_corpora import parse_arguments, run;"
        f"run(parse_arguments(['mine={corpus}'])); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_columns_are_mapped_and_those_that_nobody_reads_are_named(corpus: Path) -> None:
    text = (corpus / "manifest.csv").read_text()
    other = corpus / "other.tsv"
    other.write_text(text.replace(",", "\t").replace("path\tspeaker", "wav\tSpkrID", 1))
    columns = "path=wav,session=,speaker=SpkrID"
    parsed = parse_arguments([f"mine={other}", "--columns", columns])
    assert run(parsed) == [f"mine[{columns}]={other} has so many unusable files that runs will "
                           "refuse it"]  # fmt: skip
    card = make_card(f"mine[{columns}]={other}")
    before = make_card(f"mine={corpus}")
    assert card.facts == before.facts | {"sessions": "none", "columns not read": "session"}
    with pytest.raises(ValueError, match="none of folder=/x is one"):
        run(parse_arguments(["folder=/x", "--columns", columns]))


@pytest.mark.slow
def test_names_with_dollars_are_no_mathematics_and_unknown_speakers_no_speaker(
    corpus: Path, tmp_path: Path
) -> None:
    manifest = corpus / "manifest.csv"
    text = manifest.read_text().replace("glad", r"$\nonsense{$").replace(",s1,", ",nan,")
    manifest.write_text(text.replace(",s2,", ",$_$,"))
    run(parse_arguments([f"mine={corpus}", "--out", str(tmp_path / "out")]))
    assert "data:image/png" in (tmp_path / "out" / "corpora.html").read_text()
    card = make_card(f"mine={corpus}")
    assert card.facts["speakers"] == "2, 3 utterances without"
    assert card.tables["Emotions"]["speakers"].to_dict() == {r"$\nonsense{$": 2, "sad": 1}
    assert any("`speaker` counts as an unknown speaker" in note for note in card.notes)
