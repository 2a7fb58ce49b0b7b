"""Pre-training as a run: every usable utterance of a corpus, an encoder from its seed."""

from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.data.loader import usable_utterances
from pretrain.engine.run_in_folder import run_in_folder
from pretrain.model.encoder import build_encoder
from pretrain.objectives import OBJECTIVES
from pretrain.objectives.objective import Objective
from pretrain.settings import ResolvedSettings


def pretrain(settings: ResolvedSettings, path: Path, *, resume: bool) -> bool:
    """Trains the run of `settings` in the folder `path`, or continues or reuses what is there.

    Returns False when a signal ended it early; the same command then continues it.
    """
    return run_in_folder(settings, Pretraining(settings), path, resume=resume)


class Pretraining:
    """The recipe of a pre-training run, see `Recipe`."""

    kind = "pretrain"
    small_config = "configs/size/small.toml"

    def __init__(self, settings: ResolvedSettings) -> None:
        self._settings = settings

    def select(self, table: pd.DataFrame) -> pd.DataFrame:
        return usable_utterances(table, self._settings.run.data)

    def build(self, utterances: pd.DataFrame) -> Objective:
        run = self._settings.run
        encoder = build_encoder(run.encoder, run.seed)
        return OBJECTIVES[run.mode].build(encoder, self._settings.objective, run.seed)

    def describe(self) -> dict[str, Any]:
        return {"mode": self._settings.run.mode, "row": self._settings.objective.row()}

    def finish(self, objective: Objective, folder: Path) -> dict[str, Any]:
        return {}
