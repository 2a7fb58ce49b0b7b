"""The command line of the probe; nothing heavy is imported here."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pretrain.data.tables.columns import add_columns_argument
from pretrain.shared.command_line import Parser
from probe.corpora.registry import corpus_help
from probe.features.acoustic import acoustic_in_words, known_baselines
from probe.features.pooling import HEADS_ON_POOLED, MEAN, POOLINGS, pooling_override
from probe.folds.protocols import SplitError, parse_protocol
from probe.heads.settings import DEFAULT, HEADS, check_hears, heads_in_words, make_head

EXAMPLE = """example:
  python probe/run.py --encoder runs/quantized-g2v2 --encoder runs/continuous-k1 \\
      --corpus emodb=/data/emodb --protocol speaker --out runs/probe
"""


@dataclass(frozen=True, kw_only=True)
class CorporaRequest:
    """What a command line says of the corpora that it reads."""

    corpus: list[str]
    """Their specs."""

    columns: str | None
    """What their manifests call their columns."""

    allow_incomplete: bool
    """Whether they may differ from what was published."""


@dataclass(frozen=True, kw_only=True)
class EncodingRequest(CorporaRequest):
    """What a command line says of the encoding of corpora, and of what is found out beside."""

    features: Path | None
    """Where features are kept; beside all generated runs if None."""

    precision: Literal["auto", "bf16", "fp32"]
    """Of the encoders' matrix products."""

    attributes: bool
    """Whether layers are asked for speaker and gender."""

    fingerprints: bool
    """Whether contamination is looked for by sound too."""

    baseline: list[str]
    """Of `probe.features.acoustic.ACOUSTIC`, beside those that every table has."""


@dataclass(frozen=True, kw_only=True)
class ProbeRequest(EncodingRequest):
    """What a command line asks of probe/run.py."""

    encoder: list[str]
    """`DIR` or `[NAME=]hf:PLACE`, see `pretrain.model.kinds.places`."""

    protocol: str
    head: str
    set: list[str]
    """Settings of the head, as `KEY=VALUE`, what was said by --pooling among them."""

    out: Path
    seed: list[int] | None
    """Only encoders of these seeds; all if None."""

    allow_uncontrolled: bool
    """Whether encoders may differ in more than their target."""


def add_checks(parser: argparse._ActionsContainer) -> None:
    """Adds what may be left out beside the scores: --no-attributes, --no-fingerprints."""
    parser.add_argument(
        "--no-attributes",
        dest="attributes",
        action="store_false",
        help="do not ask the layers for speaker and gender",
    )
    parser.add_argument(
        "--no-fingerprints",
        dest="fingerprints",
        action="store_false",
        help="look for test recordings in the pre-training corpus by hash only, not by sound too "
        "(a few minutes per 10 hours of pre-training audio, once)",
    )


def add_pooling(parser: argparse._ActionsContainer) -> None:
    """Adds --pooling."""
    parser.add_argument(
        "--pooling",
        choices=POOLINGS,
        help=f"what the heads {' and '.join(HEADS_ON_POOLED)} hear of each layer: "
        + "; ".join(f"{name}: {words}" for name, words in POOLINGS.items())
        + f" (default: {MEAN}); the same for all rows and baselines",
    )


def add_baselines(parser: argparse._ActionsContainer) -> None:
    """Adds --baseline, which `known_baselines` has to check."""
    parser.add_argument(
        "--baseline",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME",
        help="acoustic baselines, no learning, beside constant, log-mel and untrained: "
        f"{acoustic_in_words()}. The last three need openSMILE (pip install -e '.[opensmile]'), "
        "licensed for research that is not commercial; they hear the sound as it was recorded",
    )


def add_precision(parser: argparse._ActionsContainer) -> None:
    """Adds --precision, and --bf16 as commands had it before."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--precision",
        choices=("auto", "bf16", "fp32"),
        default="auto",
        help="of the encoders' matrix products: auto (default) takes what is there, or else bf16 "
        "where that is at least 1.5 times as fast here, by a short measurement",
    )
    either.add_argument(
        "--bf16",
        dest="precision",
        action="store_const",
        const="bf16",
        help="the same as --precision bf16, as earlier versions called it",
    )


def parse_arguments(arguments: Sequence[str]) -> ProbeRequest:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = Parser(
        prog="probe/run.py",
        description="Fits heads on frozen (or, with --head finetune, on fine-tuned) encoders and "
        "tests them on speakers (or sessions) that they have not heard, beside the constant "
        "predictor, log-mel and the untrained encoder.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--encoder",
        action="extend",
        nargs="+",
        required=True,
        metavar="DIR",
        help="folders of finished pre-training runs, one per row and seed of the table; or "
        "[NAME=]hf:PLACE, a released encoder in the format of transformers: a folder, or "
        "OWNER/NAME[@REVISION] on the hub. Released ones are in a part of the table of their own",
    )
    parser.add_argument(
        "--corpus",
        action="append",
        required=True,
        metavar="NAME=PATH",
        help=f"{corpus_help()}; NAME:norms=PATH takes category norms for V/A/D; may be repeated. "
        "Utterances may be up to 120 s long: cut longer recordings by the columns offset and "
        "frames",
    )
    add_columns_argument(parser)
    parser.add_argument(
        "--protocol",
        default="speaker",
        metavar="PROTOCOL",
        help="who is tested: speaker (default), session, random10 (a tenth of the utterances, "
        "speaker-dependent), official (the column `split` of the corpus), or emobox=DIR (EmoBox's "
        "folds from a checkout of its repository)",
    )
    parser.add_argument(
        "--head",
        default=DEFAULT,
        metavar="{" + ",".join(HEADS) + "}",
        help=heads_in_words(),
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the head, as in superb.epochs=40; may be repeated",
    )
    add_pooling(parser)
    add_baselines(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="results folder")
    parser.add_argument(
        "--seed",
        action="append",
        type=int,
        help="probe only encoders pre-trained with this seed; may be repeated (default: all)",
    )
    parser.add_argument(
        "--allow-uncontrolled",
        action="store_true",
        help="put encoders that differ in more than their target in a part of their own",
    )
    parser.add_argument(
        "--allow-incomplete",
        action="store_true",
        help="take corpora that differ from what was published (as NAME:incomplete=PATH does)",
    )
    parser.add_argument(
        "--features",
        type=Path,
        metavar="DIR",
        help="where features are kept (default: features beside all generated runs)",
    )
    add_precision(parser)
    add_checks(parser)
    parsed = parser.parse_args(arguments)
    pooling = vars(parsed).pop("pooling")
    try:
        parse_protocol(parsed.protocol)
    except SplitError as error:
        parser.error(f"--protocol: {error}")
    try:
        parsed.set += pooling_override([parsed.head], pooling)
        head = make_head(parsed.head, parsed.set)
        parsed.baseline = known_baselines(parsed.baseline)
        check_hears([head], parsed.baseline)
    except ValueError as error:
        parser.error(str(error))
    return ProbeRequest(**vars(parsed))
