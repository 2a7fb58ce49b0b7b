"""Fine-tunes a pre-trained encoder on transcripts with CTC; writes down the dev part greedily.

accelerate launch pretrain/finetune.py --encoder runs/real/rows/quantized-g4v8 \\
    --corpus speechocean762=/data/speechocean762 --out runs/tec
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pretrain.shared.command_line import (
    STOPPED,
    add_settings_arguments,
    is_first_process,
    run_for_users,
)

EPILOG = """\
The corpus needs transcripts (in a manifest, a column `text`). What is decoded at the end is its
dev split, or else held-out speakers of the training part; the test split is not touched unless
--evaluate-on test asks for it. Settings are merged in this order: configs/finetune/default.toml (or
the first --config), further --config files, --set, --corpus, --encoder, --from. Every key is
described in pretrain/config/finetune.py and pretrain/objectives/ctc.py.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
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
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    # Heavy imports come after the command line is known to be right.
    from pretrain.config.files import read_tree
    from pretrain.config.finetune import DEFAULT_CONFIG, ResolvedFinetune, resolve_finetune
    from pretrain.engine.launch import end_processes
    from pretrain.engine.run_folder import RunFolder
    from pretrain.recognition.finetune_run import evaluate_on_test, finetune, settle_finetuning
    from pretrain.shared.paths import runs_folder

    tree = read_tree(
        options.config or [DEFAULT_CONFIG], options.set, options.corpus, options.columns
    )
    if options.encoder is not None:
        tree.put("encoder", str(options.encoder), f"--encoder {options.encoder}")
    if options.start is not None:
        tree.put("start", options.start, f"--from {options.start}")

    def folder_of(settings: ResolvedFinetune) -> Path:
        return Path(options.out or runs_folder() / f"finetune-{settings.hash[:8]}")

    settings = settle_finetuning(resolve_finetune(tree), folder_of)
    path = folder_of(settings)
    finished = finetune(settings, path, resume=options.resume == "auto")
    end_processes()
    if not finished:
        return STOPPED
    if is_first_process():
        if options.evaluate_on == "test":
            evaluate_on_test(path, settings.run)
        description = RunFolder(path).description()
        assert description is not None
        print(f"dev: {in_words(description)}")
        if "test" in description:
            print(f"test: {in_words(description['test'])}")
    return 0


def in_words(scores: dict[str, object]) -> str:
    """Returns the error rates in percent beside those of the best constant answers."""
    return (
        f"CER {scores['cer']:.1%}, WER {scores['wer']:.1%}; best constants "
        f"{scores['constant']!r} CER {scores['constant_cer']:.1%}, "
        f"{scores['constant_words']!r} WER {scores['constant_wer']:.1%}"
    )


if __name__ == "__main__":
    sys.exit(run_for_users(main))
