"""Probes frozen encoders on emotion corpora: `python probe/run.py --help`."""

import argparse
import sys

from pretrain.shared.command_line import STOPPED, is_for_users
from pretrain.shared.stopping import terminated_like_ctrl_c
from probe.command_line import parse_arguments


def run(parsed: argparse.Namespace) -> None:
    """Probes and writes the results folder."""
    from probe.heads.settings import make_head
    from probe.results import can_reuse, check_out_folder, inputs_in, read_results, write_results
    from probe.rows.comparable import make_table, read_encoder_run

    # All that can be wrong with the command is found before minutes of computing.
    check_out_folder(parsed.out)
    head = make_head(parsed.head, parsed.set)
    runs = make_table(
        [read_encoder_run(folder) for folder in parsed.encoder],
        seeds=parsed.seed,
        allow_uncontrolled=parsed.allow_uncontrolled,
    )

    from pretrain.engine.processor_tuning import keep_freed_memory
    from pretrain.engine.provenance import command_line
    from pretrain.model.kinds.registry import RUN
    from pretrain.model.weights import encoder_settings_in
    from pretrain.shared.paths import runs_folder
    from probe.corpora.options import specs_of
    from probe.rows.all_rows import check_corpora, inputs_of, probe, read_corpus, with_baselines
    from probe.rows.check_weights import check_weights
    from probe.rows.precision import choose_for_probe, precision_of_inputs, say_precision
    from probe.rows.text_table import text_tables

    specs = specs_of(parsed.corpus, parsed.columns, incomplete=parsed.allow_incomplete)
    # Curves by layer need layers, which not every head tells apart.
    attributes = parsed.attributes and head.kind.tells_layers_apart
    corpora = [read_corpus(spec, parsed.protocol, with_attributes=attributes) for spec in specs]
    check_corpora(corpora)
    ours = (run.folder for run in runs if run.folder is not None and run.kind == RUN)
    encoder = next(map(encoder_settings_in, ours), None)
    there = precision_of_inputs(inputs_in(parsed.out))
    choice = choose_for_probe(parsed.precision, there, encoder)
    how = {"bf16": choice.precision == "bf16", "fingerprints": parsed.fingerprints}
    inputs = inputs_of(runs, corpora, parsed.protocol, head, **how)
    if can_reuse(parsed.out, inputs):
        print(text_tables(read_results(parsed.out)))
        print(f"\nAlready there, from the same encoders and corpora: {parsed.out.resolve()}")
        return
    check_weights(with_baselines(runs, head))
    say_precision(choice, encoder)
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
    # Read back: the table is that of the files.
    print(text_tables(read_results(parsed.out)))
    print(f"\nResults: {parsed.out.resolve()}")


def main() -> None:
    parsed = parse_arguments()
    try:
        with terminated_like_ctrl_c():
            run(parsed)
    except (ValueError, RuntimeError, OSError) as error:
        if not isinstance(error, ValueError) and not is_for_users(error, ("probe", "pretrain")):
            raise
        sys.exit(f"probe: {error}")
    except KeyboardInterrupt:
        print(
            "probe: stopped. Features computed so far are kept; the same command goes on.",
            file=sys.stderr,
        )
        sys.exit(STOPPED)


if __name__ == "__main__":
    main()
