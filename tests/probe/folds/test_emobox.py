"""EmoBox's lists give its folds; what does not match is named, and too much of it is refused."""

from pathlib import Path

import pandas as pd
import pytest

from probe.folds.divide import divide
from probe.folds.emobox import emobox_folds
from probe.folds.protocols import SplitError
from tests.probe.split_corpora import write_emobox


def corpus(names: list[str], source: str = "mine") -> pd.DataFrame:
    """The first letter of a name is its speaker."""
    files = [name.rpartition("/")[2] for name in names]
    return pd.DataFrame(
        {
            "id": [f"{source}/{name}" for name in names],
            "source": source,
            "speaker": [file[0] for file in files],
            "session": "",
            "emotion": "sad",
            "text": "",
            "split": "",
            "audio_hash": [f"h{number}" for number in range(len(names))],
        }
    )


NAMES = ["a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2"]
FOLDS = {
    1: {"train": NAMES[2:], "test": NAMES[:2]},
    2: {"train": [*NAMES[:2], *NAMES[4:]], "test": NAMES[2:4]},
}


@pytest.mark.parametrize("below", ["", "data", "data/mine"])
def test_test_parts_are_those_of_the_lists_and_dev_is_taken_from_train(
    below: str, tmp_path: Path
) -> None:
    write_emobox(tmp_path, FOLDS)
    found = divide(corpus(NAMES), f"emobox={tmp_path / below}")
    tested = found.folds[found.folds["part"] == "test"]
    assert tested.groupby("fold")["id"].agg(list).to_dict() == {
        "01": ["mine/a1", "mine/a2"],
        "02": ["mine/b1", "mine/b2"],
    }
    for fold, frame in found.folds.groupby("fold"):
        dev = frame["id"][frame["part"] == "dev"].tolist()
        assert len(dev) == 2
        assert len({id_[5] for id_ in dev}) == 1, "one speaker"
        assert any(note.startswith(f"fold {fold}: no dev part") for note in found.notes)
    assert found.overlap.speakers == 0


def test_names_of_files_match_in_any_unicode_form(tmp_path: Path) -> None:
    decomposed = [f"{name}u\u0308" for name in NAMES]
    parts = {"train": [f"{name}\u00fc" for name in NAMES[2:]], "test": [f"{NAMES[0]}\u00fc"]}
    parts["test"].append(f"{NAMES[1]}\u00fc")
    found, notes = emobox_folds(corpus(decomposed), write_emobox(tmp_path, {1: parts}))
    assert sorted(found["id"]) == [f"mine/{name}" for name in decomposed]
    assert not notes


def test_a_published_dev_part_is_kept(tmp_path: Path) -> None:
    parts = {"train": NAMES[4:], "valid": NAMES[2:4], "test": NAMES[:2]}
    found = divide(corpus(NAMES), f"emobox={write_emobox(tmp_path, {1: parts})}")
    dev = found.folds[found.folds["part"] == "dev"]["id"].tolist()
    assert dev == ["mine/b1", "mine/b2"]
    assert found.notes == []


def test_folders_tell_files_of_the_same_name_apart(tmp_path: Path) -> None:
    names = ["x/sad/1", "x/happy/1", "y/sad/1", "z/sad/1"]
    write_emobox(tmp_path, {1: {"train": names[:3], "test": names[3:]}})
    folds, _ = emobox_folds(corpus(names), tmp_path)
    assert folds[folds["part"] == "test"]["id"].tolist() == ["mine/z/sad/1"]


def test_lists_of_the_older_form_are_read(tmp_path: Path) -> None:
    where = tmp_path / "data" / "mine" / "fold_1"
    where.mkdir(parents=True)
    for part, names in FOLDS[1].items():
        lines = "".join(f'{{"audio": "downloads/mine/wav/{name}.wav"}}\n' for name in names)
        (where / f"mine_{part}_fold1.jsonl").write_text(lines)
    folds, notes = emobox_folds(corpus(NAMES), tmp_path)
    assert set(folds["id"][folds["part"] == "test"]) == {"mine/a1", "mine/a2"}
    assert notes == []


def many(count: int) -> list[str]:
    return [f"{'abcd'[number % 4]}{number}" for number in range(count)]


def test_little_that_does_not_match_is_named(tmp_path: Path) -> None:
    names = many(200)
    test = [name for name in names if name[0] == "a"]
    write_emobox(tmp_path, {1: {"train": sorted({*names} - {*test}), "test": test}})
    found = divide(corpus([*names[:-1], "b-more"]), f"emobox={tmp_path}")
    assert found.notes[0].startswith("1 utterances of EmoBox's lists are missing here (200 are")
    assert "downloads/mine/d199" in found.notes[0]
    assert "not in EmoBox's lists and left out" in found.notes[1]
    assert "mine/b-more" in found.notes[1]
    assert "nearly" in found.notes[1]
    assert len(found.table) == 199


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (many(197), "3 utterances of EmoBox's lists are missing here"),
        ([*many(200), "b-x", "b-y", "b-z"], "3 utterances with a class are not in EmoBox's lists"),
    ],
)
def test_much_that_does_not_match_is_refused(
    names: list[str], message: str, tmp_path: Path
) -> None:
    write_emobox(tmp_path, {1: {"train": many(200)[1:], "test": many(200)[:1]}})
    with pytest.raises(SplitError, match=message):
        emobox_folds(corpus(names), tmp_path)


def test_utterances_without_a_class_need_not_be_listed(tmp_path: Path) -> None:
    table = corpus([*NAMES, "b-x"])
    table.loc[8, "emotion"] = ""
    folds, notes = emobox_folds(table, write_emobox(tmp_path, FOLDS))
    assert "mine/b-x" not in set(folds["id"])
    assert notes == ["1 utterances without a class are not in EmoBox's lists."]


def test_other_classes_than_those_of_the_lists_are_counted(tmp_path: Path) -> None:
    where = write_emobox(tmp_path, FOLDS)
    for path in tmp_path.rglob("*.jsonl"):
        path.write_text(path.read_text().replace('"}', '", "emo": "S"}'))
    table = corpus(NAMES)
    assert emobox_folds(table, where)[1] == []
    table.loc[3, "emotion"] = "happy"
    assert emobox_folds(table, where)[1][0].startswith("1 of 8 utterances have another class here")


def test_what_is_no_list_is_named(tmp_path: Path) -> None:
    table = corpus(NAMES)
    with pytest.raises(SplitError, match=r"must be a checkout of github\.com/emo-box/EmoBox"):
        emobox_folds(table, tmp_path / "absent")
    write_emobox(tmp_path, FOLDS)
    with pytest.raises(SplitError, match="with other/fold_1 in it, but has none"):
        emobox_folds(corpus(NAMES, source="other"), tmp_path)
    path = tmp_path / "data" / "mine" / "fold_1" / "mine_test_fold_1.jsonl"
    text = path.read_text()
    for line in ("{", "[]", '{"key": "x"}', '"x"'):
        path.write_text(text + line + "\n")
        with pytest.raises(SplitError, match=r"mine_test_fold_1\.jsonl, line 3: must be JSON"):
            emobox_folds(table, tmp_path)
    path.write_text(text + text)
    with pytest.raises(SplitError, match="lists downloads/mine/a1 more often"):
        emobox_folds(table, tmp_path)
    path.unlink()
    with pytest.raises(SplitError, match=r"fold_1 must hold mine_test_fold_1\.jsonl, but does not"):
        emobox_folds(table, tmp_path)
