"""Makes the report: `python reports/run.py --runs runs/demo/* --out runs/demo/report`."""

import argparse
import shlex
import sys
from pathlib import Path

EPILOG = """\
The folders are those that the commands of pretrain/, probe/ and mfsn/ wrote (--out); other folders
under a glob are named in the report and left out. Rows that differ in anything but their
target are refused.

DIR/index.html is self-contained: an answer and a picture, the rest folded. DIR/again.sh makes all
its runs and the report again. DIR/tables has CSV, Markdown and LaTeX, DIR/figures PNG and SVG.
"""


def parser() -> argparse.ArgumentParser:
    """Returns the command line."""
    made = argparse.ArgumentParser(
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
    made.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    chosen = parser().parse_args(given)
    # Imported here, so that --help and a wrong argument answer at once.
    from reports.build import build

    try:
        if chosen.out.exists() and not chosen.out.is_dir():
            raise ValueError(f"`--out` must be a folder, but {chosen.out} is a file instead.")
        index = build(
            chosen.runs,
            chosen.out,
            command=f"python reports/run.py {shlex.join(given)}",
            sweep=chosen.sweep,
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"report: {index.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
