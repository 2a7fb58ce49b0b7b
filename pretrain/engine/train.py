"""The training loop. It knows no mode: an objective gives sums, the loop does the rest."""

import time
from collections.abc import Iterator
from itertools import islice

import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from pretrain.data.batch import Batch
from pretrain.data.loader import ShardReader, make_loader, make_plan
from pretrain.data.sampler import Shard, UpdatePlan
from pretrain.engine.checkpoint import list_checkpoints, load_checkpoint, save_checkpoint
from pretrain.engine.health import HealthMonitor
from pretrain.engine.interrupts import StopRequest
from pretrain.engine.optimizer import learning_rate, make_optimizer, set_rate
from pretrain.engine.run_folder import RunFolder
from pretrain.engine.state import TrainState, generator_state
from pretrain.engine.tracking import ProgressBar, append_metrics, drop_metrics_from
from pretrain.engine.update import UpdateResult, compute_update
from pretrain.model.encoder_settings import SAMPLE_RATE_HZ
from pretrain.objectives.objective import Objective
from pretrain.settings import RunSettings


class Trainer:
    """Trains one objective in one run folder."""

    def __init__(
        self,
        settings: RunSettings,
        objective: Objective,
        table: pd.DataFrame,
        folder: RunFolder,
        accelerator: Accelerator,
    ) -> None:
        assert isinstance(objective, nn.Module)
        assert settings.run.training.precision != "auto", "it is settled before there is a folder"
        self._settings = settings.run
        self._name = settings.name
        self._objective = objective
        self._folder = folder
        self._accelerator = accelerator
        self._reader = ShardReader(
            table, self._settings.data, self._settings.mask, self._settings.seed
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
        if checkpoints:
            tensors, values = load_checkpoint(checkpoints[-1])
            self.state.load(tensors, values, self._accelerator.process_index)
        if self._accelerator.is_main_process:
            drop_metrics_from(self._folder.metrics_file, self.state.progress.update)

    def run(self) -> bool:
        """Trains to the end; returns False when a signal ended the run early, with a checkpoint."""
        training = self._settings.training
        first, last = self.state.progress.update, training.updates
        shards_of_process = list(
            range(
                self._accelerator.process_index,
                self._settings.data.num_shards,
                self._accelerator.num_processes,
            )
        )
        shards = _shards(self._plan, first, last, shards_of_process)
        loader = iter(make_loader(self._reader, shards, self._settings.data.num_workers))
        bar = ProgressBar(self._name, first, last, visible=self._accelerator.is_main_process)
        with StopRequest() as request:
            for update in range(first, last):
                batches = islice(loader, len(shards_of_process))
                stop = self._update(update, batches, len(shards_of_process), request, bar)
                is_last = update == last - 1
                if stop or is_last or (update + 1) % training.checkpoint_every == 0:
                    self._save()
                if stop and not is_last:
                    bar.close()
                    return False
        bar.close()
        return True

    def _update(
        self,
        update: int,
        batches: Iterator[Batch],
        num_batches: int,
        request: StopRequest,
        bar: ProgressBar,
    ) -> bool:
        """Does one update; returns whether some process was asked to stop."""
        started = time.perf_counter()
        progress = update / self._settings.training.updates
        self.state.optimizer.zero_grad(set_to_none=True)
        result = compute_update(
            self._model,
            batches,
            num_batches,
            progress,
            self._accelerator,
            self._settings.training.precision == "bf16",
            lambda: request.signal is not None,
        )
        rate = self._step(update, result, progress)
        state = self.state.progress
        seconds = time.perf_counter() - started
        state.update = update + 1
        state.audio_samples += result.audio_samples
        state.train_seconds += seconds
        state.chain(result.samples_digest, result.masks_digest)
        for meaning in self.state.health.observe(update, progress, result.metrics):
            bar.warn(f"{self._name}, update {update}: {meaning}")
        hours_per_hour = result.audio_samples / SAMPLE_RATE_HZ / seconds
        self._log(update, progress, rate, result, hours_per_hour)
        own_metric = self._objective.collapse_rules[0].metric
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
        append_metrics(self._folder.metrics_file, record)
        if self._settings.training.tracker != "none":
            self._accelerator.log(record, step=update)

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
        self._accelerator.wait_for_everyone()


def _shards(plan: UpdatePlan, first: int, last: int, wanted: list[int]) -> Iterator[Shard]:
    for shards in plan.updates(first, last):
        for index in wanted:
            yield shards[index]
