"""The command line of probe/table4.py; nothing heavy is imported here."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrain.config.command_line import PRETRAINING_CORPUS
from pretrain.data.tables.columns import add_columns_argument
from pretrain.shared.command_line import MOST_JOBS, Parser
from pretrain.shared.errors import CommandLineError
from pretrain.shared.paths import PROJECT
from probe.command_line import (
    EncodingRequest,
    add_baselines,
    add_checks,
    add_pooling,
    add_precision,
)
from probe.corpora.registry import corpus_help
from probe.features.acoustic import known_baselines
from probe.features.pooling import pooling_override
from probe.folds.protocols import PROTOCOLS
from probe.heads.settings import DEFAULT, HEADS, heads_in_words

ROWS = PROJECT / "configs" / "table4"

DESCRIPTION = """\
Makes Table 4: pre-trains whatever is missing of its rows and seeds, probes whatever is missing of
its cells (row x seed x corpus x protocol x head), and writes the results that reports/run.py reads.
"""

EPILOG = """\
example:
  python probe/table4.py --runs runs/table4 --config configs/size/small.toml \\
      --pretrain-on librispeech=/data/LibriSpeech --corpus emodb=/data/emodb \\
      --corpus ravdess=/data/ravdess --protocol speaker --seed 0 --seed 1 --seed 2 --jobs 2

DIR/rows/NAME-seedK   run folders, as pretrain/grid.py --out DIR/rows makes them: finished ones are
                      taken if their settings are those of this command
DIR/cells             a file per cell; a cell is computed again only when something that its numbers
                      depend on has changed
DIR/probe/P-H         the results under protocol P with head H, of exactly what this command names
DIR/logs              what the processes say

--study FILE           runs a registered study instead, seed by seed (`--study FILE --help`)

Name all that the table shall show: what is there is not computed again. Ctrl-C loses at most the
cells at work; the same command goes on. It may be started several times at once, on several
machines with one disk too: every process takes the next free piece of work. `accelerate launch
probe/table4.py ...` gives each process a GPU of its own. To pre-train one row on several GPUs, run
accelerate launch pretrain/grid.py --out DIR/rows ... first.
"""


@dataclass(frozen=True, kw_only=True)
class Table4Request(EncodingRequest):
    """What a command line asks of probe/table4.py; nothing is in a list twice."""

    runs: Path
    protocol: list[str]
    head: list[str]
    head_set: list[str]
    """Settings of heads, as `HEAD.KEY=VALUE`."""

    seed: list[int]
    encoder: list[str]
    """Further encoders, `DIR` or `[NAME=]hf:PLACE`."""

    rows: Path
    """Folder of TOML files, one per row."""

    row: list[str]
    """Only these of them; all if empty."""

    config: list[Path]
    """TOML files of pre-training settings, a later one wins; empty for the default."""

    set: list[str]
    """Single pre-training settings, as `KEY=VALUE`."""

    pretrain_on: str | None
    """Spec of the corpus to pre-train on, where the settings do not say it."""

    jobs: int
    """Processes that share the work on this machine."""

    dry_run: bool


def parse(arguments: Sequence[str]) -> Table4Request:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = Parser(
        prog="probe/table4.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_what(parser)
    _add_pretraining(parser)
    _add_how(parser)
    parsed = parser.parse_args(arguments)
    if not 1 <= parsed.jobs <= MOST_JOBS:
        parser.error(f"`--jobs` must be in 1 .. {MOST_JOBS}, but is {parsed.jobs} instead.")
    for seed in parsed.seed or ():
        if not 0 <= seed < 2**32:
            parser.error(f"`--seed` must be in 0 .. 2^32 - 1, but is {seed} instead.")
    parsed.seed = list(dict.fromkeys(parsed.seed or [0]))
    parsed.protocol = list(dict.fromkeys(parsed.protocol or ["speaker"]))
    parsed.head = list(dict.fromkeys(parsed.head or [DEFAULT]))
    parsed.corpus = list(dict.fromkeys(parsed.corpus))
    pooling = vars(parsed).pop("pooling")
    try:
        parsed.head_set += pooling_override(parsed.head, pooling)
        parsed.baseline = known_baselines(parsed.baseline)
    except CommandLineError as error:
        parser.error(str(error))
    return Table4Request(**vars(parsed))


def _add_what(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("the table")
    what.add_argument(
        "--runs", required=True, type=Path, metavar="DIR", help="holds everything; made if absent"
    )
    what.add_argument(
        "--corpus",
        action="append",
        required=True,
        metavar="NAME=PATH",
        help=f"what to probe on: {corpus_help()}; may be repeated. Utterances may be up to 120 s "
        "long",
    )
    add_columns_argument(what)
    what.add_argument(
        "--encoder",
        action="extend",
        nargs="+",
        default=[],
        metavar="DIR",
        help="further encoders beside the rows: [NAME=]hf:PLACE, a released one in the format of "
        "transformers (a folder, or OWNER/NAME[@REVISION] on the hub), in a part of its own",
    )
    what.add_argument(
        "--protocol",
        action="append",
        metavar="P",
        help=f"what is left out for testing: {', '.join(PROTOCOLS)}=DIR (default: speaker); may be "
        "repeated",
    )
    what.add_argument(
        "--head",
        action="append",
        choices=HEADS,
        help=f"what is trained on the encoders; {heads_in_words()}; may be repeated",
    )
    what.add_argument(
        "--head-set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of a head, for example superb.epochs=30; may be repeated",
    )
    add_pooling(what)
    add_baselines(what)
    what.add_argument(
        "--seed", type=int, action="append", metavar="N", help="may be repeated (default: 0)"
    )
    what.add_argument(
        "--allow-incomplete",
        action="store_true",
        help="take corpora that differ from what was published (as NAME:incomplete=PATH does)",
    )


def _add_pretraining(parser: argparse.ArgumentParser) -> None:
    rows = parser.add_argument_group("the rows, as for pretrain/grid.py")
    rows.add_argument(
        "--rows",
        type=Path,
        default=ROWS,
        metavar="DIR",
        help="folder of TOML files, one per row, each laid over --config (default: configs/table4)",
    )
    rows.add_argument(
        "--row",
        action="append",
        default=[],
        metavar="NAME",
        help="only this row of the folder; may be repeated (default: all)",
    )
    rows.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="TOML file of pre-training settings; may be repeated, a later one wins (default: "
        "configs/default.toml)",
    )
    rows.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one pre-training setting, for example training.updates=1000; may be repeated",
    )
    rows.add_argument(
        "--pretrain-on",
        metavar="SPEC",
        help=f"{PRETRAINING_CORPUS}, NAME[path=file]=manifest.csv where its columns are called "
        "otherwise (default: what the settings say)",
    )


def _add_how(parser: argparse.ArgumentParser) -> None:
    how = parser.add_argument_group("how")
    how.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="processes that share the work on this machine (default: 1)",
    )
    how.add_argument("--dry-run", action="store_true", help="only say what is missing")
    how.add_argument(
        "--features",
        type=Path,
        metavar="DIR",
        help="where features are kept (default: features beside all generated runs)",
    )
    add_precision(how)
    add_checks(how)
