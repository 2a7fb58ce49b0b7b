"""The training loop. It knows no mode: an objective gives sums, the loop does the rest."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any

import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from pretrain.config.settings import RunSettings
from pretrain.data.batch import Batch
from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.data.loader import ShardReader, make_loader, make_plan
from pretrain.data.sampler import Shard, UpdatePlan
from pretrain.engine.checkpoint import (
    REMEDY,
    CheckpointError,
    list_checkpoints,
    load_checkpoint,
    save_checkpoint,
)
from pretrain.engine.health import HealthMonitor
from pretrain.engine.interrupts import StopRequest
from pretrain.engine.optimizer import learning_rate, make_optimizer, set_rate
from pretrain.engine.outlook import MIN_UPDATES, Pace, advice, in_for, measure_shard_seconds
from pretrain.engine.read_outs.held_out import FILE, FOLDER, HeldOut
from pretrain.engine.run_folder import RunFolder
from pretrain.engine.state import TrainState, generator_state, restore_generators
from pretrain.engine.tracking import ProgressBar
from pretrain.engine.update import UpdateLeft, UpdateResult, any_process, compute_update
from pretrain.objectives.objective import Objective


class Trainer:
    """Trains one objective in one run folder."""

    def __init__(
        self,
        settings: RunSettings,
        objective: Objective,
        table: pd.DataFrame,
        folder: RunFolder,
        accelerator: Accelerator,
        small_config: str,
        held_out: HeldOut | None = None,
    ) -> None:
        """`small_config` is the configuration to name where this one is too large; `held_out` is
        read out now and then."""
        assert isinstance(objective, nn.Module)
        assert settings.run.training.precision != "auto", "it is settled before there is a folder"
        self._settings = settings.run
        self._name = settings.name
        self._objective = objective
        self._folder = folder
        self._accelerator = accelerator
        self._small_config = small_config
        self._held_out = held_out
        self._pace = Pace()
        self._is_slow = False
        self._reader = ShardReader(
            table,
            self._settings.data,
            self._settings.mask,
            self._settings.seed,
            objective.encoder.settings.normalize_epsilon,
        )
        self._plan = make_plan(table, self._settings.data, self._settings.seed)
        self._model = accelerator.prepare_model(objective)
        self.state = TrainState(
            objective=objective,
            optimizer=make_optimizer(objective, self._settings.optimizer),
            health=HealthMonitor(objective.collapse_rules, self._settings.health),
        )

    def resume(self) -> None:
        """Continues from the newest checkpoint, if there is one."""
        checkpoints = list_checkpoints(self._folder.checkpoints)
        values: dict[str, Any] = {}
        if checkpoints:
            tensors, values = load_checkpoint(checkpoints[-1])
            try:
                self.state.load(tensors, values, self._accelerator.process_index)
            except (ValueError, RuntimeError) as error:
                raise CheckpointError(
                    f"{checkpoints[-1]}: does not fit this run: {error} {REMEDY}"
                ) from error
        if self._accelerator.is_main_process:
            lost = self.state.metrics.restore(
                self._folder.metrics_file, self.state.progress.update, values.get("metrics") or {}
            )
            if lost:
                self._accelerator.print(f"WARNING: {lost}", flush=True)

    def run(self) -> bool:
        """Trains to the end; returns False when a signal ended the run early, with a checkpoint."""
        training, data = self._settings.training, self._settings.data
        first, last = self.state.progress.update, training.updates
        process, num_processes = self._accelerator.process_index, self._accelerator.num_processes
        shards_of_process = list(range(process, data.num_shards, num_processes))
        shards = _shards(self._plan, first, last, shards_of_process)
        loader: Iterator[Batch] = iter(make_loader(self._reader, shards, data.num_workers))
        is_main = self._accelerator.is_main_process
        bar = ProgressBar(self._name, first, last, visible=is_main)
        request = StopRequest(bar.say if is_main else None, self._work)
        with closing(bar), request:
            if last - first >= MIN_UPDATES:
                loader = self._look_ahead(loader, len(shards_of_process), request, bar)
                if any_process(request.signal is not None, self._accelerator):
                    self._save()
                    return False
            for update in range(first, last):
                batches = islice(loader, len(shards_of_process))
                generators = generator_state() if self._is_slow else {}
                try:
                    stop = self._update(update, batches, len(shards_of_process), request, bar)
                except UpdateLeft:
                    restore_generators(generators)
                    self._save()
                    return False
                is_last = update == last - 1
                self._read_out(update + 1, is_last=is_last)
                if stop or is_last or (update + 1) % training.checkpoint_every == 0:
                    self._save()
                if stop and not is_last:
                    return False
        self._require_sound()
        return True

    def _look_ahead(
        self, loader: Iterator[Batch], num_shards: int, request: StopRequest, bar: ProgressBar
    ) -> Iterator[Batch]:
        """Measures some shards and says what the run is in for; returns the same `loader`."""
        done, total = self.state.progress.update, self._settings.training.updates
        seconds, loader = measure_shard_seconds(
            self._model,
            loader,
            done / total,
            self._accelerator,
            self._settings.training.precision == "bf16",
            lambda: request.signal is not None,
        )
        if seconds:
            self._pace.seconds = seconds * num_shards
            bar.say(in_for(done, total, self._pace.seconds))
            num_parameters = sum(p.numel() for p in self._objective.encoder.parameters())
            if text := advice(num_parameters, self._accelerator.device, self._small_config):
                bar.say(text)
        self._is_slow = any_process(self._pace.is_slow, self._accelerator)
        bar.start_clock()
        return loader

    def _work(self, leaves: bool) -> str:
        """Returns what is still done after a signal, for `StopRequest`."""
        return self._pace.leaving() if leaves and self._is_slow else self._pace.finishing()

    def _require_sound(self) -> None:
        """Raises `TrainingHalted` when what was trained is no model."""
        parameters = self.state.objective.parameters()
        self.state.health.check_end(
            self.state.progress.update,
            self.state.progress.skipped_updates,
            all(bool(parameter.isfinite().all()) for parameter in parameters),
        )

    def _update(
        self,
        update: int,
        batches: Iterator[Batch],
        num_batches: int,
        request: StopRequest,
        bar: ProgressBar,
    ) -> bool:
        """Does one update; returns whether some process was asked to stop. Raises `UpdateLeft` when
        it was slow and left for a signal."""
        self._pace.begin()
        progress = update / self._settings.training.updates
        self.state.optimizer.zero_grad(set_to_none=True)
        num_processes = self._accelerator.num_processes
        result = compute_update(
            self._model,
            batches,
            num_batches,
            progress,
            self._accelerator,
            self._settings.training.precision == "bf16",
            lambda: request.signal is not None,
            lambda: request.leaves,
            self._settings.data.num_shards // num_processes if self._is_slow else 0,
            self._pace.is_slow,
        )
        self._is_slow = result.is_slow
        rate = self._step(update, result, progress)
        state = self.state.progress
        seconds = self._pace.end()
        state.update = update + 1
        state.audio_samples += result.audio_samples
        state.train_seconds += seconds
        state.chain(result.samples_digest, result.masks_digest)
        for meaning in self.state.health.observe(update, progress, result.metrics):
            bar.warn(f"{self._name}, update {update}: {meaning}")
        hours_per_hour = result.audio_samples / SAMPLE_RATE_HZ / seconds
        self._log(update, progress, rate, result, hours_per_hour)
        own_metric = self._objective.bar_metric
        bar.show(
            {
                "loss": result.loss,
                own_metric: result.metrics[own_metric],
                "audio h/h": hours_per_hour,
            }
        )
        return result.stop

    def _step(self, update: int, result: UpdateResult, progress: float) -> float:
        """Applies the gradient unless it is not finite; returns the learning rate."""
        settings = self._settings.optimizer
        rate = learning_rate(update, self._settings.training.updates, settings)
        set_rate(self.state.optimizer, rate)
        if not self.state.health.observe_step(update, (result.loss, result.gradient_norm)):
            self.state.progress.skipped_updates += 1
            return rate
        norm = torch.tensor(result.gradient_norm, device=self._accelerator.device)
        nn.utils.clip_grads_with_norm_(
            self.state.objective.parameters(), settings.max_gradient_norm, norm
        )
        self.state.optimizer.step()
        self._objective.after_update(progress)
        return rate

    def _log(
        self, update: int, progress: float, rate: float, result: UpdateResult, hours_per_hour: float
    ) -> None:
        every = self._settings.training.log_every
        is_last = update == self._settings.training.updates - 1
        if not self._accelerator.is_main_process or (update % every and not is_last):
            return
        record = {
            "update": update,
            "progress": progress,
            "loss": result.loss,
            "learning_rate": rate,
            "gradient_norm": result.gradient_norm,
            "masked_frames": result.num_targets,
            "audio_hours_per_hour": hours_per_hour,
            **result.metrics,
        }
        self.state.metrics.append(self._folder.metrics_file, record)
        if self._settings.training.tracker != "none":
            self._accelerator.log(record, step=update)

    def _read_out(self, done: int, *, is_last: bool) -> None:
        """Measures the held-out utterances when it is time to."""
        if self._held_out is None or (done % self._held_out.every and not is_last):
            return
        training = self._settings.training
        files = [self._folder.path / FOLDER / f"{done:08d}.csv"]
        self._held_out.measure(
            self._objective,
            self._accelerator,
            (done - 1) / training.updates,
            training.precision == "bf16",
            [*files, self._folder.path / FILE] if is_last else files,
        )

    def _save(self) -> None:
        """Writes a checkpoint on the main process while the others wait."""
        generators = gather_object([generator_state()])
        if self._accelerator.is_main_process:
            save_checkpoint(
                self._folder.checkpoints,
                self.state.progress.update,
                self.state.tensors(generators),
                self.state.values(),
                keep=self._settings.training.keep_checkpoints,
            )
            self.state.metrics.saved()
        self._accelerator.wait_for_everyone()


def _shards(plan: UpdatePlan, first: int, last: int, wanted: list[int]) -> Iterator[Shard]:
    for shards in plan.updates(first, last):
        for index in wanted:
            yield shards[index]
