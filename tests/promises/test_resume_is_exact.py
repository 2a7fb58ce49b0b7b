"""A run stopped and resumed equals the straight run: every tensor, every hash, every metric."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, load_file

from pretrain.config.files import SettingsTree
from pretrain.config.settings import ResolvedSettings, resolve
from pretrain.engine import train
from pretrain.engine.pretrain_run import pretrain
from pretrain.engine.run_folder import RunFolderError
from tests.conftest import PROJECT

pytestmark = pytest.mark.slow

ROWS = ["quantized-g4v8", "continuous-k4", "shuffled", "h256", "tc"]


def settings_of(row: str, tree: SettingsTree, seed: int = 0) -> ResolvedSettings:
    tree.add_file(next((PROJECT / "configs").glob(f"*/{row}.toml")))
    tree.put("seed", seed, "test")
    tree.put("encoder.dropout", 0.1, "test")  # so that the generator's state matters too
    return resolve(tree)


def stop_after(update: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks the trainer to stop after `update`, as a signal would."""
    original = train.Trainer._update

    def stopping(self: train.Trainer, number: int, *rest: object) -> bool:
        return original(self, number, *rest) or number == update  # type: ignore[arg-type]

    monkeypatch.setattr(train.Trainer, "_update", stopping)


def metrics_of(folder: Path) -> list[dict[str, float]]:
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for record in records:
        del record["audio_hours_per_hour"]
    return records


@pytest.mark.parametrize("row", ROWS)
def test_a_run_stopped_twice_equals_the_straight_run(
    row: str, tiny_tree: SettingsTree, tmp_path: Path
) -> None:
    settings = settings_of(row, tiny_tree)
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert pretrain(settings, straight, resume=True)
    for update in (1, 3):  # off and on the checkpoints' beat
        with pytest.MonkeyPatch.context() as patch:
            stop_after(update, patch)
            assert not pretrain(settings, stopped, resume=True)
        metrics = stopped / "metrics.jsonl"
        metrics.write_bytes(metrics.read_bytes()[:-9])  # as a full disk or a crash leaves it
    assert pretrain(settings, stopped, resume=True)

    last = "checkpoints/update-00000006"
    for file in ("objective.safetensors", "optimizer.safetensors", "generator.safetensors"):
        one, other = load_file(straight / last / file), load_file(stopped / last / file)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert metrics_of(straight) == metrics_of(stopped)
    one, other = (json.loads((f / "run.json").read_text()) for f in (straight, stopped))
    assert one["hashes"] == other["hashes"]
    assert one["updates"] == other["updates"] == 6
    assert one["audio_hours"] == other["audio_hours"]


def test_a_finished_run_is_reused(tiny_tree: SettingsTree, tmp_path: Path) -> None:
    settings = settings_of("quantized-g2v2", tiny_tree)
    assert pretrain(settings, tmp_path / "run", resume=True)
    before = (tmp_path / "run" / "encoder.safetensors").stat().st_mtime_ns
    assert pretrain(settings, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "encoder.safetensors").stat().st_mtime_ns == before


def test_files_that_a_finished_run_has_lost_are_made_again(
    tiny_tree: SettingsTree, tmp_path: Path
) -> None:
    settings, run = settings_of("quantized-g2v2", tiny_tree), tmp_path / "run"
    assert pretrain(settings, run, resume=True)
    names = ("encoder.safetensors", "initial.safetensors", "utterances.csv", "encoder.json")
    before = {name: (run / name).read_bytes() for name in names}
    metrics, record = (run / "metrics.jsonl").read_bytes(), (run / "run.json").read_bytes()
    for name in names:
        (run / name).unlink()
    assert pretrain(settings, run, resume=True)
    for name, content in before.items():
        if name.endswith(".safetensors"):  # whose header is in no order
            one, other = load(content), load((run / name).read_bytes())
            assert all(torch.equal(one[key], other[key]) for key in one | other)
        else:
            assert (run / name).read_bytes() == content
    assert (run / "metrics.jsonl").read_bytes() == metrics
    assert json.loads((run / "run.json").read_bytes())["hashes"] == json.loads(record)["hashes"]
    (run / "encoder.safetensors").unlink()
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(RunFolderError, match=r"encoder\.safetensors is gone, and no checkpoint"):
        pretrain(settings, run, resume=True)
