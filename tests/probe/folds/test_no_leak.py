"""Whatever the corpus: under every protocol there is an error, or there is no leak."""

import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from pretrain.shared.random_streams import generator
from probe.corpora.read import read_probe_corpus
from probe.folds.divide import Divided, divide, folds_hash
from probe.folds.leaks import check_folds
from probe.folds.protocols import LEAVE_OUT, PARTS, SplitError
from tests.conftest import RealSpeech
from tests.probe.split_corpora import corpora, in_two_parts, write_emobox

COPIES = ("ravdess/03-01-03-01-02-01-07", "ravdess/03-01-03-01-02-02-07")


def divided_or_none(table: pd.DataFrame, protocol: str) -> Divided | None:
    """Divides in two orders of rows, which must not matter."""
    found, again = (_divided_or_error(frame, protocol) for frame in (table, table.iloc[::-1]))
    name = protocol.partition("=")[0]
    if isinstance(found, str) or isinstance(again, str):
        event(f"{name}: refused: {str(found)[:50]}")
        assert found == again
        return None
    event(f"{name}: divided")
    assert folds_hash(found.folds) == folds_hash(again.folds)
    assert found.notes == again.notes
    return found


def _divided_or_error(table: pd.DataFrame, protocol: str) -> Divided | str:
    try:
        return divide(table, protocol)
    except SplitError as error:
        return str(error)


def assert_no_leak(found: Divided, protocol: str) -> None:
    table, folds = found.table, found.folds
    assert not table["audio_hash"].duplicated().any()
    assert not folds.duplicated(["fold", "id"]).any()
    assert set(folds["id"]) == set(table["id"])
    for _, frame in folds.groupby("fold"):
        assert set(frame["part"]) == set(PARTS)
    shared = {
        name: in_two_parts(table, folds, column)
        for name, column in (
            ("speakers", "speaker"),
            ("sessions", "session"),
            ("audio", "audio_hash"),
            ("sentences", "text"),
        )
    }
    assert vars(found.overlap) == shared
    assert not shared["audio"]
    if protocol in ("speaker", "session"):
        assert not shared["speakers"]
    if protocol == "session":
        assert not shared["sessions"]
    tested = folds["id"][folds["part"] == "test"]
    assert not tested.duplicated().any()
    if protocol in LEAVE_OUT:
        assert set(tested) == set(table["id"])
        assert len(folds) == len(table) * folds["fold"].nunique()


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [*LEAVE_OUT, "official"])
@settings(deadline=None, max_examples=40)
@given(table=corpora())
def test_every_protocol_refuses_or_leaks_nothing(protocol: str, table: pd.DataFrame) -> None:
    found = divided_or_none(table, protocol)
    if found is None:
        return
    assert_no_leak(found, protocol)
    # Nobody is lost but copies, and of those one stays.
    assert set(found.table["audio_hash"]) == set(table["audio_hash"])
    if protocol == "official":
        published = dict(zip(table["id"], table["split"], strict=True))
        for row in found.folds.itertuples():
            usual = {"Validation": "dev", "eval-2": "test"}
            was = usual.get(published[row.id], published[row.id])
            assert row.part == was or (was, row.part) == ("train", "dev")


@pytest.mark.slow
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(corpora(), st.data())
def test_folds_of_emobox_are_refused_or_leak_nothing(
    table: pd.DataFrame, data: st.DataObject
) -> None:
    names = [id_.partition("/")[2] for id_ in table["id"]]
    count = data.draw(st.integers(1, 3))
    random = generator("folds", data.draw(st.integers(0, 10**6)))
    groups = random.integers(0, count + 1, len(names))
    if data.draw(st.booleans()):  # folds of whole speakers
        of_speaker = {name: int(random.integers(0, count + 1)) for name in set(table["speaker"])}
        groups = table["speaker"].map(of_speaker).to_numpy()
    folds = {}
    for number in range(1, count + 1):
        test = [name for name, group in zip(names, groups, strict=True) if group == number]
        folds[number] = {"train": sorted(set(names) - set(test)), "test": test}
    with tempfile.TemporaryDirectory() as folder:
        write_emobox(Path(folder), folds)
        found = divided_or_none(table, f"emobox={folder}")
    if found is None:
        return
    assert_no_leak(found, "emobox")
    for row in found.folds.itertuples():
        tested = folds[int(str(row.fold))]["test"]
        assert (row.part == "test") == (str(row.id).partition("/")[2] in tested)


def table_of(speakers: str, sessions: str) -> pd.DataFrame:
    numbers = range(len(speakers))
    return pd.DataFrame(
        {
            "id": [f"u{number}" for number in numbers],
            "speaker": list(speakers),
            "session": list(sessions),
            "audio_hash": [f"h{number}" for number in numbers],
            "text": "",
            "split": "",
            "source": "mine",
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("protocol", sorted(LEAVE_OUT))
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_a_moved_utterance_is_caught(protocol: str, data: st.DataObject) -> None:
    table = table_of("aabbccddeeff", "111122223333")
    folds = divide(table, protocol).folds
    place = data.draw(st.integers(0, len(folds) - 1))
    was = str(folds.loc[place, "part"])
    folds.loc[place, "part"] = data.draw(st.sampled_from([p for p in PARTS if p != was]))
    if protocol == "random10" and "test" not in (was, folds.loc[place, "part"]):
        return  # between train and dev, where nobody is tested, utterances may be dealt anyhow
    with pytest.raises(SplitError):
        check_folds(table, folds, protocol)


def test_a_session_with_a_shared_speaker_is_caught() -> None:
    table = table_of("aabbcca", "1122333")
    with pytest.raises(SplitError, match=r"Leak: speaker 'a' .* Sessions must not share speakers"):
        divide(table, "session")
    assert divide(table, "speaker").overlap.sessions  # allowed, and said


def test_a_copy_planted_after_the_folds_were_made_is_caught() -> None:
    table = table_of("aabbcc", "112233")
    folds = divide(table, "speaker").folds
    table.loc[5, "audio_hash"] = "h0"
    with pytest.raises(SplitError, match="Leak: audio_hash 'h0'"):
        check_folds(table, folds, "speaker")


def test_the_recording_that_ravdess_holds_twice_is_caught(real_speech: RealSpeech) -> None:
    table = read_probe_corpus(f"ravdess={real_speech('ravdess')}")
    hashes = table.set_index("id")["audio_hash"]
    assert hashes[COPIES[0]] == hashes[COPIES[1]]
    found = divide(table, "speaker")
    assert len(found.table) == 1439
    assert found.notes == [
        f"{COPIES[1]} (speaker 07) is the same recording as {COPIES[0]}: left out."
    ]
    assert found.overlap.sentences == 2  # in all, however many folds share them
    # Were both kept, under utterances at random they can be apart, and that is refused.
    folds = divide(found.table, "random10").folds
    apart = folds[(folds["id"] == COPIES[0]) & (folds["part"] == "test")]["fold"].iloc[0]
    other = sorted(set(folds["fold"]) - {apart})[0]
    copy = folds[folds["id"] == COPIES[0]].assign(id=COPIES[1], part="train")
    copy["part"] = copy["part"].mask(copy["fold"] == other, "test")
    with pytest.raises(SplitError, match="Leak: audio_hash"):
        check_folds(table, pd.concat([folds, copy]), "random10")
