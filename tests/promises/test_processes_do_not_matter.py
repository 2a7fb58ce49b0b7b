"""One and two processes see the same and compute the same, launched as the README says."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pretrain.engine.launch import LaunchError, check_number_of_processes
from tests.conftest import PROJECT, TINY

pytestmark = pytest.mark.slow

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]


def launch(num_processes: int, row: str, corpus: str, folder: Path) -> tuple[Any, list[Any]]:
    """Trains from a foreign working directory; returns run.json and the metrics."""
    command = [
        *TORCHRUN, str(num_processes), str(PROJECT / "pretrain" / "run.py"),
        "--config", str(TINY), "--config", str(next((PROJECT / "configs").glob(f"*/{row}.toml"))),
        "--corpus", corpus, "--out", str(folder / f"run-{num_processes}"),
        "--set", "training.updates=4", "--set", "training.precision=fp32",
        "--set", "data.num_shards=3",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
        "RUNS": str(folder / "runs"),
    }
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180
    )
    assert result.returncode == 0, result.stderr
    assert f"{num_processes} process" in result.stdout
    run = folder / f"run-{num_processes}"
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return json.loads((run / "run.json").read_text()), [json.loads(line) for line in lines]


@pytest.mark.parametrize("row", ["quantized-g4v8", "continuous-k4", "tc"])
def test_two_processes_equal_one(row: str, noise_corpus: str, tmp_path: Path) -> None:
    one_run, one = launch(1, row, noise_corpus, tmp_path)
    two_run, two = launch(2, row, noise_corpus, tmp_path)
    assert two_run["hardware"]["processes"] == 2
    for name in ("sample_order", "masks", "initial_weights", "comparison"):
        assert one_run["hashes"][name] == two_run["hashes"][name]
    assert len(one) == len(two) == 4
    for record, other in zip(one, two, strict=True):
        assert record["masked_frames"] == other["masked_frames"]
        for name in ("loss", "gradient_norm", "conv_variance"):
            assert record[name] == pytest.approx(other[name], rel=1e-5), name


def test_a_launcher_that_started_too_few_processes_is_found_out() -> None:
    told_two = {"ACCELERATE_MIXED_PRECISION": "no", "MASTER_PORT": "29500"}
    with pytest.raises(LaunchError, match="torchrun --nproc_per_node 2"):
        check_number_of_processes(told_two)
    check_number_of_processes({**told_two, "WORLD_SIZE": "2"})
    check_number_of_processes({"ACCELERATE_MIXED_PRECISION": "no"})
