"""What the codes of quantized rows know: `python probe/code_knowledge.py --help`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrain.data.tables.columns import add_columns_argument
from pretrain.shared.command_line import Parser, run_main
from probe.command_line import CorporaRequest
from probe.corpora.registry import corpus_help

EXAMPLE = """example:
  python probe/code_knowledge.py --encoder runs/real/rows/* --corpus emodb=/data/emodb \\
      --out runs/real/codes

Writes CSV tables of code usage, bits per frame and mutual information with emotion and speaker
(beside shuffled labels) for reports/run.py, which also puts bits per frame below Table 4's errors.
Encoders without a codebook that can be read (rows that are not quantized, released encoders) are
named and left out. A row's quantizer is in its newest checkpoint.
"""


@dataclass(frozen=True, kw_only=True)
class CodesRequest(CorporaRequest):
    """What the command line asks for."""

    encoder: list[str]
    """`DIR` or `[NAME=]hf:PLACE`, see `pretrain.model.kinds.places`."""

    ctc: Path | None
    """Run folder of a fine-tuning, which lays transcripts over frames."""

    out: Path
    features: Path | None
    """Where codes are kept; beside all generated runs if None."""


def parse_arguments(arguments: Sequence[str]) -> CodesRequest:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = Parser(
        prog="probe/code_knowledge.py",
        description="Measures what the codes of quantized rows tell of emotion, speaker and "
        "characters, how evenly they are used and how many bits a frame takes.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--encoder",
        action="extend",
        nargs="+",
        required=True,
        metavar="RUN",
        help="folders of finished pre-training runs, at least one of them quantized; and whatever "
        "else probe/run.py takes",
    )
    parser.add_argument(
        "--corpus",
        action="append",
        required=True,
        metavar="NAME=PATH",
        help=f"{corpus_help()}; may be repeated",
    )
    add_columns_argument(parser)
    parser.add_argument(
        "--ctc",
        type=Path,
        metavar="RUN",
        help="a finished run of pretrain/finetune.py: lays transcripts over frames, for the "
        "characters",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="results folder")
    parser.add_argument(
        "--allow-incomplete",
        action="store_true",
        help="take corpora that differ from what was published",
    )
    parser.add_argument(
        "--features",
        type=Path,
        metavar="DIR",
        help="where codes are kept (default: features beside all generated runs)",
    )
    return CodesRequest(**vars(parser.parse_args(arguments)))


def run(request: CodesRequest) -> None:
    """Measures and writes the results folder."""
    from pretrain.engine.provenance import command_line
    from pretrain.model.kinds.places import encoder_place
    from pretrain.shared.paths import runs_folder
    from probe.codes.results import check_codes_folder, write_codes
    from probe.rows.comparable import make_table, read_encoder_run

    # All that can be wrong with the command is found before minutes of computing.
    check_codes_folder(request.out)
    encoders = [read_encoder_run(encoder_place(text)) for text in request.encoder]
    runs = make_table(encoders, allow_uncontrolled=True)

    from pretrain.engine.arithmetic.processor_tuning import tune_machine
    from probe.codes.alignment import load_aligner
    from probe.codes.all_rows import (
        add_characters,
        code_knowledge,
        quantized_rows,
        read_labelled_corpora,
    )
    from probe.corpora.options import specs_of

    tune_machine()
    rows = quantized_rows(runs)
    recognizer, aligner = load_aligner(request.ctc) if request.ctc else (None, None)
    specs = specs_of(request.corpus, request.columns, incomplete=request.allow_incomplete)
    corpora = read_labelled_corpora(specs)
    folder = request.features or runs_folder() / "features"
    if recognizer is not None:
        for corpus in corpora:
            add_characters(corpus, recognizer, folder)
    described, lines = code_knowledge(rows, corpora, folder)
    described |= {"aligner": aligner, "command": command_line()}
    write_codes(request.out, described, lines)
    print(f"Results: {request.out.resolve()}")


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return run_main(
        lambda: run(parse_arguments(arguments)),
        goes_on="codes computed so far are kept, and the same command goes on.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
