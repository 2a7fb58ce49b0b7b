"""Whether encoders can be loaded, before minutes of computing."""

from collections.abc import Iterable

from pretrain.model.weights import read_weights
from probe.rows.comparable import BASELINE, EncoderRun


def check_weights(runs: Iterable[EncoderRun]) -> None:
    """Reads the weights of rows and baselines, each once; nothing is kept.

    Raises:
        WeightsError: A file is missing, damaged, or not what its run says.
    """
    files = [(run.folder, run.group == BASELINE) for run in runs if run.folder is not None]
    for folder, is_initial in dict.fromkeys(files):
        read_weights(folder, initial=is_initial)
