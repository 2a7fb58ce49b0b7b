"""Prints a card per corpus: `python probe/check_corpora.py --help`."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrain.data.readers.registry import SYNTHETIC, spec_forms, summary_of
from pretrain.data.tables.columns import add_columns_argument
from pretrain.shared.command_line import Parser, run_main
from pretrain.shared.errors import InputError
from probe.command_line import CorporaRequest
from probe.corpora.registry import READERS

EXAMPLE = """example:
  python probe/check_corpora.py emodb=/data/emodb ravdess=/data/ravdess --out runs/corpora-check

Corpora are given as to probe/run.py. Those of the following that have published counts are compared
with them; a corpus that differs makes the command fail (exit status 1), after its card, unless
--allow-incomplete is given.

"""


@dataclass(frozen=True, kw_only=True)
class CheckRequest(CorporaRequest):
    """What the command line asks for."""

    out: Path | None
    """Gets a page, if given."""


def parse_arguments(arguments: Sequence[str]) -> CheckRequest:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = Parser(
        prog="probe/check_corpora.py",
        description="Reads emotion corpora and prints what they hold: counts against the published "
        "ones, hours, lengths, labels per class, speaker and session, ratings, duplicates by audio "
        "hash, unusable files.",
        epilog=EXAMPLE
        + "\n".join(f"  {name:12}{summary_of(entry)}" for name, entry in READERS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "corpus",
        nargs="+",
        metavar="NAME=PATH",
        help=f"{spec_forms(READERS)}, NAME=manifest.csv or {SYNTHETIC}",
    )
    add_columns_argument(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="also write DIR/corpora.html, with plots"
    )
    parser.add_argument(
        "--allow-incomplete",
        action="store_true",
        help="do not fail for corpora that differ from the published ones",
    )
    # So that corpora may also stand after options.
    return CheckRequest(**vars(parser.parse_intermixed_args(arguments)))


def run(request: CheckRequest) -> list[str]:
    """Prints the cards, writes the page, and returns what is wrong."""
    from probe.corpora.card import make_card, write_page
    from probe.corpora.options import specs_of, split_options
    from probe.corpora.published import INCOMPLETE

    if request.out is not None and request.out.exists() and not request.out.is_dir():
        raise InputError(f"--out must be a folder, but {request.out} is a file instead.")
    cards = []
    wrong = []
    for spec in specs_of(request.corpus, request.columns):
        card = make_card(spec)
        cards.append(card)
        print(card.text(), flush=True)
        if card.error:
            wrong.append(f"{spec} cannot be read")
            continue
        allowed = request.allow_incomplete or INCOMPLETE in split_options(spec)[1]
        if card.incomplete and not allowed:
            wrong.append(f"{spec} is not as published (--allow-incomplete lets it pass)")
        if card.too_many_unusable:
            wrong.append(f"{spec} has so many unusable files that runs will refuse it")
    if request.out is not None:
        command = shlex.join(["python", "probe/check_corpora.py", *sys.argv[1:]])
        print(f"Page: {write_page(cards, request.out, command=command).resolve()}")
    return wrong


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""

    def check() -> None:
        if wrong := run(parse_arguments(arguments)):
            raise InputError("; ".join(wrong))

    return run_main(
        check,
        goes_on="files looked at so far are not looked at again by the same command.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
