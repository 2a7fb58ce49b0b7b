"""Starts Accelerate and says how many processes there really are."""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import (
    InitProcessGroupKwargs,
    broadcast_object_list,
    is_tensorboard_available,
    parse_flag_from_env,
)

from pretrain.shared.errors import UserError

T = TypeVar("T")

WAITING_TIME = timedelta(hours=3)
"""The other processes wait while the first one reads a large corpus for the first time."""


class LaunchError(UserError):
    """The launcher did not start what it was told to start."""


def make_accelerator(*, tracker: str, folder: str) -> Accelerator:
    """Returns the accelerator of this process.

    The precision belongs to the settings, since rows are compared under it: autocast is the
    engine's own, and a `--mixed_precision` given to the launcher has no effect.
    """
    prepare_environment()
    if tracker == "tensorboard" and not is_tensorboard_available():
        raise LaunchError(
            "`training.tracker` is 'tensorboard', which is not installed: pip install tensorboard."
        )
    accelerator = Accelerator(
        mixed_precision="no",
        log_with="tensorboard" if tracker == "tensorboard" else None,
        project_dir=folder,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=WAITING_TIME)],
    )
    use_all_cores_if_alone(accelerator.device, accelerator.num_processes)
    return accelerator


def agreed(decide: Callable[[torch.device], T]) -> T:
    """Returns on every process what the first one decides, who is given the device that it computes
    on; what it raises, all raise. May come before there is an accelerator."""
    prepare_environment()
    state = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"), timeout=WAITING_TIME)
    use_all_cores_if_alone(state.device, state.num_processes)
    outcome: list[T | Exception | None] = [None]
    if state.is_main_process:
        try:
            outcome = [decide(state.device)]
        except Exception as error:
            outcome = [error]
    if state.num_processes > 1:
        broadcast_object_list(outcome)
    (decided,) = outcome
    if isinstance(decided, Exception):
        raise decided
    return decided  # type: ignore[return-value]


def training_device() -> torch.device:
    """Returns what a run would compute on that is started as one process from here."""
    on_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
    return torch.device("cpu" if on_cpu else "cuda")


def prepare_environment() -> None:
    """To be called first, before anything computes or meets other processes.

    Raises what `check_number_of_processes` raises.
    """
    check_number_of_processes(os.environ)
    # Without it cuBLAS refuses to work under torch.use_deterministic_algorithms; it is read with
    # the first matrix product of the process.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def use_all_cores_if_alone(device: torch.device, num_processes: int) -> None:
    """Undoes the OMP_NUM_THREADS=1 that `accelerate launch` sets where nobody asked for a number
    of threads, when this is the only process and computes on the CPU."""
    is_alone_on_cpu = device.type == "cpu" and num_processes == 1
    if is_alone_on_cpu and "ACCELERATE_MIXED_PRECISION" in os.environ:
        torch.set_num_threads(len(os.sched_getaffinity(0)))


def check_number_of_processes(environment: "os._Environ[str] | dict[str, str]") -> None:
    """Raises `LaunchError` when a launcher was told several processes but started this one alone.

    `accelerate launch --cpu --num_processes 2` does so: it gives its single process a port to meet
    the others at, but no world size.
    """
    told_several = "ACCELERATE_MIXED_PRECISION" in environment and "MASTER_PORT" in environment
    if told_several and "WORLD_SIZE" not in environment:
        raise LaunchError(
            "The launcher was told to start several processes, but started only this one "
            "(`accelerate launch` does so on CPU). On CPU use instead:\n"
            f"  ACCELERATE_USE_CPU=true torchrun --nproc_per_node 2 {sys.argv[0]} ..."
        )


def describe(accelerator: Accelerator, num_shards: int) -> str:
    """Returns a line on processes and device.

    Raises `LaunchError` when there are more processes than shards.
    """
    if accelerator.num_processes > num_shards:
        raise LaunchError(
            f"`data.num_shards` must be at least the number of processes, but is {num_shards} with "
            f"{accelerator.num_processes} processes. It is part of what rows share: set it for all."
        )
    threads = f", {torch.get_num_threads()} threads" if accelerator.device.type == "cpu" else ""
    plural = "process" if accelerator.num_processes == 1 else "processes"
    return f"{accelerator.num_processes} {plural} on {accelerator.device.type}{threads}"


def end_processes() -> None:
    """Leaves the process group, once per command."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
