"""README's one command for everyone's encoders beside ours, on real speech, up to the page."""

import re
from pathlib import Path

import pandas as pd
import pytest

import reports
from probe.results import read_results
from tests.conftest import PROJECT, RealSpeech
from tests.probe.table4_places import run_to_end

pytest.importorskip("transformers")
pytest.importorskip("opensmile")

from tests.pretrain.model.test_released import as_pickle, save_tiny
from tests.pretrain.model.test_released_mel import save_bert

README = (PROJECT / "README.md").read_text(encoding="utf-8")

SIX = {
    "quantized-g2v2", "quantized-g2v8", "quantized-g2v12", "quantized-g4v8", "continuous-k1",
    "continuous-k4",
}  # fmt: skip


def arguments_of_readme() -> list[str]:
    """Those of the command of README with `--runs runs/everyone`."""
    (found,) = re.findall(
        r"^    python probe/table4\.py (--runs runs/everyone (?:.*\\\n)*.*)$", README, re.MULTILINE
    )
    return re.sub(r"\\\n", " ", found).split()


def half_of(manifest: Path, folder: Path) -> Path:
    """The first five speakers of a corpus."""
    table = pd.read_csv(manifest, dtype=str, keep_default_na=False)
    table["path"] = [str(manifest.parent / path) for path in table["path"]]
    speakers = sorted(set(table["speaker"]))[:5]
    half = table[table["speaker"].isin(speakers)].drop(columns=["session", "split"])
    half.to_csv(folder / "emodb.csv", index=False)
    return folder / "emodb.csv"


@pytest.mark.slow
def test_one_command_puts_everyones_encoders_beside_the_six_rows(
    tmp_path: Path, real_speech: RealSpeech
) -> None:
    emodb = half_of(real_speech("emodb") / "manifest.csv", tmp_path)
    places = {
        name: save_tiny(kind, tmp_path / name)
        for name, kind in (
            ("wav2vec2-base", "wav2vec2-ctc"), ("wav2vec2-large", "wav2vec2-stable"),
            ("data2vec-audio-base", "data2vec"), ("wavlm-base", "wavlm"),
        )
    }  # fmt: skip
    as_pickle(places["wavlm-base"])
    save_bert(tmp_path / "w2v-bert-2.0")
    words = {
        "runs/everyone": str(tmp_path / "everyone"),
        "heard=/data/heard/manifest.csv": "synthetic:hours=0.02,seed=0,part=pretrain",
        "emodb=/data/emodb": f"emodb={emodb}",
        "configs/size/small.toml": str(PROJECT / "configs" / "size" / "tiny.toml"),
    }
    given = [
        words.get(word, word).replace("hf:/data/", f"hf:{tmp_path}/")
        for word in arguments_of_readme()
    ]
    small = ["--set", "training.updates=6", "--set", "training.precision=fp32", "--precision"]
    places_of_files = ["--features", str(tmp_path / "features")]
    done = run_to_end(tmp_path, [*given, *small, "fp32", *places_of_files], seconds=900)
    assert done.returncode == 0, done.stdout + done.stderr

    results = read_results(tmp_path / "everyone" / "probe" / "speaker-linear")
    groups: dict[str, set[str]] = {}
    for row in results.run["rows"]:
        groups.setdefault(row["group"], set()).add(row["name"])
    assert groups["row"] == SIX
    assert groups["released"] == {*places, "w2v-bert-2.0"}
    assert groups["baseline"] == {"constant", "log-mel", "untrained", "egemaps", "mfcc"}
    selected = results.scores.query("layer == 'selected' and metric == 'ua'")
    ua = selected.groupby("row")["value"].mean()
    assert set(ua.index) == set.union(*groups.values())
    assert ua["constant"] == pytest.approx(1 / 7, abs=0.01)
    assert ua["egemaps"] > ua["log-mel"] > ua["constant"]

    runs = [f"{tmp_path}/everyone/rows/*", f"{tmp_path}/everyone/probe/*"]
    page = reports.build(runs, tmp_path / "report").read_text()
    assert "Released: other data, sizes and budgets; not a controlled comparison" in page
    (table,) = (tmp_path / "report" / "tables").glob("table4-emodb*.csv")
    parts = pd.read_csv(table).groupby("part")["target"].count()
    assert parts.filter(like="Released").iloc[0] == len(groups["released"])
