"""Runs a registered study: `python probe/table4.py --study FILE`, seed by seed.

A study is a table like any other: for every seed the command of `probe/table4.py` that its file
stands for, and after it what came out so far, in the folder `study`.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pretrain.config.command_line import PRETRAINING_CORPUS
from pretrain.data.tables.columns import add_columns_argument
from pretrain.shared.command_line import MOST_JOBS, Parser
from pretrain.shared.errors import CommandLineError
from pretrain.shared.paths import PROJECT
from probe.study.study_file import Study, read_study, register

if TYPE_CHECKING:
    from probe.whole_table.plan import TablePlan

DESCRIPTION = """\
Runs what is missing of a registered study, seed by seed: all rows of a seed are pre-trained and
probed before the next one, so that a study that is stopped has fewer seeds. What is pre-trained,
probed and asked stands in the file, which must not change once there are results.
"""


@dataclass(frozen=True, kw_only=True)
class StudyRequest:
    """What a command line asks beside the file."""

    study: Path
    runs: Path
    corpus: list[str]
    pretrain_on: str | None
    columns: str | None
    allow_incomplete: bool
    features: Path | None
    secondary: str | None
    jobs: int
    dry_run: bool


def parse(arguments: Sequence[str]) -> StudyRequest:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = Parser(
        prog="probe/table4.py --study FILE",
        description=DESCRIPTION,
        epilog="All else is said by the study's file.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--study", required=True, type=Path, metavar="FILE", help="its TOML file")
    parser.add_argument(
        "--runs", required=True, type=Path, metavar="DIR", help="holds everything; made if absent"
    )
    parser.add_argument(
        "--corpus",
        action="append",
        required=True,
        metavar="NAME=PATH",
        help="where each of the file's corpora is; repeated",
    )
    add_columns_argument(parser)
    parser.add_argument("--pretrain-on", metavar="SPEC", help=PRETRAINING_CORPUS)
    parser.add_argument("--allow-incomplete", action="store_true", help="as without --study")
    parser.add_argument("--features", type=Path, metavar="DIR", help="where features are kept")
    parser.add_argument(
        "--secondary",
        metavar="SPEC",
        help="a corpus of many speakers that no row was trained on: pitch, energy and speakers are "
        "read off every row, beside the verdicts",
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument("--dry-run", action="store_true", help="only say what is missing")
    parsed = parser.parse_args(arguments)
    if not 1 <= parsed.jobs <= MOST_JOBS:
        parser.error(f"`--jobs` must be in 1 .. {MOST_JOBS}, but is {parsed.jobs} instead.")
    return StudyRequest(**vars(parsed))


def run_study(
    request: StudyRequest, compute: "Callable[[Sequence[str]], TablePlan | None]"
) -> None:
    """Computes what is missing and writes the study's folder.

    Args:
        request: What the command line asks.
        compute: Runs a command of `probe/table4.py` and returns its plan; None where nothing is to
            be written (a dry run, or a process that helps another).

    Raises:
        InputError: The file has changed since there are results, or names other corpora.
    """
    study = read_study(request.study)
    folder = request.runs / "study"
    _check_corpora(study, request.corpus)
    if not request.dry_run:
        register(study, request.study, folder, "--runs")
    plans = []
    secondary = None
    for seed in study.rows.seeds:
        print(f"== seed {seed} of {', '.join(map(str, study.rows.seeds))}", flush=True)
        plan = compute(table_arguments(study, request, seed))
        if plan is None:
            continue
        plans.append(plan)

        from probe.study.results import write_study
        from probe.study.secondary import Secondary

        secondary = secondary or (
            Secondary(request.secondary, request.runs / "secondary") if request.secondary else None
        )
        write_study(folder, study, plans, secondary)
        print(f"Study: {folder.resolve()}", flush=True)
    if plans:
        print(f"Report:\n  python reports/run.py --runs '{folder.resolve()}' --out DIR")


def table_arguments(study: Study, request: StudyRequest, seed: int) -> list[str]:
    """Returns the command of `probe/table4.py` that makes one seed."""
    said = ["--runs", str(request.runs), "--rows", str(PROJECT / study.rows.folder)]
    said += ["--seed", str(seed), "--protocol", study.probing.protocol]
    said += ["--head", study.probing.head, "--precision", study.probing.precision]
    said += ["--jobs", str(request.jobs), "--no-attributes"]
    for option, values in (
        ("--row", study.rows_at(seed)),
        ("--config", [str(PROJECT / name) for name in study.pretraining.config]),
        ("--set", study.pretraining.set),
        ("--head-set", study.probing.head_set),
        ("--corpus", request.corpus),
        ("--pretrain-on", [request.pretrain_on] if request.pretrain_on else []),
        ("--columns", [request.columns] if request.columns else []),
        ("--features", [str(request.features)] if request.features else []),
    ):
        for value in values:
            said += [option, value]
    said += ["--allow-incomplete"] if request.allow_incomplete else []
    return said + (["--dry-run"] if request.dry_run else [])


def _check_corpora(study: Study, specs: Sequence[str]) -> None:
    given = [spec.partition("=")[0].partition(":")[0].partition("[")[0] for spec in specs]
    if sorted(given) != sorted(study.probing.corpora):
        raise CommandLineError(
            f"--corpus must be given for {', '.join(study.probing.corpora)}, as the study says, "
            f"but is for {', '.join(given)} instead."
        )
