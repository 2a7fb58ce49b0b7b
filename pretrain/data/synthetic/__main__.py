"""Command line: `python -m pretrain.data.synthetic --hours 0.5 --part probe --out FOLDER`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pretrain.shared.command_line import run_main


def run(arguments: Sequence[str]) -> None:
    """Makes the corpus that the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m pretrain.data.synthetic",
        description="Makes a SYNTHETIC emotional speech corpus with espeak-ng.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--hours", type=float, default=0.5, help="about how much speech to make")
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give equal samples")
    parser.add_argument(
        "--part", default="pretrain", help="pretrain or probe: they share no voice or sentence"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parsed = parser.parse_args(arguments)

    from pretrain.data.synthetic.corpus import make_synthetic_corpus

    folder = make_synthetic_corpus(
        parsed.out, hours=parsed.hours, seed=parsed.seed, part=parsed.part
    )
    print((folder / "README.txt").read_text(), end="")
    print(f"in {folder}")


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return run_main(
        lambda: run(arguments), goes_on="no half corpus is left; give the same command again."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
