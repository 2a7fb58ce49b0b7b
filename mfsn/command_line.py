"""The command line of MFSN and the request that it becomes, without anything heavy."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfsn.roles import CONTINUOUS, QUANTIZED, SEC, SEC_CONTENT, TEC, TEC_CONTENT
from pretrain.data.tables.columns import add_columns_argument
from pretrain.shared.command_line import MOST_JOBS, Parser
from pretrain.shared.paths import PROJECT
from probe.corpora.registry import corpus_help
from probe.folds.protocols import SplitError, parse_protocol

DEFAULT_CONFIG = PROJECT / "configs" / "mfsn" / "reduced.toml"

WORKER = "MFSN_WORKER"
"""Set for the processes that --jobs starts: their number, from 0. Only who started them speaks of
what all do."""

DESCRIPTION = f"""\
MFSN: emotion from two frozen or trained encoders, one of {TEC_CONTENT} (TEC)
and one of {SEC_CONTENT} (SEC), joined by a searched fusion. Give
`ACTION --help` for each of:
"""

EPILOG = """\
The same command reuses what is finished, goes on where it was interrupted, and may be started
several times at once: every process takes the next free fold. `accelerate launch mfsn/run.py ...`
gives each process a GPU of its own.
"""

ACTIONS = {
    "search": (
        "search the fusion of two encoders, fold by fold, and test what was found",
        "python mfsn/run.py search --tec runs/ctc --sec runs/continuous-k4 \\\n"
        "      --corpus emodb=/data/emodb --protocol speaker --seed 0 --seed 1 --out runs/mfsn",
    ),
    "train": (
        "train a network of fixed structure: one encoder alone, both, or a genotype",
        "python mfsn/run.py train --variant both --tec runs/ctc --sec runs/continuous-k4 \\\n"
        "      --corpus emodb=/data/emodb --out runs/both\n"
        "  python mfsn/run.py train --tec runs/ctc --sec runs/continuous-k4 \\\n"
        "      --genotype runs/mfsn/tasks/mfsn/seed-0/03/genotype.json \\\n"
        "      --corpus emodb=/data/emodb --out runs/derived",
    ),
    "evaluate": (
        "test the networks of a finished run on a corpus that they were not trained on",
        "python mfsn/run.py evaluate --run runs/mfsn --corpus mine=/data/mine/manifest.csv \\\n"
        "      --out runs/mfsn-on-mine",
    ),
    "ablate": (
        "the paper's Table 5: each encoder alone, both without search, both with search",
        "python mfsn/run.py ablate --tec runs/ctc --sec-quantized runs/quantized-g4v8 \\\n"
        "      --sec-continuous runs/continuous-k4 --corpus emodb=/data/emodb --out runs/table5",
    ),
    "exhaust": (
        "train every structure of the search space, to judge a search against the truth",
        "python mfsn/run.py exhaust --tec runs/ctc --sec runs/continuous-k4 \\\n"
        "      --corpus emodb=/data/emodb --fold 03 --fold 08 --search runs/mfsn "
        "--out runs/exhaust",
    ),
    "study": (
        "run a registered study: the ablation with every head that its file names",
        "python mfsn/run.py study --study configs/study/fusion.toml --tec runs/ctc \\\n"
        "      --sec-quantized runs/quantized-g4v8 --sec-continuous runs/continuous-k4 \\\n"
        "      --corpus synthetic:hours=2,seed=0,part=probe --out runs/fusion",
    ),
}
"""What each action does, and an example."""

HELP = {
    TEC: f"encoder of {TEC_CONTENT}: a CTC-fine-tuned run folder, or [NAME=]hf:PLACE, a released "
    "one",
    SEC: f"encoder of {SEC_CONTENT}: a pre-training run folder, or [NAME=]hf:PLACE, a released one",
    QUANTIZED: "the SEC encoder with quantized targets",
    CONTINUOUS: "the SEC encoder with continuous targets, also used with TEC",
    "variant": "Co-attention on one encoder alone, or both encoders straight to the head",
    "genotype": "a structure, as JSON",
    "run": "a finished run folder of MFSN",
    "study": "its TOML file, which says heads, settings, protocol, folds, seeds and questions",
    "search": "run folder of a search: mark what it found in the same fold and seed",
    "out": "run folder",
    "heard": "look for test recordings in the encoders' training corpora by hash only",
    "protocol": "who is tested: speaker (default: one after the other), session, random10 (the "
    "speakers are in training too), official (the column `split` of the corpus), or emobox=DIR "
    "(EmoBox's folds from a checkout of its repository)",
    "seed": "seed of weights and draws; may be given several times (default: 0); a later command "
    "may add seeds, and folds, to the same --out",
    "fold": "only this fold, named after whom it tests; may be given several times",
    "config": "TOML file of settings; may be given several times, a later one wins (default: "
    "configs/mfsn/reduced.toml; the paper's setting for a GPU is configs/mfsn/paper.toml)",
    "set": "one setting, for example fit.lr=1e-3; may be given several times",
    "jobs": "processes that share the folds on this machine (default: 1)",
    "optimistic": "also note the score at the epoch that the test part would choose, in rows of "
    "their own; training and selection do not see it",
}
"""What each option means; encoders by their role."""

OF_ACTION = {
    "search": (TEC, SEC),
    "train": (TEC, SEC),
    "evaluate": (),
    "ablate": (TEC, QUANTIZED, CONTINUOUS),
    "exhaust": (TEC, SEC),
    "study": (TEC, QUANTIZED, CONTINUOUS),
}
"""Encoders that each action takes."""


@dataclass(frozen=True, kw_only=True)
class FusionRequest:
    """What a command asks for; what its action does not take has the value given here."""

    action: str
    out: Path
    """The run folder."""

    corpus: str
    columns: str | None = None
    """What the columns of the corpus's manifest are called, if it has one."""

    encoders: Mapping[str, Path]
    """Folders by role."""

    variant: str = ""
    """Of `train`: tec, sec or both; empty where a genotype is given."""

    genotype: Path | None = None
    """Of `train`: the file of the structure."""

    run: Path | None = None
    """Of `evaluate`: the finished run."""

    search: Path | None = None
    """Of `exhaust`: the run folder of the search that is judged."""

    study: Path | None = None
    """Of `study`: its file, which says what is left to others here."""

    protocol: str = "speaker"
    seeds: tuple[int, ...] = (0,)
    folds: tuple[str, ...] = ()
    """Only these; empty: all."""

    config: tuple[Path, ...] = (DEFAULT_CONFIG,)
    overrides: tuple[str, ...] = ()
    """KEY=VALUE, after the files."""

    jobs: int = 1
    optimistic: bool = False
    """Whether the score at the epoch that the test part would choose is noted too."""

    fingerprints: bool = True
    """Whether test recordings are looked for by their sound, not by hash only."""


