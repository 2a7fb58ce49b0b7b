"""What frozen encoders know of emotion; in Python: `probe.evaluate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def evaluate(
    encoder: str | Path | Sequence[str | Path],
    table: "pd.DataFrame | str | Path",
    *,
    protocol: str = "speaker",
    head: str = "linear",
    settings: Sequence[str] = (),
    baselines: Sequence[str] = (),
    out: Path | None = None,
) -> "pd.DataFrame":
    """Probes encoders on utterances with emotions, as `probe/run.py` does.

    Args:
        encoder: One or several, as `--encoder` takes them: run folders, or `[NAME=]hf:PLACE`.
        table: Utterances with the columns of a manifest (`path`, `emotion`, `speaker`, ...), a CSV
            file of them, or a spec such as "emodb=/data/emodb".
        protocol: What is left out for testing: speaker, session, official, random10.
        head: What is trained on the frozen encoders.
        settings: Of the head, as `--set`: ["linear.pooling=mean_std"].
        baselines: Acoustic ones beside those that every table has, as `--baseline`: ["mfcc"].
        out: Results folder that is kept, and can be reported on; none by default.

    Returns:
        A line for each row, baseline, seed, layer ("selected" is what dev speakers chose) and
        metric, with its `value`.

    Raises:
        ValueError: Something of it cannot be used; the message says what to do.
    """
    from probe.evaluate_table import evaluate_table

    encoders = [encoder] if isinstance(encoder, str | Path) else list(encoder)
    return evaluate_table(encoders, table, protocol, head, settings, baselines, out)
