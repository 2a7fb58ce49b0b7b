"""Who decides on `auto`: what is there, else what was decided for the folder, else a measurement.

A run has one precision from its first update to its last, and so have the rows of a table, whoever
computes them. So `auto` is looked up first, and only what nobody has decided yet is measured.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from pretrain.config.files import flatten
from pretrain.config.settings import RunSettings
from pretrain.engine.arithmetic.precision import (
    ASKED,
    AUTO,
    BF16,
    FP32,
    Choice,
    Precision,
    Widths,
    choose_precision,
    why_slow,
)
from pretrain.engine.run_folder import RunFolder
from pretrain.shared.atomic_files import replace_text
from pretrain.shared.processes.locks import lock

Settings = TypeVar("Settings", bound=RunSettings)

DECISION_FILE = ".precision"
"""In the folder of a table: what was decided for all that is in it. Wildcards pass it over."""

PRECISION_KEY = "training.precision"

PRECISIONS: tuple[Precision, ...] = (BF16, FP32)


def say_at_once(line: str) -> None:
    """Prints a line, also where the output goes to a file that someone follows."""
    print(line, flush=True)


def settle(
    rows: Sequence[Settings],
    folder_of: Callable[[Settings], Path],
    widths: Callable[[], Widths],
    device: torch.device,
    *,
    table: Path | None = None,
    keep: bool = True,
    option: str = "--out",
    say: Callable[[str], None] = say_at_once,
) -> list[Settings]:
    """Returns the settings of all rows with the one precision that `auto` stands for.

    The rows that are there decide, and rows whose settings name a precision; then what was decided
    for the table before; then a measurement.

    Args:
        rows: Settings of one run, or of all rows of a table.
        folder_of: Where the run of settings without `auto` is, or will be.
        widths: Of the products; asked for only if something is measured.
        device: That the rows are computed on.
        table: Folder in which the decision is kept, so that others who compute rows take the same.
        keep: Whether a new decision is written into it.
        option: That names the folders, for messages.
        say: Gets one line, and a warning where what is kept is slow here.
    """
    asked = {row.run.training.precision for row in rows}
    finished = [_is_finished(row, folder_of, option) for row in rows]
    if AUTO not in asked:
        if BF16 in asked and not all(finished):
            warn_if_slow(Choice(BF16, ASKED), device, widths(), option=option, say=say)
        return list(rows)
    there = Counter(found for row in rows for found in _found(row, folder_of, option))
    by_number = [precision for precision, _ in there.most_common()]
    if by_number and (len(by_number) == 1 or len(set(there.values())) > 1):
        choice = Choice(by_number[0], f"as in the {'run' if len(rows) == 1 else 'rows'} there")
    else:
        choice = decided_once(table, lambda: choose_precision(device, widths()), keep=keep)
    if not all(finished):
        say(str(choice))
        warn_if_slow(choice, device, widths(), option=option, say=say)
    return [
        row.with_precision(choice.precision) if row.run.training.precision == AUTO else row
        for row in rows
    ]


def decided_once(folder: Path | None, decide: Callable[[], Choice], *, keep: bool = True) -> Choice:
    """Returns what was decided for all that is in `folder`, deciding it if nobody has.

    Without `keep`, or without a folder, a new decision is for this call only.
    """
    if folder is None:
        return decide()
    if (known := _decided(folder)) or not keep:
        return known or decide()
    with lock(folder / f"{DECISION_FILE}.lock", wait=True):
        if known := _decided(folder):
            return known
        choice = decide()
        replace_text(folder / DECISION_FILE, choice.precision + "\n")
        return choice


def _decided(folder: Path) -> Choice | None:
    try:
        content = (folder / DECISION_FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    precision = named(content.strip().decode("ascii", errors="replace"))
    return Choice(precision, f"as decided before for {folder}") if precision else None


def warn_if_slow(
    choice: Choice,
    device: torch.device,
    widths: Widths,
    *,
    path: str | None = None,
    option: str = "--out",
    say: Callable[[str], None] = say_at_once,
) -> None:
    """Says it where the other precision is faster by far on this device; see `choose_precision`."""
    reason = why_slow(choice.precision, device, widths, path=path)
    why = "was asked for" if choice.reason == ASKED else "is kept"
    if reason:
        say(
            f"WARNING: precision {choice.precision} {why}, but {reason}. What is there stays as it "
            f"is: for another precision choose another {option}."
        )


def precision_in(description: dict[str, Any] | None) -> Precision | None:
    """Returns the precision in a run's description, or None."""
    content = description.get("settings") if isinstance(description, dict) else None
    found = flatten(content).get(PRECISION_KEY) if isinstance(content, dict) else None
    return named(found)


def named(value: object) -> Precision | None:
    """Returns `value` if it is a precision, and else None."""
    return BF16 if value == BF16 else FP32 if value == FP32 else None


def _found(row: Settings, folder_of: Callable[[Settings], Path], option: str) -> list[Precision]:
    """Returns the precisions of what is there of a row; of one that names its own, that one."""
    asked = row.run.training.precision
    if asked != AUTO:
        return [asked]
    return [found for found, _ in _there(row, folder_of, option)]


def _is_finished(row: Settings, folder_of: Callable[[Settings], Path], option: str) -> bool:
    asked = row.run.training.precision
    return any(
        asked in (AUTO, found) and description.get("status") == "finished"
        for found, description in _there(row, folder_of, option)
    )


def _there(
    row: Settings, folder_of: Callable[[Settings], Path], option: str
) -> Iterator[tuple[Precision, dict[str, Any]]]:
    """Yields precision and description of every run of a row that is there."""
    for precision in PRECISIONS:
        folder = RunFolder(folder_of(row.with_precision(precision)), option=option)
        description = folder.description()
        if description is not None and precision_in(description) == precision:
            yield precision, description
