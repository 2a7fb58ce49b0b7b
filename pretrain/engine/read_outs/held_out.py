"""Reads out what an encoder knows of utterances that it was not trained on, at fixed masks.

The same for every objective: its own loss and `explained`, and what can be read off the states of
the last layer at masked frames. Nothing of the training is changed by it: no gradient, no draw.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from pretrain.data.batch import Batch
from pretrain.data.held_out import HeldOutSettings, list_hash
from pretrain.data.loader import DataSettings, ShardReader
from pretrain.data.masking import MaskSettings
from pretrain.data.sampler import Shard
from pretrain.data.tables.delimited import read_csv, write_csv
from pretrain.engine.read_outs.linear_read_out import read_off
from pretrain.objectives.frames.codebook import corpus_codebook, log_mel_space
from pretrain.objectives.frames.logmel import LogMel
from pretrain.objectives.objective import Objective, ObjectiveOutput

NUM_CENTROIDS = 64
"""Of the question which centroid is nearest."""

FILE = "held_out.csv"
"""In the run folder: the read-out of the finished encoder."""

FOLDER = "held_out"
"""In the run folder: a read-out for each update at which there was one."""

NUMBERS = ["masked_frames", "loss", "explained", "logmel_error", "logmel_power", "nearest_right"]
"""Columns beside `id` and `speaker`: sums over the masked frames of an utterance, but for the means
`loss` and `explained`."""


class HeldOut:
    """The held-out utterances of a run."""

    def __init__(
        self,
        held_out: pd.DataFrame,
        trained_on: pd.DataFrame,
        settings: HeldOutSettings,
        data: DataSettings,
        mask: MaskSettings,
        seed: int,
        epsilon: float,
    ) -> None:
        """`held_out` from `pretrain.data.held_out`, `trained_on` the utterances of the corpus that
        are trained on, with whose mean, deviation and centroids frames are read off; `epsilon` of
        the encoder, see `EncoderSettings.normalize_epsilon`."""
        self.every = settings.every
        self._table = held_out
        # Crops and masks are the same at every seed.
        self._reader = ShardReader(held_out, data, mask, seed=0, epsilon=epsilon)
        space = replace(log_mel_space(), epsilon=epsilon)
        self._codebook = corpus_codebook(trained_on, seed, NUM_CENTROIDS, space)
        self._log_mel = LogMel()
        names = held_out["speaker"].where(held_out["speaker"] != "", held_out["id"])
        self._speakers = pd.factorize(names, sort=True)[0]

    def measure(
        self,
        objective: Objective,
        accelerator: Accelerator,
        progress: float,
        bf16: bool,
        files: Sequence[Path],
    ) -> None:
        """Writes a row per utterance, from the main process, while the others wait."""
        device = accelerator.device
        if accelerator.is_main_process:
            assert isinstance(objective, nn.Module)
            objective.eval()
            with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                table = self._measured(objective, progress, device)
            objective.train()
            for file in files:
                file.parent.mkdir(exist_ok=True)
                write_csv(table, file)
        accelerator.wait_for_everyone()

    def _measured(
        self, objective: Objective, progress: float, device: torch.device
    ) -> pd.DataFrame:
        outputs: list[ObjectiveOutput] = []
        states: list[npt.NDArray[np.float64]] = []
        frames: list[npt.NDArray[np.float64]] = []
        for row in range(len(self._table)):
            batch = self._reader[Shard(update=0, shard=0, rows=(row,), first_slot=row)]
            frames.append(self._frames(batch))
            batch = batch.to(device)
            outputs.append(objective(batch, progress))
            states.append(_masked_states(objective, batch).double().cpu().numpy())
        counts = [len(one) for one in states]
        found = read_off(
            np.concatenate(states),
            np.concatenate(frames),
            self._codebook.centroids.double().numpy(),
            np.repeat(self._speakers, counts),
        )
        first_frames = np.cumsum([0, *counts])[:-1]
        return pd.DataFrame(
            {
                "id": self._table["id"].to_numpy(),
                "speaker": self._table["speaker"].to_numpy(),
                "masked_frames": counts,
                "loss": [float(one.loss_sum / one.num_targets) for one in outputs],
                "explained": [float(one.metrics["explained"]) for one in outputs],
                "logmel_error": np.add.reduceat(found.errors, first_frames),
                "logmel_power": np.add.reduceat(found.powers, first_frames),
                "nearest_right": np.add.reduceat(found.hits.astype(int), first_frames),
            }
        )

    def _frames(self, batch: Batch) -> npt.NDArray[np.float64]:
        """Returns (N, 80) the masked frames, standardised over the corpus."""
        bands = (self._log_mel(batch.waveforms) - self._codebook.mean) / self._codebook.std
        return np.asarray(bands[batch.mask].double().numpy(), dtype=np.float64)

    def describe(self, path: Path) -> dict[str, object]:
        """Returns what run.json says of it: who is held out, and the read-outs by update.

        Args:
            path: The run folder.
        """
        files = sorted((path / FOLDER).glob("*.csv"))
        return {
            "hash": list_hash(self._table),
            "utterances": len(self._table),
            "speakers": int(self._table["speaker"].nunique()),
            "most_frequent_centroid": float(self._codebook.shares.max()),
            "read_outs": [{"update": int(file.stem), **summary(read_csv(file))} for file in files],
        }


def summary(table: pd.DataFrame) -> dict[str, float]:
    """Returns the values of all masked frames together."""
    table = table[NUMBERS].astype(float)
    frames, power = table["masked_frames"], table["logmel_power"].sum()
    total = frames.sum()
    return {
        "loss": float((table["loss"] * frames).sum() / total),
        "explained": float((table["explained"] * frames).sum() / total),
        "r2_logmel": float(1 - table["logmel_error"].sum() / power),
        "nearest_64": float(table["nearest_right"].sum() / total),
    }


def _masked_states(objective: Objective, batch: Batch) -> Tensor:
    """Returns (N, C) states of the last layer at the masked frames."""
    encoder = objective.encoder
    features = encoder.features(batch.waveforms, batch.num_samples)
    context = encoder.context(encoder.masked(features.projected, batch.mask), features.valid)
    states: Tensor = context.layers[-1][batch.mask]
    return states.float()
