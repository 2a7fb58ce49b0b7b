"""Pre-training as a run: every usable utterance of a corpus, an encoder from its seed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.config.settings import ResolvedSettings
from pretrain.data.held_out import held_out_utterances, without_held_out
from pretrain.data.loader import usable_utterances
from pretrain.engine.arithmetic.kept_precision import settle
from pretrain.engine.arithmetic.precision import AUTO, Widths
from pretrain.engine.launch import agreed
from pretrain.engine.read_outs.held_out import HeldOut
from pretrain.engine.run_in_folder import run_in_folder
from pretrain.model.encoder import build_encoder
from pretrain.objectives import objective_kind
from pretrain.objectives.objective import Objective


def pretrain(settings: ResolvedSettings, path: Path, *, resume: bool) -> bool:
    """Trains the run of `settings` in the folder `path`, or continues or reuses what is there.

    Returns False when a signal ended it early; the same command then continues it.
    """
    if settings.run.training.precision == AUTO:
        (settings,) = settle_pretraining([settings], lambda _: path)
    return run_in_folder(settings, Pretraining(settings), path, resume=resume)


def settle_pretraining(
    rows: Sequence[ResolvedSettings],
    folder_of: Callable[[ResolvedSettings], Path],
    *,
    table: Path | None = None,
) -> list[ResolvedSettings]:
    """Returns the settings with the precision that `auto` stands for, the same on all processes;
    see `pretrain.engine.arithmetic.kept_precision.settle`."""
    return agreed(
        lambda device: settle(rows, folder_of, lambda: widths_of(rows[0]), device, table=table)
    )


def widths_of(settings: ResolvedSettings) -> Widths:
    """Returns the sizes of a run's largest matrix products."""
    return Widths.of(settings.run.encoder, settings.run.data.shard_seconds)


class Pretraining:
    """The recipe of a pre-training run, see `Recipe`."""

    kind = "pretrain"
    small_config = "configs/size/small.toml"

    def __init__(self, settings: ResolvedSettings) -> None:
        self._settings = settings

    def widths(self) -> Widths:
        return widths_of(self._settings)

    def select(self, table: pd.DataFrame) -> pd.DataFrame:
        usable = usable_utterances(table, self._settings.run.data)
        return without_held_out(usable, self._settings.run.held_out)

    def held_out(self, table: pd.DataFrame) -> HeldOut | None:
        run = self._settings.run
        if not run.held_out.speakers:
            return None
        found = held_out_utterances(usable_utterances(table, run.data), run.held_out)
        return HeldOut(
            found,
            self.select(table),
            run.held_out,
            run.data,
            run.mask,
            run.seed,
            run.encoder.normalize_epsilon,
        )

    def build(self, utterances: pd.DataFrame) -> Objective:
        run = self._settings.run
        encoder = build_encoder(run.encoder, run.seed)
        return objective_kind(run.mode).build(
            encoder, self._settings.objective, run.seed, utterances
        )

    def describe(self) -> dict[str, Any]:
        objective = self._settings.objective
        return {
            "mode": self._settings.run.mode,
            "row": objective.row(),
            "presentation": objective.presentation().model_dump(mode="json"),
        }

    def finish(self, objective: Objective, folder: Path) -> dict[str, Any]:
        return {}
