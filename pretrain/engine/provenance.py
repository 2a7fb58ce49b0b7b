"""What a run folder says about itself: where its numbers come from, and what they depend on."""

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shlex import join
from typing import Any

import torch

from pretrain.shared.paths import PROJECT

PACKAGES = (
    "torch",
    "torchaudio",
    "fairseq2",
    "accelerate",
    "numpy",
    "pandas",
    "safetensors",
    "soundfile",
    "soxr",
    "espeakng-loader",
)


def command_line() -> str:
    """Returns the command that started this process, fit to be pasted into a shell."""
    script = Path(sys.argv[0]).resolve()
    name = str(script.relative_to(PROJECT)) if script.is_relative_to(PROJECT) else script.name
    launcher = (
        ["python"] if "ACCELERATE_MIXED_PRECISION" not in os.environ else ["accelerate", "launch"]
    )
    if "TORCHELASTIC_RUN_ID" in os.environ:
        per_node = int(os.environ["LOCAL_WORLD_SIZE"])
        num_nodes = int(os.environ["WORLD_SIZE"]) // per_node
        nodes = ["--nnodes", str(num_nodes)] if num_nodes > 1 else []
        launcher = ["torchrun", *nodes, "--nproc_per_node", str(per_node)]
    on_cpu = "ACCELERATE_USE_CPU=true " if os.environ.get("ACCELERATE_USE_CPU") == "true" else ""
    return on_cpu + join([*launcher, name, *sys.argv[1:]])


def package_versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that the numbers depend on."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def git_state() -> dict[str, Any]:
    """Returns the project's commit and whether its tracked files differ from it."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def _git(*arguments: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()


def hardware(num_processes: int, device: torch.device) -> dict[str, Any]:
    """Returns what the run computed on."""
    description: dict[str, Any] = {
        "processes": num_processes,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
    if device.type == "cuda":
        description["gpu"] = torch.cuda.get_device_name(device)
    return description


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
