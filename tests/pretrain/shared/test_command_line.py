"""Wrong input ends in a message that names the place and the remedy, without a traceback; a wrong
command line has a status of its own."""

import json
from pathlib import Path

import pytest

from pretrain import grid, run
from pretrain.shared.command_line import Parser
from tests.conftest import TINY


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["pretrain/run.py", *arguments])
    status = (grid if "--rows" in arguments else run).main(arguments)
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected", "status"),
    [
        (["--mode", "quantised"], "must be one of continuous, frames, online_codes, quantized", 1),
        ([], "Give --mode, or a --config that sets it", 1),
        (["--mode", "quantized", "--set", "mode=continuous"], "--mode quantized: contradicts", 2),
        (["--mode", "quantized", "--set", "continuous.top_k=2"], "has no effect, since", 2),
        (["--mode", "quantized", "--corpus", "folder=/nowhere"], "/nowhere does not exist", 1),
        (["--mode", "quantized", "--corpus", "librispech=/tmp"], "librispeech", 1),
        (["--mode", "quantized", "--set", "optimizer.rate=1"], "unknown key `optimizer.rate`", 1),
        (["--mode", "quantized", "--set", "optimizer.lr"], "must be KEY=VALUE", 2),
        (["--mode", "quantized", "--config", "/nowhere.toml"], "/nowhere.toml: cannot be read", 1),
        (["--mode", "continuous", "--set", "continuous.top_k=9"], "`top_k` must be at most", 1),
    ],
)
def test_wrong_input_is_explained(
    arguments: list[str],
    expected: str,
    status: int,
    noise_corpus: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    corpus = [] if "--corpus" in arguments else ["--corpus", noise_corpus]
    size = [] if "--config" in arguments else ["--config", str(TINY)]
    out = ["--out", str(tmp_path / "run")]
    ended, said = call(monkeypatch, capsys, *arguments, *corpus, *size, *out)
    assert ended == status
    assert "error: " in said
    assert expected in said
    assert "Traceback" not in said


def test_a_folder_with_something_else_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    status, said = call(
        monkeypatch, capsys, "--mode", "quantized", "--config", str(TINY), "--out", str(tmp_path)
    )
    assert status == 1
    assert "holds no run" in said
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_other_settings_in_the_same_folder_are_refused_by_key(
    noise_corpus: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    common = ("--mode", "quantized", "--config", str(TINY), "--corpus", noise_corpus)
    place = ("--set", "training.updates=2", "--out", str(tmp_path / "run"))
    assert call(monkeypatch, capsys, *common, *place)[0] == 0
    status, said = call(monkeypatch, capsys, *common, *place, "--set", "optimizer.lr=0.1")
    assert status == 1
    assert "optimizer.lr: 0.0005 in the folder, 0.1 now" in said
    status, said = call(monkeypatch, capsys, *common, *place, "--resume", "never")
    assert status == 1
    assert "--resume auto" in said


@pytest.mark.slow
def test_a_run_that_left_out_its_updates_is_no_finished_one(
    noise_corpus: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    run = tmp_path / "run"
    common = ("--mode", "continuous", "--config", str(TINY), "--corpus", noise_corpus)
    shorten = ("--set", "optimizer.lr=1e30", "--set", "training.updates=6", "--out", str(run))
    for _ in range(2):  # the same command does not take it for finished either
        status, said = call(monkeypatch, capsys, *common, *shorten)
        assert status == 1
        assert "5 of 6 updates were left out" in said
        assert "Lower `optimizer.lr`" in said
        description = json.loads((run / "run.json").read_text())
        assert description["status"] == "halted"
        assert description["health"][-1]["metric"] == "loss"
        assert not (run / "encoder.safetensors").exists()


@pytest.mark.slow
def test_with_a_mode_alone_the_default_corpus_and_a_named_folder_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `pretrain/run.py --mode quantized`, at a size that a test can afford."""
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("pretrain.config.settings.DEFAULT_CONFIG", TINY)
    shorten = ("--set", "training.updates=2")
    assert call(monkeypatch, capsys, "--mode", "quantized", *shorten)[0] == 0
    (folder,) = (tmp_path / "runs").glob("quantized-*")
    description = json.loads((folder / "run.json").read_text())
    assert description["status"] == "finished"
    assert description["corpus"]["synthetic"] is True
    assert description["name"] == folder.name


def test_a_folder_of_rows_without_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = call(
        monkeypatch, capsys, "--rows", str(tmp_path), "--out", str(tmp_path / "out")
    )
    assert status == 1
    assert "must be a folder of TOML files" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--encodr", "runs/a"], "there is no option --encodr; did you mean --encoder?"),
        (["--encoder", "runs/a", "--colour=red"], "there is no option --colour"),
        (["--enc", "runs/a"], "the following arguments are required: --corpus"),
    ],
)
def test_an_option_that_nobody_knows_is_named_before_one_that_is_missing(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = Parser(prog="probe/run.py")
    parser.add_argument("--encoder")
    parser.add_argument("--corpus", required=True)
    with pytest.raises(SystemExit) as end:
        parser.parse_args(arguments)
    assert end.value.code == 2
    assert f"probe/run.py: error: {said}" in capsys.readouterr().err
