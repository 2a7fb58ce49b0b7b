"""EmoBox's published folds, so that scores compare with those on its leaderboard.

Ma et al., "EmoBox: Multilingual Multi-corpus Speech Emotion Recognition Toolkit and Benchmark",
Interspeech 2024. Its repository holds one JSON line per utterance in

    data/emodb/fold_1/emodb_train_fold_1.jsonl
    data/emodb/fold_1/emodb_test_fold_1.jsonl
    data/meld/fold_1/meld_valid_fold_1.jsonl    # of few corpora only

    {"key": "emodb-03a02Wb", "wav": "downloads/emodb/wav/03a02Wb.wav", "emo": "anger", ...}

(lists of an older form say `audio` and `label`, and `fold1` in their names). Utterances are matched
by the name of the file in `wav`, with as many folders as make the names unique. Keys are no ids of
ours: they replace underscores. EmoBox's folds of EmoDB share speakers, those of RAVDESS, SAVEE and
IEMOCAP do not.

What still differs: EmoBox averages scores over folds and draws its dev part from the utterances of
the training part; here predictions are pooled, and the dev part is whole speakers.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from pretrain.shared.json_files import parse_object
from pretrain.shared.normalized_text import bare, canonical
from probe.corpora.published import shown
from probe.folds.protocols import EMOBOX, SplitError

EMOBOX_PARTS = {"train": "train", "valid": "dev", "test": "test"}

MAX_UNMATCHED = 0.01
"""Share of EmoBox's utterances that may be missing here, or be here without being listed there.
Such are named; more make another test, which is refused."""

MAX_FOLDERS = 8

Name = tuple[str, ...]
"""Folders and file name without ending."""


def emobox_folds(table: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """Returns EmoBox's folds of this corpus; a fold may lack a dev part.

    Args:
        table: Utterances of one corpus; its `source` is the corpus's name.
        folder: A checkout of EmoBox, its folder `data`, or one corpus's folder there.

    Returns fold (01, 02, ...), id, part; and what does not match, in sentences.

    Raises:
        SplitError: There are no lists for this corpus, one is damaged, or too much does not match.
    """
    source = str(table["source"].iloc[0])
    where = _folder_of(folder, source)
    folds = (path for path in where.glob("fold_*") if re.fullmatch(r"fold_\d+", path.name))
    folds_in_order = sorted(folds, key=lambda path: int(path.name[5:]))
    lines = [line for fold in folds_in_order for line in _lines(fold)]
    listed = pd.DataFrame(lines, columns=["fold", "part", "name", "emotion"])
    ours = {
        _name(id_.removeprefix(f"{source}/")): id_ for id_ in table["id"].astype(str).sort_values()
    }
    theirs = set(listed["name"])
    depth = _depth(theirs, set(ours), where)
    by_tail = {name[-depth:]: id_ for name, id_ in ours.items()}
    listed["id"] = [by_tail.get(name[-depth:], "") for name in listed["name"]]
    missing = sorted("/".join(name) for name in theirs if name[-depth:] not in by_tail)
    found = listed[listed["id"] != ""].reset_index(drop=True)
    notes = _unmatched(table, found, missing, len(theirs), where)
    return found[["fold", "id", "part"]], [*notes, *_other_labels(table, found)]


def _folder_of(folder: Path, source: str) -> Path:
    name = bare(source)
    for place in (folder / "data" / name, folder / name, folder):
        if place.name == name and place.is_dir() and any(place.glob("fold_*")):
            return place
    raise SplitError(
        f"`protocol` {EMOBOX}={folder} must be a checkout of github.com/emo-box/EmoBox or its "
        f"folder `data`, with {name}/fold_1 in it, but has none. The corpus's name decides: read "
        "another copy of a corpus of EmoBox's as NAME=manifest.csv under EmoBox's name."
    )


def _lines(folder: Path) -> list[dict[str, Any]]:
    """Reads the lists of one fold; raises SplitError that names file and line."""
    number = int(folder.name[5:])
    lines: list[dict[str, Any]] = []
    for theirs, part in EMOBOX_PARTS.items():
        # Where both forms are there, they list the same; the newer has the underscore.
        names = [f"{folder.parent.name}_{theirs}_fold{mark}{number}.jsonl" for mark in ("_", "")]
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is None and part != "dev":
            raise SplitError(f"{folder} must hold {names[0]}, but does not.")
        if path is not None:
            lines += [{"fold": f"{number:02d}", "part": part, **line} for line in _read(path)]
    twice = [name for name, n in Counter(line["name"] for line in lines).items() if n > 1]
    if twice:
        raise SplitError(
            f"{folder} must list every file once, but lists {'/'.join(twice[0])} more often (and "
            f"{len(twice) - 1} others). Corpora of many utterances per file are not supported."
        )
    return lines


def _read(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise SplitError(f"{path}: cannot be read ({error.strerror}).") from error
    for place, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {place}"
        try:
            # Lists of others: what is beside the names is not looked at.
            entry = parse_object(line, where, allow_nan=True)
            wav: Any = entry.get("wav", entry.get("audio"))
            name = _name(str(PurePosixPath(wav).with_suffix("")))
        except (ValueError, TypeError) as error:
            raise SplitError(
                f"{where}: must be JSON with the name of a file in `wav`, but is "
                f"{line[:60].decode(errors='replace')!r} instead ({error}). Download the list "
                "again."
            ) from error
        yield {"name": name, "emotion": str(entry.get("emo", entry.get("label", "")))}


def _name(text: str) -> Name:
    return tuple(map(canonical, text.split("/")))


def _depth(theirs: set[Name], ours: set[Name], where: Path) -> int:
    """Returns how many last members of the names tell the utterances of both sides apart."""
    for depth in range(1, MAX_FOLDERS):
        if all(len({name[-depth:] for name in names}) == len(names) for names in (theirs, ours)):
            return depth
    raise SplitError(
        f"The files listed in {where} and the utterances here must have names that differ, but "
        "some are alike in their last folders, too."
    )


def _unmatched(
    table: pd.DataFrame, frame: pd.DataFrame, missing: list[str], num_listed: int, where: Path
) -> list[str]:
    """Says what one side lacks; raises SplitError where that is too much."""
    notes = []
    unlisted = table[~table["id"].isin(frame["id"])]
    extra = unlisted["id"][unlisted["emotion"] != ""].tolist()
    for names, what in (
        (missing, "utterances of EmoBox's lists are missing here"),
        (extra, "utterances with a class are not in EmoBox's lists and left out"),
    ):
        if not names:
            continue
        sentence = f"{len(names)} {what} ({num_listed} are listed in {where}): {shown(names)}."
        if len(names) > MAX_UNMATCHED * num_listed:
            raise SplitError(
                f"{sentence} At most {MAX_UNMATCHED:.0%} may differ, or scores compare with "
                "nothing on the leaderboard. Get the corpus complete, under its original file "
                "names, or choose another protocol."
            )
        notes.append(f"{sentence} Scores compare nearly, not exactly, with EmoBox's leaderboard.")
    if without_class := len(unlisted) - len(extra):
        notes.append(f"{without_class} utterances without a class are not in EmoBox's lists.")
    return notes


def _other_labels(table: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """Says how many utterances have another class here than most of their EmoBox class."""
    ours = frame["id"].map(table.set_index("id")["emotion"])
    pairs = pd.DataFrame({"id": frame["id"], "theirs": frame["emotion"], "ours": ours})
    pairs = pairs[(pairs["theirs"] != "") & (pairs["ours"] != "")].drop_duplicates("id")
    if pairs.empty:
        return []
    usual = pairs.groupby("theirs")["ours"].agg(lambda names: names.value_counts().index[0])
    other = int((pairs["theirs"].map(usual) != pairs["ours"]).sum())
    sentence = (
        f"{other} of {len(pairs)} utterances have another class here than in EmoBox's lists: "
        "scores do not compare with its leaderboard."
    )
    return [sentence] if other else []
