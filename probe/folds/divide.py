"""A corpus under a protocol: which utterances, in which parts of which folds, and what they share.

Copies of a recording leave one. Under published parts (`official`, `emobox`) it is the tested one
that stays, and the copy on the training side goes. A test then lacks only what was published as
tested twice, and a note says so.
"""

from dataclasses import dataclass

import pandas as pd

from pretrain.shared.json_files import hash_of
from probe.corpora.published import shown
from probe.folds.emobox import emobox_folds
from probe.folds.leaks import Overlap, check_folds, drop_duplicates
from probe.folds.official import official_folds, with_dev
from probe.folds.protocols import (
    EMOBOX,
    LEAVE_OUT,
    RANDOM,
    make_folds,
    parse_protocol,
    protocol_label,
)

PART_RANKS = {"test": 0, "dev": 1, "train": 2}
"""Of several copies, the one in the first of these parts stays."""


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
            folds, notes = official_folds(table), []
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
        folds, made_up = with_dev(table, folds, chosen.name, with_published_dev)
        notes += [*report, *made_up]
    overlap = check_folds(table, folds, chosen.name)
    notes += _weaknesses(table, folds, chosen.name)
    return Divided(table=table, folds=folds, overlap=overlap, notes=notes)


def folds_hash(folds: pd.DataFrame) -> str:
    """Returns a hash of who is in which part of which fold, in any order of rows."""
    rows = folds[["fold", "id", "part"]].astype(str).sort_values(["fold", "id"])
    return hash_of(rows.to_numpy().tolist())


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
