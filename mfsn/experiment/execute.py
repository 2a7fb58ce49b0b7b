"""Runs a command of MFSN: alone, or as several processes that share its tasks."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from accelerate import PartialState

from mfsn.command_line import WORKER, FusionRequest
from mfsn.experiment.compute_task import compute_task
from mfsn.experiment.evaluation import evaluate_saved, prepare_evaluation
from mfsn.experiment.experiment import Experiment
from mfsn.experiment.precision import check_precision, matmul_precision_in
from mfsn.experiment.prepare import Place, prepare
from mfsn.experiment.results import read_run
from mfsn.experiment.tasks import FusionTask, run_workers, speaks_for_all, work
from pretrain.engine.arithmetic.kept_precision import say_at_once
from pretrain.engine.arithmetic.processor_tuning import tune_machine
from pretrain.engine.launch import end_processes, prepare_environment, use_all_cores_if_alone
from pretrain.shared.processes.workers import WorkerError, refuse_jobs_of_a_launcher
from probe.corpora.options import specs_of


def execute(request: FusionRequest, arguments: Sequence[str]) -> None:
    """Computes all tasks of a command that no other process works on.

    Raises:
        ValueError: Something that the user has to correct.
        LaunchError: A launcher did not start what it was told to start.
        KeyboardInterrupt: A signal came; finished tasks stay.
    """
    prepare_environment()
    refuse_jobs_of_a_launcher(request.jobs, os.environ)
    wants_cpu = os.environ.get("ACCELERATE_USE_CPU") == "true"
    state = PartialState(cpu=wants_cpu or not torch.cuda.is_available())
    try:
        use_all_cores_if_alone(state.device, state.num_processes)
        place = Place(device=state.device, num_processes=max(state.num_processes, request.jobs))
        _execute(request, arguments, place)
    finally:
        end_processes()


def _execute(request: FusionRequest, arguments: Sequence[str], place: Place) -> None:
    # As exact as the other, but not equal to the bit: a run that is continued keeps its own.
    tune_machine(path=matmul_precision_in(request.out))
    (corpus,) = specs_of([request.corpus], request.columns)
    request = replace(request, corpus=corpus)
    with contextlib.ExitStack() as quiet:
        if not speaks_for_all(os.environ):
            nowhere = quiet.enter_context(open(os.devnull, "w"))
            quiet.enter_context(contextlib.redirect_stdout(nowhere))
        prepare_it = prepare_evaluation if request.action == "evaluate" else prepare
        experiment, tasks, folder, is_finished = prepare_it(request, place)
    if is_finished:
        print(f"Already finished with these settings: {request.out.resolve()}", flush=True)
        return
    with folder.at_work():
        if request.action != "evaluate":
            check_precision(experiment.settings, place.device)
        _work(request, arguments, place, experiment, tasks)
        is_merged = folder.finish(experiment.variants, experiment.corpus)
    if WORKER in os.environ:
        return
    if is_merged:
        run = read_run(request.out)
        done, there = len(run["folds"]), len(run.get("protocol_folds", run["folds"]))
        share = f" of {done} of {there} folds" if done < there else ""
        print(f"Results{share}: {request.out.resolve()}", flush=True)
    else:
        print(
            "Other processes work on what is left; the last of them writes the results.", flush=True
        )


def _work(
    request: FusionRequest,
    arguments: Sequence[str],
    place: Place,
    experiment: Experiment,
    tasks: Sequence[FusionTask],
) -> None:
    """Computes what is left, here or in processes of their own."""
    num_before = sum(task.is_finished for task in tasks)
    if num_before and WORKER not in os.environ:
        print(f"{num_before} of {len(tasks)} tasks were finished before.", flush=True)
    if request.jobs > 1:
        # Here, with all cores at once; the workers then map what is kept.
        for variant in experiment.variants.values():
            experiment.data_of(variant)
        num_gpus = torch.cuda.device_count() if place.device.type == "cuda" else 0
        try:
            run_workers(arguments, request.jobs, num_gpus)
        except WorkerError:
            if not all(task.is_finished for task in tasks):
                raise
            print("A process failed, but all tasks are finished: others did its work.", flush=True)
    else:
        one = evaluate_saved if request.action == "evaluate" else compute_task
        work(tasks, partial(one, experiment=experiment), say_at_once)
