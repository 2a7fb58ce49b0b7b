"""Runs a registered study of fusion: the ablation with every head, seed by seed.

Every head has a run folder of its own in --out, that of `mfsn/run.py ablate` with its settings, and
the folder `study` has what came out so far.
"""

from collections.abc import Sequence

from mfsn.command_line import FusionRequest, parse
from mfsn.experiment.execute import execute
from mfsn.study.results import write_study
from mfsn.study.study_columns import STUDY
from mfsn.study.study_file import FusionStudy
from pretrain.shared.errors import CommandLineError
from pretrain.shared.paths import PROJECT
from probe.study.study_file import read_registered, register


def run_study(request: FusionRequest) -> None:
    """Computes what is missing and writes the study's folder after every seed.

    Raises:
        InputError: The file has changed since there are results, or names another corpus.
    """
    assert request.study is not None, "study needs --study"
    study = read_registered(request.study, FusionStudy)
    name = request.corpus.partition("=")[0].partition(":")[0].partition("[")[0]
    if name != study.testing.corpus:
        raise CommandLineError(
            f"--corpus must be {study.testing.corpus}, as the study says, but is {name} instead."
        )
    folder = request.out / STUDY
    register(study, request.study, folder, "--out")
    for place, seed in enumerate(study.networks.seeds):
        seeds = study.networks.seeds[: place + 1]
        runs: dict[str, FusionRequest] = {}
        for head in study.networks.heads:
            print(f"== seed {seed}, head {head}", flush=True)
            arguments = ablation(study, request, head, seeds)
            runs[head] = parse(arguments)
            execute(runs[head], arguments)
        write_study(folder, study, runs)
        print(f"Study: {folder.resolve()}", flush=True)
    print(f"Report:\n  python reports/run.py --runs '{folder.resolve()}' --out DIR")


def ablation(
    study: FusionStudy, request: FusionRequest, head: str, seeds: Sequence[int]
) -> list[str]:
    """Returns the command that trains every network with one head."""
    said = ["ablate", "--out", str(request.out / head), "--corpus", request.corpus]
    said += ["--protocol", study.testing.protocol, "--jobs", str(request.jobs)]
    said += [] if request.fingerprints else ["--no-fingerprints"]
    said += ["--columns", request.columns] if request.columns else []
    for role, folder in request.encoders.items():
        said += [f"--{role}", str(folder)]
    for option, values in (
        ("--fold", study.testing.folds),
        ("--seed", [str(seed) for seed in seeds]),
        ("--config", [str(PROJECT / name) for name in study.training.config]),
        ("--set", [*study.training.set, f"head.pooling={head}"]),
    ):
        for value in values:
            said += [option, value]
    return said
