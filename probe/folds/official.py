"""Folds that others published: the corpus's own parts, and dev parts where they publish none."""

from collections.abc import Collection

import pandas as pd

from pretrain.recognition.transcribed import PART_NAMES, part_of
from pretrain.shared.random_streams import generator
from probe.folds.protocols import OFFICIAL, SplitError

DEV_SHARE = 0.1
"""Share of a training part that becomes its dev part, as near as whole groups allow. Not specified
by the paper."""


def official_folds(table: pd.DataFrame) -> pd.DataFrame:
    """Returns one fold, `official`, of the parts that the column `split` tells: fold, id, part. The
    dev part may be missing, see `with_dev`.

    Raises:
        SplitError: A split is empty or tells no part, or nothing is trained on or tested.
    """
    parts = table["split"].map(part_of)
    if (parts == "").any():
        first = table[parts == ""].iloc[0]
        words = "; ".join(f"{part}: {', '.join(names)}" for part, names in PART_NAMES.items())
        raise SplitError(
            f"Protocol `{OFFICIAL}` needs the split of every utterance, but "
            f"{int((parts == '').sum())} of {len(table)} tell no part (the first is "
            f"{first['id']!r} with split {first['split']!r}). Fill the column `split` of the "
            f"manifest with a name that begins with one of these words ({words}), or choose "
            "another protocol."
        )
    if lacking := [part for part in ("train", "test") if part not in set(parts)]:
        raise SplitError(
            f"Protocol `{OFFICIAL}` needs utterances whose split is {lacking[0]}, but there are "
            f"{', '.join(sorted(set(table['split'])))} only. Choose another protocol."
        )
    return pd.DataFrame({"fold": OFFICIAL, "id": table["id"], "part": parts})


def with_dev(
    table: pd.DataFrame, folds: pd.DataFrame, protocol: str, published: Collection[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Moves whole speakers (or else sessions) from train to dev in every fold without a dev part.

    Which ones is drawn by a fixed seed: about a tenth of the training part, at least the smallest
    group. Those who are tested, too, are taken only when there are no others.

    Args:
        table: Utterances, each recording once.
        folds: fold, id, part.
        protocol: Seeds the draw.
        published: Folds for which a dev part is published; it may have lost all its utterances.

    Returns the folds, and one sentence per fold that got a dev part. Raises `SplitError` when a
    training part has no two such groups.
    """
    notes = []
    frames = []
    groups = table.set_index("id")[["speaker", "session"]]
    for fold, frame in folds.groupby("fold"):
        if not (frame["part"] == "dev").any():
            joined = frame.join(groups, on="id")
            column = _grouping(joined, str(fold))
            tested = set(joined[column][joined["part"] == "test"])
            train = joined[joined["part"] == "train"]
            chosen = _chosen(train[column], tested, protocol, str(fold))
            moved = (frame["part"] == "train") & joined[column].isin(chosen)
            frame = frame.assign(part=frame["part"].mask(moved, "dev"))
            also = " (tested, too)" if tested & set(chosen) else ""
            lost = "the published dev part held only copies of other recordings, now left out"
            why = lost if fold in published else "no dev part is published"
            notes.append(
                f"fold {fold}: {why}; {column} {', '.join(chosen)}{also} of "
                f"the training part, {int(moved.sum())} utterances, takes its place."
            )
        frames.append(frame)
    return pd.concat(frames, ignore_index=True), notes


def _grouping(joined: pd.DataFrame, fold: str) -> str:
    train = joined[joined["part"] == "train"]
    for column in ("speaker", "session"):
        if (train[column] != "").all() and train[column].nunique() > 1:
            return column
    raise SplitError(
        f"Fold {fold} has no dev part, and none can be taken from its training part: that needs "
        "two speakers or two sessions, and the name of every utterance's. Fill the column "
        "`speaker` of the manifest."
    )


def _chosen(names: pd.Series, tested: set[str], protocol: str, fold: str) -> list[str]:
    """Returns the groups to take away, at least one and never all."""
    sizes = names.value_counts()
    groups = sorted(set(sizes.index) - tested) or sorted(sizes.index)
    generator("splits", protocol, "dev", fold).shuffle(groups)
    chosen: list[str] = []
    left = DEV_SHARE * len(names)
    for group in groups:
        if sizes[group] / 2 <= left:  # nearer to a tenth with it than without it
            chosen.append(group)
            left -= sizes[group]
    return sorted(chosen) or [min(groups, key=lambda group: int(sizes[group]))]
