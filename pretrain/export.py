"""Writes the encoder of a run for other tools: a Wav2Vec2 model in the format of transformers.

python pretrain/export.py runs/mine/rows/continuous-k4-seed0 --to transformers exported/k4
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrain.shared.command_line import DONE, Parser, run_main

EPILOG = """\
`transformers.AutoModel.from_pretrained(DIR)` then gives the encoder, and its feature extractor the
sound that it expects; a run of pretrain/finetune.py becomes a Wav2Vec2ForCTC with its tokenizer.
What the encoder was trained for, on what, and its hashes stand in config.json and in the model
card (README.md), so that the probe and MFSN read them from DIR, too.
"""

FORMATS = ("transformers", "fairseq2")


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What the command line asks for."""

    run: Path
    to: str
    out: Path
    initial: bool


def parse(arguments: Sequence[str]) -> ExportRequest:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = Parser(
        prog="pretrain/export.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder of a finished run")
    parser.add_argument(
        "--to",
        choices=FORMATS,
        default=FORMATS[0],
        help="the format (default: transformers; fairseq2's cannot hold these encoders)",
    )
    parser.add_argument("--initial", action="store_true", help="the weights from before training")
    parser.add_argument(
        "out", type=Path, metavar="DIR", help="folder to write: new, empty or an earlier export"
    )
    return ExportRequest(**vars(parser.parse_args(arguments)))


def run(request: ExportRequest) -> int:
    """Writes the folder and returns the exit status."""
    # Heavy imports come after the command line is known to be right.
    from pretrain.exports.run_as_transformers import export

    export(request.run, request.out, to=request.to, initial=request.initial)
    print(f"Exported: {request.out.resolve()}")
    print(f"Probe it:\n  python probe/run.py --encoder {request.out} --corpus ... --out DIR")
    return DONE


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return run_main(lambda: run(parse(arguments)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
