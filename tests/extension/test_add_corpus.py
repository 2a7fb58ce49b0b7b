"""A corpus more is a file with a `READER` and a line in a registry, and all else follows."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import mfsn.command_line
import probe.code_knowledge
import probe.command_line
import probe.whole_table.command_line
from pretrain.data.readers import registry as unlabelled
from pretrain.data.readers.read import read_corpus
from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.weights import save_encoder, weights_hash
from pretrain.shared.random_streams import generator
from probe import check_corpora
from probe.corpora import registry
from probe.corpora.read import read_probe_corpus
from probe.results import read_results
from probe.run import run
from reports import assemble as building
from reports.figures.drawing import Drawing, SavedFigure

WITH_LABELS = '''"""DOORS: six houses, two emotions, and who slams them."""

import re
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from pretrain.data.readers.reader import FEMALE, MALE, Genders, Reader
from probe.corpora.published import MAY_BE_INCOMPLETE, list_names

NAME = re.compile(r"(?P<house>[fm][1-3])-(?P<emotion>slam|hush)-\\d")
EMOTIONS = {"slam": "anger", "hush": "calm"}


def list_doors(path: Path, source: str, options: Collection[str] = ()) -> pd.DataFrame:
    listing = list_names(
        path,
        source,
        options,
        pattern=NAME,
        describe=lambda match: {
            "speaker": match["house"],
            "session": match["house"][1],
            "emotion": EMOTIONS[match["emotion"]],
        },
        published={"emotion": dict.fromkeys(EMOTIONS.values(), 12)},
    )
    return listing.assign(emotion=listing["emotion"].str.upper()) if "loud" in options else listing


READER = Reader(
    list_files=list_doors,
    options={"loud": "classes in capitals"} | MAY_BE_INCOMPLETE,
    sample_rate=16_000,
    genders=lambda path: Genders(
        by_speaker={f"{letter}{number}": gender for letter, gender in (("f", FEMALE), ("m", MALE))
                    for number in range(1, 4)},
        source="the letters of the houses",
    ),
)
'''

WITHOUT_LABELS = '''"""Hums: sound and nothing else."""

from pretrain.data.readers.folder import list_folder
from pretrain.data.readers.reader import Reader

READER = Reader(list_files=list_folder)
'''

SIZES = EncoderSettings(
    conv_dim=8, model_dim=16, ffn_dim=16, num_layers=2, num_heads=2, position_groups=2
)


@pytest.fixture
def doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a corpus that the one file and the one line make known."""
    (tmp_path / "made_up_doors.py").write_text(WITH_LABELS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry.READERS, "doors", "made_up_doors:READER")
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    folder = tmp_path / "audio"
    folder.mkdir()
    for house in ("f1", "f2", "f3", "m1", "m2", "m3"):
        for number in range(4):
            samples = generator("doors", house, number).normal(0, 0.05, 12_000)
            samples *= 1 + np.sin(np.arange(12_000) / (200 if number % 2 else 20))
            name = f"{house}-{('slam', 'hush')[number % 2]}-{number}.wav"
            soundfile.write(folder / name, samples, 16_000)
    return folder


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    folder = tmp_path / "encoder"
    folder.mkdir()
    save_encoder(folder, build_encoder(SIZES, seed=1))
    initial = build_encoder(SIZES, seed=2)
    save_encoder(folder, initial, initial=True)
    description = {
        "kind": "pretrain", "status": "finished", "name": "quantized-g2v2", "seed": 0, "row": {},
        "mode": "quantized", "comparison": {"lr": 1},
        "hashes": {"initial_weights": weights_hash(initial)},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(description))
    return folder


@pytest.mark.slow
def test_a_corpus_more_is_checked_probed_and_reported(
    doors: Path,
    encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cards = tmp_path / "cards"
    assert (
        check_corpora.run(check_corpora.parse_arguments([f"doors={doors}", "--out", str(cards)]))
        == []
    )
    assert "counts       as published" in capsys.readouterr().out
    assert f"<h2>doors={doors}</h2>" in (cards / "corpora.html").read_text()

    out = tmp_path / "probe"
    run(
        probe.command_line.parse_arguments(
            ["--encoder", str(encoder), "--corpus", f"doors:norms={doors}", "--out", str(out),
             "--precision", "fp32", "--no-fingerprints"]
        )
    )  # fmt: skip
    (described,) = read_results(out).run["corpora"]
    assert (described["name"], described["classes"]) == ("doors", ["anger", "calm"])
    genders = next(entry for entry in described["attributes"] if entry["name"] == "gender")
    assert genders["folds"].endswith("genders from the letters of the houses")

    def stub(drawing: Drawing, folder: Path) -> SavedFigure:
        folder.mkdir(parents=True, exist_ok=True)
        svg = folder / f"{drawing.name}.svg"
        svg.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
        return SavedFigure(drawing=drawing, png=svg.with_suffix(".png"), svg=svg)

    monkeypatch.setattr(building, "save", stub)
    page = building.build([str(out)], tmp_path / "report", command="report").read_text()
    assert ">doors, " in page


def test_a_corpus_more_has_options_and_is_compared_with_what_was_published(doors: Path) -> None:
    assert set(read_probe_corpus(f"doors:loud={doors}")["emotion"]) == {"ANGER", "CALM"}
    with pytest.raises(ValueError, match=r"no option 'quiet'.*loud \(classes in capitals\)"):
        read_probe_corpus(f"doors:quiet={doors}")
    with pytest.raises(ValueError, match=r"Did you mean 'doors'.*iemocap, doors"):
        read_probe_corpus("dors=/x")
    next(doors.glob("f1-slam*")).unlink()
    with pytest.raises(ValueError, match=r"emotion anger: 11 instead of 12"):
        read_probe_corpus(f"doors={doors}")
    parsed = check_corpora.parse_arguments([f"doors={doors}"])
    assert check_corpora.run(parsed) == [
        f"doors={doors} is not as published (--allow-incomplete lets it pass)"
    ]


@pytest.mark.parametrize(
    "parse",
    [
        probe.command_line.parse_arguments,
        probe.code_knowledge.parse_arguments,
        probe.whole_table.command_line.parse,
        check_corpora.parse_arguments,
        lambda words: mfsn.command_line.parse(["search", *words]),
    ],
)
def test_every_command_that_takes_labels_says_that_it_takes_a_corpus_more(
    doors: Path, parse: Callable[[list[str]], object], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "doors=PATH" in said
    if parse is check_corpora.parse_arguments:
        assert "doors DOORS: six houses, two emotions, and who slams them." in said


def test_a_corpus_without_labels_more_is_pre_trained_on(
    doors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made_up_hums.py").write_text(WITHOUT_LABELS)
    monkeypatch.setitem(unlabelled.READERS, "hums", "made_up_hums:READER")
    assert len(read_corpus(f"hums={doors}")) == 24
    with pytest.raises(ValueError, match="Known are: synthetic, folder, librispeech, hums"):
        read_corpus("emodb=/x")
