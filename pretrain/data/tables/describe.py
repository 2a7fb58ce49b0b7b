"""A line that says what a corpus holds."""

import pandas as pd

from pretrain.data.tables.utterances import LABEL_COLUMNS


def hours_of(frame: pd.DataFrame) -> float:
    """Returns the summed length of an utterance table in hours."""
    return float((frame["frames"] / frame["sample_rate"]).sum() / 3600)


def describe(frame: pd.DataFrame) -> str:
    """Returns utterances, hours, speakers, sessions and emotions of a table in one line."""
    parts = [
        _counted(len(frame), "utterance"),
        f"{hours_of(frame):.2f} hours",
        _counted(_num_known(frame["speaker"]), "speaker"),
        _counted(_num_known(frame["session"]), "session"),
    ]
    emotions = frame.loc[frame["emotion"] != "", "emotion"].value_counts().sort_index()
    if len(emotions):
        counts = ", ".join(f"{name} {count}" for name, count in emotions.items())
        parts.append(f"{_counted(len(emotions), 'emotion')} ({counts})")
    else:
        parts.append("no emotion labels")
    rated = [name for name in LABEL_COLUMNS if frame[name].notna().any()]
    if rated:
        parts.append(f"rated for {', '.join(rated)}")
    return f"{' + '.join(sorted(set(frame['source'])))}: {', '.join(parts)}"


def _num_known(values: pd.Series) -> int:
    return int(values[values != ""].nunique())


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
