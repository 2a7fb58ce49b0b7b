"""What the codes of quantized rows know: `python probe/code_knowledge.py --help`."""

import argparse
import sys
from pathlib import Path

from pretrain.data.tables.columns import add_columns_argument
from pretrain.shared.command_line import STOPPED, is_for_users
from pretrain.shared.stopping import terminated_like_ctrl_c
from probe.corpora.registry import corpus_help

EXAMPLE = """example:
  python probe/code_knowledge.py --encoder runs/real/rows/* --corpus emodb=/data/emodb \\
      --out runs/real/codes

Writes CSV tables of code usage, bits per frame and mutual information with emotion and speaker
(beside shuffled labels) for reports/run.py, which also puts bits per frame below Table 4's errors.
Rows that are not quantized are named and left out. A row's quantizer is in its newest checkpoint.
"""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = argparse.ArgumentParser(
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
        type=Path,
        metavar="RUN",
        help="folders of finished pre-training runs",
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
    return parser.parse_args(arguments)


def run(parsed: argparse.Namespace) -> None:
    """Measures and writes the results folder."""
    from pretrain.engine.provenance import command_line
    from pretrain.shared.paths import runs_folder
    from probe.codes.results import check_codes_folder, write_codes
    from probe.rows.comparable import make_table, read_encoder_run

    # All that can be wrong with the command is found before minutes of computing.
    check_codes_folder(parsed.out)
    runs = make_table(
        [read_encoder_run(folder) for folder in parsed.encoder], allow_uncontrolled=True
    )

    from pretrain.engine.processor_tuning import tune_machine
    from probe.codes.alignment import load_aligner
    from probe.codes.all_rows import (
        code_knowledge,
        quantized_rows,
        read_labelled_corpora,
        with_characters,
    )
    from probe.corpora.options import specs_of

    tune_machine()
    quantizers, chosen = quantized_rows(runs)
    aligner = load_aligner(parsed.ctc) if parsed.ctc is not None else None
    specs = specs_of(parsed.corpus, parsed.columns, incomplete=parsed.allow_incomplete)
    corpora = read_labelled_corpora(specs)
    folder = parsed.features or runs_folder() / "features"
    if aligner is not None:
        corpora = [with_characters(corpus, aligner, folder) for corpus in corpora]
    results = code_knowledge(quantizers, chosen, corpora, folder, aligner)
    results.run["command"] = command_line()
    write_codes(parsed.out, results)
    print(f"Results: {parsed.out.resolve()}")


def main() -> None:
    parsed = parse_arguments()
    try:
        with terminated_like_ctrl_c():
            run(parsed)
    except (ValueError, RuntimeError, OSError) as error:
        if not isinstance(error, ValueError) and not is_for_users(error, ("probe", "pretrain")):
            raise
        sys.exit(f"code_knowledge: {error}")
    except KeyboardInterrupt:
        print(
            "code_knowledge: stopped. Codes computed so far are kept; the same command goes on.",
            file=sys.stderr,
        )
        sys.exit(STOPPED)


if __name__ == "__main__":
    main()
