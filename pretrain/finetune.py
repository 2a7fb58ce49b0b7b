"""Fine-tunes a pre-trained encoder on transcripts with CTC; writes down the dev part greedily.

accelerate launch pretrain/finetune.py --encoder runs/real/rows/quantized-g4v8 \\
    --corpus speechocean762=/data/speechocean762 --out runs/tec
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pretrain.config.command_line import SettingsRequest, add_settings_arguments
from pretrain.shared.command_line import DONE, STOPPED, Parser, is_first_process, run_main

EPILOG = """\
The corpus needs transcripts (in a manifest, a column `text`). What is decoded at the end is its
dev split, or else held-out speakers of the training part; the test split is not touched unless
--evaluate-on test asks for it. Settings are merged in this order: configs/finetune/default.toml (or
the first --config), further --config files, --set, --corpus, --encoder, --from. Every key is
described in pretrain/config/finetune.py and pretrain/objectives/ctc.py.
"""


@dataclass(frozen=True, kw_only=True)
class FinetuneRequest(SettingsRequest):
    """What the command line asks for."""

    encoder: Path | None
    """Run folder of the pre-training, where the settings do not say it."""

    start: Literal["pretrained", "initial", "random"] | None
    """Weights to begin with, where the settings do not say it."""

    out: Path | None
    """Run folder; one named after the settings if None."""

    evaluate_on: Literal["dev", "test"]


def parse(arguments: Sequence[str]) -> FinetuneRequest:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = Parser(
        prog="pretrain/finetune.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--encoder", type=Path, metavar="RUN", help="run folder of a finished pre-training"
    )
    parser.add_argument(
        "--from",
        dest="start",
        choices=("pretrained", "initial", "random"),
        help="weights to begin with: pretrained (default), initial (those that the pre-training "
        "began with) or random (drawn anew)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="run folder (default: runs/finetune-HASH)"
    )
    parser.add_argument(
        "--evaluate-on",
        choices=("dev", "test"),
        default="dev",
        help="test: decodes the test split too, now or of a run that has finished",
    )
    add_settings_arguments(
        parser,
        default_config="configs/finetune/default.toml",
        corpus="what to fine-tune on, with transcripts: NAME=manifest.csv with a column `text`, "
        "librispeech=PATH or synthetic",
    )
    return FinetuneRequest(**vars(parser.parse_args(arguments)))


def run(request: FinetuneRequest) -> int:
    """Trains and decodes, and returns the exit status."""
    # Heavy imports come after the command line is known to be right.
    from pretrain.config.finetune import DEFAULT_CONFIG, ResolvedFinetune, resolve_finetune
    from pretrain.engine.launch import end_processes
    from pretrain.engine.run_folder import RunFolder
    from pretrain.recognition.finetune_run import evaluate_on_test, finetune, settle_finetuning
    from pretrain.shared.paths import runs_folder

    tree = request.tree(DEFAULT_CONFIG)
    if request.encoder is not None:
        tree.put("encoder", str(request.encoder), f"--encoder {request.encoder}")
    if request.start is not None:
        tree.put("start", request.start, f"--from {request.start}")

    def folder_of(settings: ResolvedFinetune) -> Path:
        return Path(request.out or runs_folder() / f"finetune-{settings.hash[:8]}")

    settings = settle_finetuning(resolve_finetune(tree), folder_of)
    path = folder_of(settings)
    finished = finetune(settings, path, resume=request.may_continue)
    end_processes()
    if not finished:
        return STOPPED
    if is_first_process():
        if request.evaluate_on == "test":
            evaluate_on_test(path, settings.run)
        description = RunFolder(path).description()
        assert description is not None
        print(f"dev: {in_words(description)}")
        if "test" in description:
            print(f"test: {in_words(description['test'])}")
    return DONE


def in_words(scores: dict[str, object]) -> str:
    """Returns the error rates in percent beside those of the best constant answers."""
    return (
        f"CER {scores['cer']:.1%}, WER {scores['wer']:.1%}; best constants "
        f"{scores['constant']!r} CER {scores['constant_cer']:.1%}, "
        f"{scores['constant_words']!r} WER {scores['constant_wer']:.1%}"
    )


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return run_main(lambda: run(parse(arguments)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
