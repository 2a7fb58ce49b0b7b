"""Probes frozen encoders on emotion corpora: `python probe/run.py --help`."""

import argparse
import sys

from probe.command_line import parse_arguments


def run(parsed: argparse.Namespace) -> None:
    """Probes and writes the results folder."""
    from probe.encoders import make_table, read_encoder_run
    from probe.heads.settings import LINEAR, make_head
    from probe.results import can_reuse, check_out_folder, write_results

    # All that can be wrong with the command is found before minutes of computing.
    check_out_folder(parsed.out)
    head = make_head(parsed.head, parsed.set)
    runs = make_table(
        [read_encoder_run(folder) for folder in parsed.encoder],
        seeds=parsed.seed,
        allow_uncontrolled=parsed.allow_uncontrolled,
    )

    from pretrain.data.places import runs_folder
    from pretrain.engine.machine import keep_freed_memory
    from pretrain.engine.provenance import command_line
    from probe.corpora.options import allow_incomplete
    from probe.grid import check_names, inputs_of, probe, read_corpus

    specs = [allow_incomplete(s) if parsed.allow_incomplete else s for s in parsed.corpus]
    # Curves by layer need layers, which only the linear head tells apart.
    attributes = parsed.attributes and head.name == LINEAR
    corpora = [read_corpus(spec, parsed.protocol, with_attributes=attributes) for spec in specs]
    check_names(corpora)
    how = {"bf16": parsed.bf16, "fingerprints": parsed.fingerprints}
    inputs = inputs_of(runs, corpora, parsed.protocol, head, **how)
    if can_reuse(parsed.out, inputs):
        print(f"Already there, from the same encoders, corpora and code: {parsed.out.resolve()}")
        return
    keep_freed_memory()  # a quarter of the time of features goes into faulting it in again
    features_folder = parsed.features or runs_folder() / "features"
    results = probe(runs, corpora, parsed.protocol, features_folder, head=head, **how)
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
