"""Probes frozen encoders on emotion corpora: `python probe/run.py --help`."""

import sys
from collections.abc import Sequence

from pretrain.shared.command_line import run_main
from probe.command_line import ProbeRequest, parse_arguments


def run(request: ProbeRequest) -> None:
    """Probes and writes the results folder."""
    from pretrain.model.kinds.places import encoder_place
    from probe.heads.settings import make_head
    from probe.results import (
        can_reuse,
        check_nothing_lost,
        check_out_folder,
        inputs_in,
        read_results,
        write_results,
    )
    from probe.rows.baselines import keys_of, with_baselines
    from probe.rows.comparable import make_table, read_encoder_run

    # All that can be wrong with the command is found before minutes of computing.
    check_out_folder(request.out)
    head = make_head(request.head, request.set)
    keys_of(request.baseline, head)
    runs = make_table(
        [read_encoder_run(encoder_place(text)) for text in request.encoder],
        seeds=request.seed,
        allow_uncontrolled=request.allow_uncontrolled,
    )

    from pretrain.engine.arithmetic.processor_tuning import keep_freed_memory
    from pretrain.engine.provenance import command_line
    from pretrain.model.kinds.registry import RUN
    from pretrain.model.weights import encoder_settings_in
    from pretrain.shared.paths import runs_folder
    from probe.corpora.options import specs_of
    from probe.rows.all_rows import check_corpora, inputs_of, probe, read_corpus
    from probe.rows.check_weights import check_weights
    from probe.rows.precision import choose_for_probe, precision_of_inputs, say_precision
    from probe.rows.text_table import text_tables

    specs = specs_of(request.corpus, request.columns, incomplete=request.allow_incomplete)
    # Curves by layer need layers, which not every head tells apart.
    attributes = request.attributes and head.kind.tells_layers_apart
    corpora = [read_corpus(spec, request.protocol, with_attributes=attributes) for spec in specs]
    check_corpora(corpora)
    ours = (run.folder for run in runs if run.folder is not None and run.kind == RUN)
    encoder = next(map(encoder_settings_in, ours), None)
    there = precision_of_inputs(inputs_in(request.out))
    choice = choose_for_probe(request.precision, there, encoder)
    bf16, fingerprints = choice.precision == "bf16", request.fingerprints
    asked = (head, request.baseline)
    inputs = inputs_of(
        runs, corpora, request.protocol, *asked, bf16=bf16, fingerprints=fingerprints
    )
    if can_reuse(request.out, inputs):
        print(text_tables(read_results(request.out)))
        print("\nAlready there, from the same encoders and corpora.")
        return
    check_nothing_lost(request.out, inputs)
    check_weights(with_baselines(runs, *asked))
    say_precision(choice, encoder)
    keep_freed_memory()  # a quarter of the time of features goes into faulting it in again
    features_folder = request.features or runs_folder() / "features"
    results = probe(
        runs, corpora, request.protocol, features_folder, head=head, acoustic=request.baseline,
        bf16=bf16, fingerprints=fingerprints,
    )  # fmt: skip
    results.run.update(
        command=command_line(),
        packages=inputs["packages"],
        git=inputs["git"],
        features_folder=str(features_folder),
    )
    write_results(request.out, results)
    # Read back: the table is that of the files.
    print(text_tables(read_results(request.out)))


def _run_and_say(request: ProbeRequest) -> None:
    run(request)
    print(f"\nResults: {request.out.resolve()}")
    print(f"A page: python reports/run.py --runs {request.out} --out {request.out}-report")


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return run_main(
        lambda: _run_and_say(parse_arguments(arguments)),
        goes_on="features computed so far are kept, and the same command goes on.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
