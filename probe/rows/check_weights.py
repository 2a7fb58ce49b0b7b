"""Whether encoders can be loaded, before minutes of computing."""

from collections.abc import Iterable

from pretrain.model.kinds.registry import find_kind
from probe.rows.comparable import BASELINE, EncoderRun


def check_weights(runs: Iterable[EncoderRun]) -> None:
    """Loads the encoders of rows and baselines, each once; nothing is kept.

    Raises:
        ValueError: A file is missing, damaged, or not what its run says.
    """
    files = [(run.folder, run.group == BASELINE) for run in runs if run.folder is not None]
    for folder, is_initial in dict.fromkeys(files):
        find_kind(folder)[1].load(folder, initial=is_initial)
