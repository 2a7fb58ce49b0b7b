"""Was a probe corpus heard in pre-training? By audio hash, and by fingerprint for changed copies.

A frozen encoder that has heard the test recordings is not tested on unheard ones. Nothing is left
out here: what is found is counted, printed and kept in run.json, and the report marks the rows.
Not specified by the paper, whose corpora are others than those of its pre-training.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.data.tables.utterances import TableError, load_table, table_hash
from pretrain.shared.json_files import JsonError, changed_files
from pretrain.shared.run_record import find_record
from probe.contamination.near_duplicates import near_duplicates
from probe.rows.comparable import EncoderRun

FOLDER = "fingerprints"
"""In the folder of features."""

NUM_EXAMPLES = 10

PRETRAINING = "pre-training"
CTC = "CTC fine-tuning"


@dataclass(kw_only=True)
class Heard:
    """An audio corpus that encoders were trained on."""

    name: str
    """Of the corpus; `unknown` when no list of its utterances exists."""

    stage: str
    """PRETRAINING or CTC."""

    table: pd.DataFrame | None
    """Its utterance table."""

    rows: list[list[Any]] = field(default_factory=list)
    """Names of the rows that were trained on it, each with its seed."""

    reason: str = ""
    """Why there is no table."""


def heard_by(encoders: Iterable[tuple[str, int | None, Path]]) -> list[Heard]:
    """Returns what encoders (name, seed, run folder) were trained on, each corpus once.

    A CTC-fine-tuned encoder was trained on two corpora: all utterances that its run lists count,
    those it only chose or tested its recognizer on too.
    """
    found: dict[tuple[str, str], Heard] = {}
    for name, seed, folder in encoders:
        for source, stage in _stages(folder):
            heard = _read(source, stage)
            key = table_hash(heard.table) if heard.table is not None else heard.reason
            found.setdefault((stage, key), heard).rows.append([name, seed])
    return list(found.values())


def contamination(
    corpus: str,
    table: pd.DataFrame,
    heard: Sequence[Heard],
    folder: Path,
    *,
    fingerprints: bool = True,
) -> list[dict[str, Any]]:
    """Compares a probe corpus with what the encoders have heard, and prints what was found.

    Fingerprints are kept in a folder in that of the features; without `fingerprints` only equal
    audio hashes are looked for, no changed copies.

    Returns the entries of `contamination` in run.json. `by_hash` and `near_duplicates` count
    utterances of the probe corpus (an utterance counts once) and are None where nothing is known;
    `checked_by` says how in words, and of how many it could not be.
    """
    entries = []
    for training in heard:
        entry: dict[str, Any] = {
            "corpus": corpus,
            "pretrained_on": training.name,
            "stage": training.stage,
            "rows": training.rows,
            "num_utterances": len(table),
            **_compared(table, training, folder / FOLDER, fingerprints),
        }
        print(say(entry), flush=True)
        entries.append(entry)
    return entries


def check_rows(
    corpora: Sequence[tuple[str, pd.DataFrame]],
    runs: Sequence[EncoderRun],
    folder: Path,
    *,
    fingerprints: bool = True,
) -> list[dict[str, Any]]:
    """Returns the entries of all probe corpora (name, table) and the rows of a table."""
    heard = heard_by((run.name, run.seed, run.folder) for run in runs if run.folder is not None)
    return [
        entry
        for name, table in corpora
        for entry in contamination(name, table, heard, folder, fingerprints=fingerprints)
    ]


def say(entry: dict[str, Any]) -> str:
    """Returns an entry as a sentence; a finding begins with WARNING."""
    rows = ", ".join(f"{name} (seed {seed})" if seed is not None else name
                     for name, seed in entry["rows"])  # fmt: skip
    where = f"{entry['corpus']} against the {entry['stage']} on {entry['pretrained_on']}"
    if entry["by_hash"] is None:
        return f"Contamination, {where}: unknown ({entry['checked_by']}); rows {rows}."
    near = entry["near_duplicates"] or 0
    total = entry["by_hash"] + near
    if not total:
        return f"Contamination, {where}: none found, checked by {entry['checked_by']}."
    first = entry["examples"][0]
    return (
        f"WARNING: contamination, {where}: {total} of {entry['num_utterances']} utterances were "
        f"heard in training ({entry['by_hash']} the same recording, {near} a changed copy; "
        f"the first is {first['ours']}, there {first['theirs']}). Checked by "
        f"{entry['checked_by']}. The scores of these rows are not those of unheard speech: {rows}."
    )


def _compared(
    table: pd.DataFrame, training: Heard, folder: Path, fingerprints: bool
) -> dict[str, Any]:
    if training.table is None:
        nothing = dict.fromkeys(("by_hash", "near_duplicates"))
        return {**nothing, "examples": [], "checked_by": training.reason}
    known = dict(zip(training.table["audio_hash"], training.table["id"], strict=True))
    same: list[dict[str, Any]] = [
        {"ours": name, "theirs": known[audio_hash], "by": "audio hash"}
        for name, audio_hash in zip(table["id"], table["audio_hash"], strict=True)
        if audio_hash in known
    ]
    left = table[~table["audio_hash"].isin(set(known))]
    near: int | None = None
    changed: list[dict[str, Any]] = []
    if not fingerprints:
        checked_by = "audio hash only, as was asked for"
    elif left.empty:
        near, checked_by = 0, "audio hash, which knows all of them"
    else:
        found, of_ours, of_theirs = near_duplicates(left, training.table, folder)
        ours, theirs = str(table["source"].iloc[0]), training.name
        if ours == theirs:
            ours, theirs = f"the tested {ours}", f"the {theirs} heard in training"
        missing = ", ".join([*of_ours.missing(ours), *of_theirs.missing(theirs)])
        if found is None:
            checked_by = f"audio hash only: no fingerprint of {missing}"
        else:
            near, changed = len(found), found
            checked_by = "audio hash and fingerprint"
            checked_by += f" (by hash only: {missing})" if missing else ""
    return {
        "by_hash": len(same),
        "near_duplicates": near,
        "examples": [*same[: NUM_EXAMPLES // 2 if changed else None], *changed][:NUM_EXAMPLES],
        "checked_by": checked_by,
    }


def _stages(folder: Path) -> list[tuple[Path | None, str]]:
    """Returns the run folders whose corpora an encoder was trained on, each with its stage.

    None stands for a folder that the run does not tell.
    """
    try:
        run = find_record(folder)
    except JsonError:  # damaged: it may be of a run that began with another's
        return [(folder, PRETRAINING), (None, PRETRAINING)]
    if run.get("kind") != "finetune":
        return [(folder, PRETRAINING)]
    start = str((run.get("encoder") or {}).get("folder") or "")
    before: list[tuple[Path | None, str]] = [(None, PRETRAINING)]
    if run.get("start") == "random":
        before = []
    elif start and Path(start).resolve() != folder.resolve():
        before = _stages(Path(start))
    if run.get("start") == "initial":  # the weights with which the other run began
        before = before[1:]
    return [(folder, CTC), *before]


def _read(folder: Path | None, stage: str) -> Heard:
    if folder is None:
        reason = "the run does not say from which encoder's folder it started"
        return Heard(name="unknown", stage=stage, table=None, reason=reason)
    file = folder / "utterances.csv"
    table, reason = None, "no list of what the encoder was trained on"
    try:
        changed = changed_files(folder, find_record(folder), only=(file.name,))
    except JsonError:
        changed = []
    if changed:
        reason = f"{file} was changed since the encoder was trained"
    elif file.is_file():
        try:
            table = load_table(file)
        except TableError as error:
            reason = str(error)
    name = "+".join(dict.fromkeys(table["source"])) if table is not None else "unknown"
    return Heard(name=name, stage=stage, table=table, reason=reason)
