"""Speaker and gender: their folds, and what a layer that knows them scores."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.shared.random_streams import generator
from probe.attributes.evaluate import Attribute, evaluate_attributes, find_attributes
from probe.corpora.targets import find_tasks

SPEC = "emodb=/data/emodb"
ACTORS = ("03", "08", "09", "10", "11", "13", "14", "15")


def corpus(speakers: Sequence[str], texts: Sequence[str]) -> pd.DataFrame:
    ids = [f"u{number:03d}" for number in range(len(speakers))]
    columns = {"id": ids, "speaker": list(speakers), "text": list(texts), "session": ""}
    return pd.DataFrame(columns)


def spoken(num_sentences: int, speakers: Sequence[str] = ACTORS) -> pd.DataFrame:
    pairs = [(name, f"Sentence {n}.") for name in speakers for n in range(num_sentences)] * 2
    return corpus([name for name, _ in pairs], [text for _, text in pairs])


def attribute(table: pd.DataFrame, name: str) -> Attribute:
    return next(a for a in find_attributes(table, SPEC)[0] if a.task.name == name)


def column(table: pd.DataFrame, rows: npt.NDArray[np.intp], name: str) -> set[str]:
    return set(table[name].iloc[rows])


def test_speakers_are_recognised_in_sentences_that_were_not_trained_on() -> None:
    table = spoken(num_sentences=7)
    found = attribute(table, "speaker")
    fewest = min(len(part.train) for part in found.parts)
    assert found.described["folds"] == (
        "5 folds over utterances, disjoint in sentences, each trained on at least "
        f"{fewest} of {len(table)} utterances"
    )
    assert found.described["chance"] == pytest.approx(1 / 8)
    assert sorted(np.concatenate([part.test for part in found.parts])) == list(range(len(table)))
    for part in found.parts:
        texts = [column(table, rows, "text") for rows in (part.train, part.dev, part.test)]
        assert sum(map(len, texts)) == 7
        assert column(table, part.train, "speaker") == set(ACTORS)


def test_of_two_sentences_one_is_tested_and_the_other_trained_on() -> None:
    table = spoken(num_sentences=2)
    parts = attribute(table, "speaker").parts
    assert len(parts) == 2
    for part in parts:
        assert not column(table, part.test, "text") & column(table, part.train, "text")
        assert not set(part.dev) & set(part.train)


@pytest.mark.parametrize("texts", ["", "all the same", "own"])
def test_without_enough_common_sentences_folds_are_disjoint_in_recordings(texts: str) -> None:
    table = spoken(num_sentences=4)
    table["text"] = table["speaker"] if texts == "own" else texts
    found = attribute(table, "speaker")
    assert "disjoint in recordings" in found.described["folds"]
    for part in found.parts:
        assert column(table, part.train, "speaker") == set(ACTORS)


@pytest.mark.parametrize(("last", "others"), [(180, ("Two",)), (150, ("Two", "Three"))])
def test_sentences_that_would_leave_little_to_train_on_are_not_kept_apart(
    last: int, others: tuple[str, ...]
) -> None:
    texts = [*["One"] * last, *(others[n // 4 % len(others)] for n in range(200 - last))]
    table = corpus([f"s{n % 4}" for n in range(200)], texts)
    found = attribute(table, "speaker")
    assert "disjoint in recordings, each trained on at least 120 of 200" in found.described["folds"]
    assert "so uneven that a fold would train on" in found.described["folds"]
    assert min(len(part.train) for part in found.parts) == 120


def test_the_dev_part_of_genders_has_both_and_no_speaker_is_in_two_parts() -> None:
    table = spoken(num_sentences=3)
    found = attribute(table, "gender")
    assert found.task.classes == ("female", "male")
    for part in found.parts:
        names = [column(table, rows, "speaker") for rows in (part.train, part.dev, part.test)]
        assert sum(map(len, names)) == len(ACTORS)
        assert set(found.task.targets[part.dev]) == {0.0, 1.0}


def test_what_cannot_be_probed_is_said_and_why() -> None:
    table = spoken(num_sentences=3, speakers=("03", "10", "11", "08"))
    found, sentences = find_attributes(table, SPEC)
    assert [a.task.name for a in found] == ["speaker"]
    assert sentences == [
        "no probe of the gender: it needs 3 women and 3 men, but the corpus has 1 female and "
        "3 male."
    ]
    rare = corpus([*["a"] * 9, *["b"] * 9, "c", "c"], [""] * 20)
    found, sentences = find_attributes(rare, "mine=/nowhere.csv")
    assert found[0].task.classes == ("a", "b")
    assert sentences[0].endswith("1 speakers with fewer than 3 utterances are left out.")
    assert sentences[1] == (
        "no probe of the gender: the corpus does not say who is a woman and who is a man."
    )
    assert find_attributes(rare.iloc[:9], "mine=/nowhere.csv")[0] == ()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from((*ACTORS, "")), st.sampled_from(["", "One", "two", "three!"])),
        min_size=6,
        max_size=60,
    ),
    st.integers(0, 9),
)
def test_no_fold_leaks_or_depends_on_the_order(pairs: list[tuple[str, str]], order: int) -> None:
    table = corpus([name for name, _ in pairs], [text for _, text in pairs])
    shuffled = table.sample(frac=1, random_state=order).reset_index(drop=True)
    again = {a.task.name: a for a in find_attributes(shuffled, SPEC)[0]}
    for found in find_attributes(table, SPEC)[0]:
        assert found.described == again[found.task.name].described
        tested = np.concatenate([part.test for part in found.parts])
        assert sorted(tested) == np.flatnonzero(found.task.labelled).tolist()
        for part in found.parts:
            assert len({*part.train, *part.dev, *part.test}) == len(tested)
            names = [column(table, rows, "speaker") for rows in (part.train, part.dev, part.test)]
            if found.task.name == "speaker":
                assert names[1] | names[2] <= names[0]
            else:
                assert sum(map(len, names)) == len(set.union(*names))


def test_a_layer_that_knows_scores_and_one_that_does_not_is_at_chance() -> None:
    table = spoken(num_sentences=5)
    features = generator("attributes-test").normal(0, 1, (len(table), 2, 16)).astype(np.float32)
    place = [ACTORS.index(name) for name in table["speaker"]]
    features[:, 1, :8] += 8 * np.eye(8, dtype=np.float32)[place]
    found, _ = find_attributes(table, SPEC)
    result = evaluate_attributes(table, features, found)
    scores = pd.DataFrame(result.scores).set_index(["layer", "metric"])["value"]
    assert scores["1", "speaker_ua"] > 0.95
    assert abs(scores["0", "speaker_ua"] - 1 / 8) < 0.15
    assert {metric for _, metric in scores.index} == {
        "speaker_ua", "speaker_wa", "gender_ua", "gender_wa",
    }  # fmt: skip
    assert result.predictions == []
    assert {line["task"] for line in result.selection} == {"speaker", "gender"}


def test_attributes_are_no_tasks_of_the_table() -> None:
    table = spoken(num_sentences=3).assign(valence=np.nan, arousal=np.nan, dominance=np.nan)
    table["emotion"] = ["angry", "sad"] * (len(table) // 2)
    assert [task.name for task in find_tasks(table)] == ["emotion"]
