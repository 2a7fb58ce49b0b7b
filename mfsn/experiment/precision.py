"""In which precision networks are trained: what is there decides on `auto`, else a measurement."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mfsn.experiment.results import FusionRunError, read_run
from mfsn.experiment.run_folder import visible_files
from mfsn.search.settings import MfsnSettings
from pretrain.engine.arithmetic.kept_precision import decided_once, named, say_at_once, warn_if_slow
from pretrain.engine.arithmetic.precision import (
    ASKED,
    AUTO,
    BF16,
    FP32,
    Choice,
    Widths,
    choose_precision,
)
from pretrain.engine.arithmetic.processor_tuning import MATMUL_PRECISION
from pretrain.shared.run_record import has_record

PRECISION_INPUT = "settings.fit.precision"

FRAMES_PER_SEGMENT = 149
"""Of 3 s."""


def choose_for_fit(
    settings: MfsnSettings, out: Path, search: Path | None, dim: int, device: torch.device
) -> Choice:
    """Returns the precision of a command's trainings, of states of width `dim`. What is decided is
    kept in `out` for all processes; the run folder of a `search` that is judged must have it."""
    asked = settings.fit.precision
    if asked != AUTO:
        return Choice(asked, ASKED)
    for folder in (out, search):
        inputs = _run_in(folder).get("inputs", {}) if folder is not None else {}
        if (there := named(inputs.get(PRECISION_INPUT))) is not None:
            return Choice(there, f"as in {folder}")
    # What else it is, `FusionRunFolder.open` says.
    may_be_run = not out.exists() or (out.is_dir() and not visible_files(out))
    return decided_once(out if may_be_run else None, lambda: _decide(settings, dim, device))


def with_precision(settings: MfsnSettings, choice: Choice) -> MfsnSettings:
    """Returns the settings with the precision that `fit.precision` = auto stands for."""
    fit = dataclasses.replace(settings.fit, precision=choice.precision)
    return dataclasses.replace(settings, fit=fit)


def say_precision(choice: Choice, settings: MfsnSettings, dim: int, device: torch.device) -> None:
    """Says it in one line, and a warning in another where the other one is faster by far."""
    say_at_once(str(choice))
    wants_fp32 = choice.reason == ASKED or not settings.train_sec_encoder
    if choice.precision != FP32 or not wants_fp32:
        warn_if_slow(choice, device, _widths(settings, dim))


def check_precision(settings: MfsnSettings, device: torch.device) -> None:
    """Raises `FusionRunError` where networks cannot be trained in bf16 at all."""
    if settings.fit.precision != BF16 or device.type != "cpu":
        return
    try:
        # Its initial weights are drawn: from a generator that nobody else draws from.
        with torch.random.fork_rng(devices=[]), torch.autocast("cpu", torch.bfloat16):
            nn.LSTM(8, 8)(torch.zeros(2, 1, 8))
    except RuntimeError as error:
        raise FusionRunError(
            "`fit.precision` is bf16, but this CPU has no LSTM in bf16, and a run keeps its "
            "precision. Continue it where it was started, or choose another --out and "
            "--set fit.precision=fp32."
        ) from error


def matmul_precision_in(out: Path) -> str | None:
    """Returns the `float32_matmul_precision` of the run that is there, if there is one."""
    hardware = _run_in(out).get("hardware")
    kept = hardware.get(MATMUL_PRECISION) if isinstance(hardware, dict) else None
    return kept if isinstance(kept, str) else None


def _run_in(folder: Path) -> Mapping[str, Any]:
    return read_run(folder) if has_record(folder) else {}


def _decide(settings: MfsnSettings, dim: int, device: torch.device) -> Choice:
    if device.type == "cpu" and not settings.train_sec_encoder:
        # A step gained 1.1 (width 128) to 1.5 times (512) where the products gained 2.
        return Choice(FP32, "encoders are frozen, and the head alone gains little from bf16")
    return choose_precision(device, _widths(settings, dim))


def _widths(settings: MfsnSettings, dim: int) -> Widths:
    """Returns the sizes of the SEC encoder's products."""
    return Widths(dim, 4 * dim, settings.fit.batch_size * FRAMES_PER_SEGMENT)
