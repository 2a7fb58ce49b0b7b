"""A corpus under a protocol: which utterances, in which parts of which folds, and what they share.

Copies of a recording leave one. Under published parts (`official`, `emobox`) it is the tested one
that stays, and the copy on the training side goes. A test then lacks only what was published as
tested twice, and a note says so.
"""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from pretrain.recognition.transcribed import PART_NAMES, part_of
from pretrain.shared.json_files import hash_of
from pretrain.shared.random_streams import generator
from probe.corpora.published import shown
from probe.folds.emobox import emobox_folds
from probe.folds.leaks import Overlap, check_folds, drop_duplicates
from probe.folds.protocols import (
    EMOBOX,
    LEAVE_OUT,
    OFFICIAL,
    RANDOM,
    SplitError,
    make_folds,
    parse_protocol,
    protocol_label,
)

PART_RANKS = {"test": 0, "dev": 1, "train": 2}
"""Of several copies, the one in the first of these parts stays."""

DEV_SHARE = 0.1
"""Share of a training part that becomes its dev part, as near as whole groups allow. Not specified
by the paper."""


@dataclass(frozen=True, kw_only=True)
class Divided:
    """Utterances and their folds, checked for leaks."""

    table: pd.DataFrame
    """The utterances that are in the folds, each recording once, sorted by id."""

    folds: pd.DataFrame
    """fold, id, part"""

    overlap: Overlap
    notes: list[str]
    """What was left out, what was made up, and what weakens the test; sentences."""


def divide(table: pd.DataFrame, protocol: str) -> Divided:
    """Makes the folds of a protocol, as `parse_protocol` reads it, and checks them.

    The order of the table's rows does not matter.

    Raises:
        SplitError: The protocol is unknown, the corpus does not allow it, or a leak remains.
    """
    chosen = parse_protocol(protocol)
    table = table.sort_values("id", kind="stable").reset_index(drop=True)
    if chosen.name in LEAVE_OUT:
        table, notes = drop_duplicates(table)
        folds = make_folds(table, chosen.name)
    else:
        if chosen.name == EMOBOX:
            assert chosen.folder is not None
            folds, notes = emobox_folds(table, chosen.folder)
        else:
            folds, notes = _official_folds(table), []
        table = table[table["id"].isin(set(folds["id"]))]
        ranks = folds["part"].map(PART_RANKS).groupby(folds["id"]).min()
        with_published_dev = set(folds["fold"][folds["part"] == "dev"])
        table, report = drop_duplicates(table, ranks)
        tested = ranks.index[ranks == PART_RANKS["test"]]
        if lost := sorted(set(tested) - set(table["id"])):
            report.append(
                f"{len(lost)} of {len(tested)} utterances that are published as tested are copies "
                f"of other tested ones and left out ({shown(lost)}): scores compare nearly, not "
                "exactly, with published ones."
            )
        folds = folds[folds["id"].isin(set(table["id"]))].reset_index(drop=True)
        folds, made_up = _with_dev(table, folds, chosen.name, with_published_dev)
        notes += [*report, *made_up]
    overlap = check_folds(table, folds, chosen.name)
    notes += _weaknesses(table, folds, chosen.name)
    return Divided(table=table, folds=folds, overlap=overlap, notes=notes)


def folds_hash(folds: pd.DataFrame) -> str:
    """Returns a hash of who is in which part of which fold, in any order of rows."""
    rows = folds[["fold", "id", "part"]].astype(str).sort_values(["fold", "id"])
    return hash_of(rows.to_numpy().tolist())


def _official_folds(table: pd.DataFrame) -> pd.DataFrame:
    """Returns one fold, `official`, of the parts that the column `split` tells; it may lack a dev
    part, see `_with_dev`."""
    parts = table["split"].map(part_of)
    if (parts == "").any():
        first = table[parts == ""].iloc[0]
        words = "; ".join(f"{part}: {', '.join(names)}" for part, names in PART_NAMES.items())
        raise SplitError(
            f"Protocol `{OFFICIAL}` needs the split of every utterance, but "
            f"{int((parts == '').sum())} of {len(table)} tell no part (the first is "
            f"{first['id']!r} with split {first['split']!r}). Fill the column `split` of the "
            f"manifest with a name that begins with one of these words ({words}), name the column "
            "that tells it (--columns split=COLUMN), or choose another protocol."
        )
    if lacking := [part for part in ("train", "test") if part not in set(parts)]:
        raise SplitError(
            f"Protocol `{OFFICIAL}` needs utterances whose split is {lacking[0]}, but there are "
            f"{', '.join(sorted(set(table['split'])))} only. Choose another protocol."
        )
    return pd.DataFrame({"fold": OFFICIAL, "id": table["id"], "part": parts})


def _with_dev(
    table: pd.DataFrame, folds: pd.DataFrame, protocol: str, published: Collection[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Moves whole speakers (or else sessions) from train to dev in every fold without a dev part.

    Which ones is drawn by a fixed seed: about a tenth of the training part, at least the smallest
    group. Those who are tested, too, are taken only when there are no others. Of the folds
    `published` a dev part is published; it may have lost all its utterances.

    Returns the folds, and one sentence per fold that got a dev part.
    """
    notes = []
    frames = []
    groups = table.set_index("id")[["speaker", "session"]]
    for fold, frame in folds.groupby("fold"):
        if not (frame["part"] == "dev").any():
            joined = frame.join(groups, on="id")
            column = _column_for_dev(joined, str(fold))
            tested = set(joined[column][joined["part"] == "test"])
            train = joined[joined["part"] == "train"]
            chosen = _groups_for_dev(train[column], tested, protocol, str(fold))
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


def _column_for_dev(joined: pd.DataFrame, fold: str) -> str:
    train = joined[joined["part"] == "train"]
    for column in ("speaker", "session"):
        if (train[column] != "").all() and train[column].nunique() > 1:
            return column
    raise SplitError(
        f"Fold {fold} has no dev part, and none can be taken from its training part: that needs "
        "two speakers or two sessions, and the name of every utterance's. Fill the column "
        "`speaker` of the manifest, or name the column that tells it (--columns speaker=COLUMN)."
    )


def _groups_for_dev(names: pd.Series, tested: set[str], protocol: str, fold: str) -> list[str]:
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


def _weaknesses(table: pd.DataFrame, folds: pd.DataFrame, protocol: str) -> list[str]:
    """Returns what a reader of the scores has to know of these folds."""
    if protocol == RANDOM:
        return [
            f"protocol {protocol_label(protocol)}: the speakers of the test part are trained on "
            "too. Never compare these scores with those of unheard speakers."
        ]
    notes = []
    speakers = folds.merge(table.loc[table["speaker"] != "", ["id", "speaker"]], on="id")
    is_test = speakers["part"] == "test"
    tested = speakers.loc[is_test, ["fold", "speaker"]].drop_duplicates()
    known = tested.merge(speakers[~is_test], on=["fold", "speaker"])["speaker"].nunique()
    if known:
        notes.append(
            f"WARNING: protocol {protocol}, speaker-dependent as published: {known} of "
            f"{tested['speaker'].nunique()} tested speakers are in the training or dev part of a "
            "fold that tests them, too. Never compare these scores with those of unheard speakers."
        )
    if nameless := int((table["speaker"] == "").sum()):
        notes.append(
            f"{nameless} of {len(table)} utterances have no speaker: whether such a speaker is in "
            "two parts cannot be checked."
        )
    return notes
