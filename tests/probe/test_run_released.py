"""The probe takes released encoders beside rows of ours, in a part of the table of their own."""

from pathlib import Path

import pandas as pd
import pytest

from pretrain import export
from probe.code_knowledge import parse_arguments
from probe.code_knowledge import run as measure_codes
from probe.codes.frames import CodesError
from probe.results import read_results
from probe.rows.comparable import read_encoder_run
from reports.assemble import build
from tests.extension.tiny_probe import probed, report_page, write_row
from tests.probe.table4_places import command, make_corpus, make_rows, run_to_end
from tests.probe.test_code_knowledge import make_row

pytest.importorskip("transformers")

from tests.pretrain.model.test_released import as_pickle, save_tiny


@pytest.mark.slow
def test_a_released_encoder_is_a_released_row(tmp_path: Path) -> None:
    released = save_tiny("wav2vec2-ctc", tmp_path / "wav2vec2-tiny")
    run = read_encoder_run(released)
    assert (run.group, run.mode, run.kind) == ("released", "quantized", "released")
    assert list(run.hashes) == ["files"]
    results = probed(tmp_path, [write_row(tmp_path / "row"), released])
    own = results.scores[results.scores["row"] == "wav2vec2-tiny"]
    assert set(own["layer"]) == {"selected", "0", "1", "2", "3"}
    assert "wav2vec2-tiny" in report_page(tmp_path)


@pytest.mark.slow
def test_a_released_encoder_is_probed_alone(tmp_path: Path) -> None:
    released = save_tiny("hubert", tmp_path / "hubert-tiny")
    results = probed(tmp_path, [released], "--precision", "auto", "--head", "superb")
    assert {row["group"] for row in results.run["rows"]} == {"baseline", "released"}


@pytest.mark.slow
def test_code_knowledge_names_released_encoders_and_leaves_them_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Like rows that are not quantized; alone they are refused before anything is computed."""
    released = save_tiny("wav2vec2-ctc", tmp_path / "wav2vec2-tiny")
    (tmp_path / "row").mkdir()
    row = make_row(tmp_path / "row")
    corpus = make_corpus(tmp_path / "mine")
    places = ["--out", str(tmp_path / "out"), "--features", str(tmp_path / "features")]
    arguments = ["--corpus", corpus, *places, "--encoder", f"base=hf:{released}"]
    with pytest.raises(CodesError, match=r"at least one quantized run, .*\(base: not a run"):
        measure_codes(parse_arguments(arguments))
    assert not (tmp_path / "features").exists()
    measure_codes(parse_arguments([*arguments, str(row)]))
    assert "base: not a run of this project, whose codebooks alone are read." in (
        capsys.readouterr().out
    )
    codes = pd.read_csv(tmp_path / "out" / "codes.csv")
    assert set(codes["row"]) == {"quantized-row"}


@pytest.mark.slow
def test_table_4_holds_everyones_encoders_beside_its_rows(tmp_path: Path) -> None:
    make_rows(tmp_path / "rows")
    corpus = make_corpus(tmp_path / "mine")
    heard = make_corpus(tmp_path / "heard", draw="heard")
    kinds = ("wav2vec2-ctc", "wav2vec2-layer", "data2vec", "wavlm")
    folders = {kind: save_tiny(kind, tmp_path / "released" / kind) for kind in kinds}
    as_pickle(folders["wavlm"])
    encoders = [f"tiny-{kind}=hf:{folder}" for kind, folder in folders.items()]
    arguments = command(tmp_path, corpus, heard, "--encoder", *encoders, "--jobs", "2")
    done = run_to_end(tmp_path, arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    results = read_results(tmp_path / "table" / "probe" / "speaker-linear")
    groups = {row["name"]: row["group"] for row in results.run["rows"]}
    assert {name for name, group in groups.items() if group == "released"} == {
        f"tiny-{kind}" for kind in kinds
    }
    assert [name for name, group in groups.items() if group == "row"] == [
        "continuous-k1", "quantized-g2v2",
    ]  # fmt: skip
    selected = results.scores[(results.scores["layer"] == "selected")]
    assert set(selected["row"]) == set(groups)
    page = build(
        [str(tmp_path / "table" / "rows" / "*"), str(tmp_path / "table" / "probe" / "*")],
        tmp_path / "report",
        command="x",
    ).read_text(encoding="utf-8")
    assert "Released: other data, sizes and budgets; not a controlled comparison" in page
    assert "CTC-tuned" in page
    again = run_to_end(tmp_path, [*arguments, "--dry-run"])
    assert "missing" not in again.stdout


@pytest.mark.slow
def test_an_exported_row_gets_its_own_scores(tmp_path: Path) -> None:
    row = write_row(tmp_path / "row")
    exported = tmp_path / "exported"
    assert export.main([str(row), str(exported)]) == 0
    results = probed(tmp_path, [row, f"again=hf:{exported}"])
    scores = results.scores.pivot_table(
        index=["layer", "metric"], columns="row", values="value", sort=False
    )
    own = scores[["quantized-g2v2", "again"]].dropna()
    assert len(own) > 8
    assert own["quantized-g2v2"].to_numpy() == pytest.approx(own["again"].to_numpy(), abs=1e-6)
