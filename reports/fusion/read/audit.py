"""Looks for leaks and unequal tests in what the run folders say of themselves."""

import pandas as pd

from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import DEV, MfsnRun
from reports.read.fairness import Check, UnfairComparisonError

HELD_OUT = {"speaker": "speaker", "session": "session"}
"""Protocol -> what a test fold shares with no training part."""


def audit(grid: MfsnGrid) -> list[Check]:
    """Returns what was found in order, for the page.

    :raises UnfairComparisonError: An utterance, or the speaker or session that the protocol holds
        out, is in two parts of a fold.
    """
    found = []
    for run in grid.runs:
        if not run.tables["folds"].empty:
            found += _folds(run)
    tested = {
        variant.name: frame[["seed", "fold", "id", "target"]]
        for variant in grid.variants
        if not (frame := grid.predictions(variant.name, DEV)).empty
    }
    if len(tested) > 1:
        sets = [set(map(tuple, frame[["fold", "id"]].to_numpy())) for frame in tested.values()]
        if all(one == sets[0] for one in sets):
            found.append(
                Check(
                    title="Same test utterances and folds for all networks",
                    evidence=f"{grid.title}: {len(sets[0]):,} in {len(tested)} networks",
                )
            )
    return list(dict.fromkeys(found))


def _folds(run: MfsnRun) -> list[Check]:
    folds = run.tables["folds"]
    _refuse(run, folds, "id")
    found = [
        Check(
            title="No test utterance in the training or dev part of its fold",
            evidence=f"{run.folder.name}: {folds['fold'].nunique()} folds",
        )
    ]
    held_out = HELD_OUT.get(run.protocol, "speaker")
    utterances = run.tables["utterances"]
    if utterances.empty or held_out not in utterances:
        return found
    owner = utterances.drop_duplicates("id").set_index("id")[held_out]
    owned = folds.copy()
    owned[held_out] = folds["id"].map(owner)
    owned = owned.dropna(subset=[held_out])
    if run.protocol not in HELD_OUT:
        shared = len(_in_two_parts(owned, held_out))
        title = "Speaker-dependent by its protocol: this is no test of new speakers"
        return [*found, Check(title=title, evidence=run.folder.name)] if shared else found
    _refuse(run, owned, held_out)
    title = f"No {held_out} of a test fold in its training or dev part"
    evidence = f"{run.folder.name}: {owned[held_out].nunique()} {held_out}s"
    return [*found, Check(title=title, evidence=evidence)]


def _in_two_parts(folds: pd.DataFrame, column: str) -> pd.DataFrame:
    """Returns the test entries whose id, speaker or session is in another part, too."""
    parts = folds.drop_duplicates(["fold", column, "part"])
    twice = parts[parts.duplicated(["fold", column], keep=False)]
    return twice[twice["part"] == "test"]


def _refuse(run: MfsnRun, folds: pd.DataFrame, column: str) -> None:
    leaks = _in_two_parts(folds, column)
    if len(leaks):
        raise UnfairComparisonError(
            f"A {'test utterance' if column == 'id' else column} must be in one part of its fold "
            f"only, but in {run.folder} {len(leaks)} are in two instead (first: "
            f"{leaks[column].iloc[0]}, fold {leaks['fold'].iloc[0]}). Run it again with folds of "
            "probe/folds/protocols.py."
        )
