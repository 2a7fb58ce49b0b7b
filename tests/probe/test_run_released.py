"""The probe takes released encoders beside rows of ours, in a part of the table of their own."""

from pathlib import Path

import pytest

from probe.rows.comparable import read_encoder_run
from tests.extension.tiny_probe import probed, report_page, write_row

pytest.importorskip("transformers")

from tests.pretrain.model.test_released import save_tiny


def test_a_released_encoder_is_an_uncontrolled_row(tmp_path: Path) -> None:
    released = save_tiny("wav2vec2-ctc", tmp_path / "wav2vec2-tiny")
    run = read_encoder_run(released)
    assert (run.group, run.mode, run.kind) == ("uncontrolled", "quantized", "released")
    assert list(run.hashes) == ["files"]
    results = probed(tmp_path, [write_row(tmp_path / "row"), released])
    own = results.scores[results.scores["row"] == "wav2vec2-tiny"]
    assert set(own["layer"]) == {"selected", "0", "1", "2", "3"}
    assert "wav2vec2-tiny" in report_page(tmp_path)


def test_a_released_encoder_is_probed_alone(tmp_path: Path) -> None:
    released = save_tiny("hubert", tmp_path / "hubert-tiny")
    results = probed(tmp_path, [released], "--precision", "auto", "--head", "superb")
    assert {row["group"] for row in results.run["rows"]} == {"baseline", "uncontrolled"}
