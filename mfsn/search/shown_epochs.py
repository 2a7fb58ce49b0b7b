"""What a training shows: a line for every epoch of a search, else one line that is updated."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from mfsn.search.epochs import OnRow
from pretrain.engine.arithmetic.kept_precision import say_at_once

SECONDS_BETWEEN_LINES = 20.0
"""How often a line is printed where there is no terminal, or where several processes share it."""


def search_lines(name: str, num_epochs: int) -> OnRow:
    """Returns what says a line for every epoch of a search, and of a retraining behind it: of the
    task `name`, with at most `num_epochs`."""

    def show(row: dict[str, Any]) -> None:
        phase, alpha = "retraining", ""
        if "leading" in row:
            phase = "search"
            alpha = f", entropy {row['entropy']:.3f} nats, leading {row['leading']}"
        say_at_once(f"  {name}, {phase} epoch {row['epoch']}/{num_epochs}: {_scores(row)}{alpha}")

    return show


@contextmanager
def updated_line(name: str, num_epochs: int, *, shared: bool) -> Iterator[OnRow]:
    """Yields what shows the epochs of a fixed structure on one line of stderr. `shared`: other
    processes write to the same terminal, where no line can be updated."""
    is_updated = sys.stderr.isatty() and not shared
    seconds = 0.5 if is_updated else SECONDS_BETWEEN_LINES
    with tqdm(
        total=num_epochs,
        desc=f"  {name}",
        unit="epoch",
        leave=not is_updated,
        dynamic_ncols=True,
        mininterval=seconds,
        maxinterval=seconds,
        delay=0.0 if is_updated else seconds,
        bar_format="{desc}: epoch {n_fmt}/{total_fmt}{postfix}" + ("" if is_updated else "\n"),
    ) as bar:

        def show(row: dict[str, Any]) -> None:
            bar.set_postfix_str(_scores(row), refresh=False)
            bar.update(int(row["epoch"]) - bar.n)

        yield show


def _scores(row: dict[str, Any]) -> str:
    return f"train loss {row['train_loss']:.4f}, dev UA {100 * row['dev_ua']:.1f} %"
