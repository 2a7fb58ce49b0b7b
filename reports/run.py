"""Makes the report: `python reports/run.py --runs runs/demo/* --out runs/demo/report`."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from pretrain.shared.command_line import Parser, run_main
from pretrain.shared.errors import InputError

EPILOG = """\
The folders are those that the commands of pretrain/, probe/ and mfsn/ wrote (--out); other folders
under a glob are named in the report and left out. Rows that differ in anything but their
target are refused.

DIR/index.html is self-contained: an answer and a picture, the rest folded. DIR/again.sh makes all
its runs and the report again. DIR/tables has CSV, Markdown and LaTeX, DIR/figures PNG and SVG.
"""


def parser() -> argparse.ArgumentParser:
    """Returns the command line."""
    made = Parser(
        prog="reports/run.py",
        description="Writes the tables, figures and page that compare probed encoders.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--runs", nargs="+", required=True, metavar="PATH", help="run folders, or globs of them"
    )
    made.add_argument(
        "--sweep",
        nargs="+",
        default=[],
        metavar="PATH",
        help="run folders of the equal tuning, or globs of them: one more table",
    )
    made.add_argument(
        "--published",
        nargs="+",
        default=[],
        type=Path,
        metavar="FILE",
        help="published numbers, beside those of reports/published: TOML files as those are",
    )
    made.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write")
    return made


def run(arguments: Sequence[str]) -> None:
    """Writes the report that the command line asks for."""
    chosen = parser().parse_args(arguments)
    # Imported here, so that --help and a wrong argument answer at once.
    from reports.assemble import build

    if chosen.out.exists() and not chosen.out.is_dir():
        raise InputError(f"`--out` must be a folder, but {chosen.out} is a file instead.")
    command = f"python reports/run.py {shlex.join(arguments)}"
    index = build(
        chosen.runs,
        chosen.out,
        command=command,
        sweep=chosen.sweep,
        published=chosen.published,
    )
    print(f"report: {index.resolve()}")


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return run_main(
        lambda: run(arguments), goes_on="the runs are as they were; give the same command again."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
