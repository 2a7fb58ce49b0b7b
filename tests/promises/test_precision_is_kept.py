"""`auto` is decided once: for a run however often it is continued, for all rows, for all processes.

The speeds of the machine are given here: what is chosen changes from one call to the next, as if
the folder had been carried to another machine.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pretrain import grid
from pretrain import run as command
from pretrain.config.files import SettingsTree
from pretrain.config.settings import resolve
from pretrain.engine import train
from pretrain.engine.arithmetic import precision
from pretrain.engine.arithmetic import processor_tuning as machine
from pretrain.engine.arithmetic.precision import Rates
from pretrain.engine.pretrain_run import pretrain
from tests.conftest import PROJECT, TINY
from tests.promises.test_processes_do_not_matter import TORCHRUN

pytestmark = pytest.mark.slow

FAST_BF16 = Rates(highest=100.0, medium=100.0, bf16=400.0)
SLOW_BF16 = Rates(highest=100.0, medium=100.0, bf16=1.0)

OnMachine = Callable[[Rates], None]


@pytest.fixture
def on_machine(monkeypatch: pytest.MonkeyPatch) -> OnMachine:
    """Replaces what is measured from here on."""

    def replace(rates: Rates) -> None:
        for module in (precision, machine):
            monkeypatch.setattr(module, "measure", lambda widths: rates)

    return replace


@pytest.fixture
def arguments(noise_corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    more = ["training.updates=3", "training.checkpoint_every=1"]
    sets = [part for text in more for part in ("--set", text)]
    return ["--config", str(TINY), "--corpus", noise_corpus, *sets]


def description(folder: Path) -> Any:
    return json.loads((folder / "run.json").read_text())


def precision_of(folder: Path) -> str:
    return str(description(folder)["settings"]["training"]["precision"])


def stop_after_one(monkeypatch: pytest.MonkeyPatch) -> None:
    original = train.Trainer._update

    def stopping(self: train.Trainer, *rest: Any) -> bool:
        original(self, *rest)
        return True

    monkeypatch.setattr(train.Trainer, "_update", stopping)


def test_a_run_keeps_its_precision_and_its_folder_on_another_machine(
    arguments: list[str],
    tmp_path: Path,
    on_machine: OnMachine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments += ["--mode", "quantized"]  # without --out: the folder's name is a hash of settings
    on_machine(FAST_BF16)
    with pytest.MonkeyPatch.context() as patch:
        stop_after_one(patch)
        assert command.main(arguments) == 130
    said = capsys.readouterr().out
    assert "precision: bf16 (its products run at 4 times the speed of fp32 here)" in said
    (run,) = (tmp_path / "runs").glob("quantized-*")
    before = description(run)
    assert before["settings"]["training"]["precision"] == "bf16"
    assert before["comparison"]["training.precision"] == "bf16"
    assert run.name == f"quantized-{before['hashes']['settings'][:8]}"
    assert 'precision = "bf16"' in (run / "settings.toml").read_text()

    on_machine(SLOW_BF16)
    assert command.main(arguments) == 0
    said = capsys.readouterr().out
    assert "precision: bf16 (as in the run there)" in said
    assert "WARNING: precision bf16 is kept, but fp32 would be faster by far" in said
    assert list((tmp_path / "runs").glob("quantized-*")) == [run]
    after = description(run)
    assert after["status"] == "finished"
    for name in ("settings", "comparison"):
        assert after["hashes"][name] == before["hashes"][name]

    assert command.main(arguments) == 0
    said = capsys.readouterr().out
    assert "Already finished" in said
    assert "precision:" not in said  # nothing is computed
    asked = [*arguments, "--out", str(run), "--set", "training.precision=fp32"]
    assert command.main(asked) == 1
    assert "'bf16' in the folder, 'fp32' now" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["bf16", "fp32"])
def test_a_folder_of_a_named_precision_is_continued_by_auto(
    named: str, tiny_tree: SettingsTree, tmp_path: Path, on_machine: OnMachine
) -> None:
    """As folders are from when bf16 was the default."""
    tiny_tree.put("mode", "quantized", "test")
    tiny_tree.put("training.precision", named, "test")
    on_machine(FAST_BF16 if named == "fp32" else SLOW_BF16)
    with pytest.MonkeyPatch.context() as patch:
        stop_after_one(patch)
        assert not pretrain(resolve(tiny_tree), tmp_path / "run", resume=True)
    tiny_tree.put("training.precision", "auto", "test")
    assert pretrain(resolve(tiny_tree), tmp_path / "run", resume=True)
    assert precision_of(tmp_path / "run") == named


def test_fp32_is_multiplied_the_same_way_to_the_end(
    tiny_tree: SettingsTree, tmp_path: Path, on_machine: OnMachine
) -> None:
    tiny_tree.put("mode", "quantized", "test")
    on_machine(Rates(highest=200.0, medium=100.0, bf16=1.0))
    with pytest.MonkeyPatch.context() as patch:
        stop_after_one(patch)
        assert not pretrain(resolve(tiny_tree), tmp_path / "run", resume=True)
    assert description(tmp_path / "run")["hardware"]["float32_matmul_precision"] == "highest"
    on_machine(Rates(highest=100.0, medium=200.0, bf16=1.0))
    assert pretrain(resolve(tiny_tree), tmp_path / "run", resume=True)
    assert description(tmp_path / "run")["hardware"]["float32_matmul_precision"] == "highest"


def test_rows_of_a_grid_share_one_precision_whenever_they_are_added(
    arguments: list[str], tmp_path: Path, on_machine: OnMachine
) -> None:
    rows, out = tmp_path / "rows", tmp_path / "out"
    rows.mkdir()
    text = (PROJECT / "configs" / "table4" / "quantized-g2v2.toml").read_text()
    (rows / "one.toml").write_text(text)
    arguments += ["--rows", str(rows), "--out", str(out)]
    on_machine(FAST_BF16)
    assert grid.main(arguments) == 0
    text = (PROJECT / "configs" / "table4" / "continuous-k1.toml").read_text()
    (rows / "two.toml").write_text(text)
    on_machine(SLOW_BF16)
    assert grid.main(arguments) == 0
    one, two = sorted(path for path in out.iterdir() if path.is_dir())
    assert precision_of(one) == precision_of(two) == "bf16"
    assert description(one)["hashes"]["comparison"] == description(two)["hashes"]["comparison"]


def test_all_processes_take_what_the_first_one_decides(tmp_path: Path) -> None:
    script = tmp_path / "each.py"
    script.write_text(
        "import os, sys\n"
        "from pretrain.config.files import SettingsError\n"
        "from pretrain.engine.launch import agreed, end_processes\n"
        "rank = int(os.environ['RANK'])\n"
        "decided = agreed(lambda device: f'{device.type} of process {rank}')\n"
        "def fail(device): raise SettingsError('refused')\n"
        "try: agreed(fail)\n"
        "except SettingsError as error: said = f'{decided}, {error}'\n"
        "open(os.path.join(sys.argv[1], f'{rank}.txt'), 'w').write(said)\n"
        "end_processes()\n"
    )
    done = subprocess.run(
        [*TORCHRUN, "2", str(script), str(tmp_path)],
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1",
             "PYTHONPATH": str(PROJECT)},
        capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # Not printed: gloo prints in between.
    said = [(tmp_path / f"{rank}.txt").read_text() for rank in range(2)]
    assert said == ["cpu of process 0, refused"] * 2
