"""Probes frozen encoders on emotion corpora: `python probe/run.py --help`."""

import argparse
import sys
from pathlib import Path

from probe.splits import PROTOCOLS

EXAMPLE = """example:
  python probe/run.py --encoder runs/quantized-g2v2 --encoder runs/continuous-k1 \\
      --corpus emodb=/data/emodb --protocol speaker --out runs/probe
"""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = argparse.ArgumentParser(
        description="Fits linear heads on every layer of frozen encoders and tests them on "
        "speakers (or sessions) that they have not heard, beside the constant predictor, log-mel "
        "statistics and the untrained encoder.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--encoder",
        action="extend",
        nargs="+",
        required=True,
        type=Path,
        metavar="DIR",
        help="folders of finished pre-training runs, one per row and seed of the table",
    )
    parser.add_argument(
        "--corpus",
        action="append",
        required=True,
        metavar="NAME=PATH",
        help="emodb=PATH, ravdess=PATH, NAME=manifest.csv or synthetic; may be repeated",
    )
    parser.add_argument(
        "--protocol",
        default="speaker",
        metavar="{" + ",".join(PROTOCOLS) + "}",
        help="left out for testing: a speaker (default), a session, or 1 of 10 (speaker-dependent)",
    )
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
        "--features",
        type=Path,
        metavar="DIR",
        help="where features are kept (default: features beside all generated runs)",
    )
    parser.add_argument("--bf16", action="store_true", help="extract features in bfloat16")
    parsed = parser.parse_args(arguments)
    if parsed.protocol not in PROTOCOLS:
        parser.error(
            f"`--protocol` must be one of {', '.join(PROTOCOLS)}, but is {parsed.protocol!r} "
            "instead."
        )
    return parsed


def run(parsed: argparse.Namespace) -> None:
    """Probes and writes the results folder."""
    from probe.encoders import make_table, read_encoder_run
    from probe.results import can_reuse, check_out_folder, write_results

    # All that can be wrong with the command is found before minutes of computing.
    check_out_folder(parsed.out)
    runs = make_table(
        [read_encoder_run(folder) for folder in parsed.encoder],
        seeds=parsed.seed,
        allow_uncontrolled=parsed.allow_uncontrolled,
    )

    from pretrain.data.places import runs_folder
    from pretrain.engine.provenance import command_line
    from probe.grid import check_names, inputs_of, probe, read_corpus

    corpora = [read_corpus(spec, parsed.protocol) for spec in parsed.corpus]
    check_names(corpora)
    inputs = inputs_of(runs, corpora, parsed.protocol, bf16=parsed.bf16)
    if can_reuse(parsed.out, inputs):
        print(f"Already there, from the same encoders, corpora and code: {parsed.out.resolve()}")
        return
    features_folder = parsed.features or runs_folder() / "features"
    results = probe(runs, corpora, parsed.protocol, features_folder, bf16=parsed.bf16)
    results.run.update(
        command=command_line(),
        packages=inputs["packages"],
        git=inputs["git"],
        features_folder=str(features_folder),
    )
    write_results(parsed.out, results)
    print(f"Results: {parsed.out.resolve()}")


def main() -> None:
    parsed = parse_arguments()
    try:
        run(parsed)
    except ValueError as error:
        sys.exit(f"probe: {error}")
    except KeyboardInterrupt:
        sys.exit("probe: stopped. Features computed so far are kept; the same command goes on.")


if __name__ == "__main__":
    main()