def parse(arguments: Sequence[str]) -> FusionRequest:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = Parser(
        prog="mfsn/run.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, (does, example) in ACTIONS.items():
        _add_arguments(
            actions.add_parser(
                action,
                help=f"{does} (--out DIR)",
                description=f"{does[0].upper()}{does[1:]}.",
                epilog=f"example:\n  {example}\n\n{EPILOG}",
                formatter_class=argparse.RawDescriptionHelpFormatter,
                argument_default=argparse.SUPPRESS,
            ),
            action,
        )
    given = vars(parser.parse_args(arguments))
    roles = {role: role.replace("-", "_") for role in OF_ACTION[given["action"]]}
    encoders = {role: given.pop(name) for role, name in roles.items() if name in given}
    given = {key: tuple(x) if isinstance(x, list) else x for key, x in given.items()}
    request = FusionRequest(encoders=encoders, **given)
    _check(request, parser)
    return request


def _add_arguments(parser: argparse.ArgumentParser, action: str) -> None:
    add = parser.add_argument
    for role in OF_ACTION[action]:
        add(f"--{role}", type=Path, metavar="DIR", required=action != "train", help=HELP[role])
    if action == "train":
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--variant", choices=(TEC, SEC, "both"), help=HELP["variant"])
        what.add_argument("--genotype", type=Path, metavar="FILE", help=HELP["genotype"])
    if action == "evaluate":
        add("--run", type=Path, required=True, metavar="DIR", help=HELP["run"])
    if action == "exhaust":
        add("--search", type=Path, metavar="DIR", help=HELP["search"])
    add("--corpus", required=True, metavar="SPEC", help=corpus_help())
    add_columns_argument(parser)
    add("--out", required=True, type=Path, metavar="DIR", help=HELP["out"])
    add("--no-fingerprints", dest="fingerprints", action="store_false", help=HELP["heard"])
    if action == "study":
        add("--study", type=Path, required=True, metavar="FILE", help=HELP["study"])
    if action != "evaluate":
        add("--jobs", type=int, metavar="N", help=HELP["jobs"])
    if action in ("evaluate", "study"):
        return
    add("--protocol", metavar="PROTOCOL", help=HELP["protocol"])
    add("--seed", dest="seeds", action="append", type=int, metavar="N", help=HELP["seed"])
    add("--fold", dest="folds", action="append", metavar="NAME", help=HELP["fold"])
    add("--config", type=Path, action="append", metavar="FILE", help=HELP["config"])
    add("--set", dest="overrides", action="append", metavar="KEY=VALUE", help=HELP["set"])
    if action != "exhaust":  # whose rows are scored at the epoch that the dev part chose only
        add("--optimistic", action="store_true", help=HELP["optimistic"])


def _check(request: FusionRequest, parser: argparse.ArgumentParser) -> None:
    """Reports what argparse cannot know."""
    try:
        parse_protocol(request.protocol)
    except SplitError as error:
        parser.error(f"--protocol: {error}")
    if not 1 <= request.jobs <= MOST_JOBS:
        parser.error(f"`--jobs` must be in 1 .. {MOST_JOBS}, but is {request.jobs} instead.")
    for seed in request.seeds:
        if not 0 <= seed < 2**32:
            parser.error(f"`--seed` must be in 0 .. 2^32 - 1, but is {seed} instead.")
    if request.action != "train":
        return
    needed = {TEC: (TEC,), SEC: (SEC,)}.get(request.variant, (TEC, SEC))
    for role in (TEC, SEC):
        if (role in request.encoders) != (role in needed):
            what = f"--variant {request.variant}" if request.variant else "--genotype"
            verb = "needs" if role in needed else "does not take"
            parser.error(f"{what} {verb} --{role}.")
