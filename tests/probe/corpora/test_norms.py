"""Category norms: the published points, and what has none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pretrain.data.synthetic.emotions import LABELS, NORMS
from probe.corpora.norms import norm_of, with_norms, without_norm
from probe.corpora.options import split_options
from probe.corpora.read import read_probe_corpus
from probe.rows.all_rows import read_corpus
from tests.probe.made_up import write_manifest


def labelled(*emotions: str) -> pd.DataFrame:
    nothing = dict.fromkeys(LABELS, np.nan)
    return pd.DataFrame([{"emotion": emotion, **nothing} for emotion in emotions])


def test_a_norm_is_the_published_point_on_the_scale_of_1_to_5() -> None:
    # Published: pleasure -0.51, arousal 0.59, dominance 0.25.
    assert norm_of("anger") == pytest.approx((1.98, 4.18, 3.5))
    assert norm_of("Angry") == norm_of("anger")
    assert norm_of("boredom") == pytest.approx((1.7, 1.76, 2.34))
    assert norm_of("neutral") == (3.0, 3.0, 3.0)


def test_every_class_of_the_known_corpora_has_a_norm_but_calm() -> None:
    emodb = ("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral")
    ravdess = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    assert without_norm(labelled(*emodb, *ravdess, *NORMS, "surprise", "")) == ["calm"]


def test_a_class_without_a_norm_stays_unlabelled() -> None:
    table = with_norms(labelled("calm", "sad", ""))
    assert table["valence"].isna().tolist() == [True, False, True]
    assert table["arousal"].iloc[1] == pytest.approx(3 - 2 * 0.27)


def test_classes_without_any_norm_are_refused_with_those_that_have_one() -> None:
    with pytest.raises(ValueError, match=r"has calm, ennui. There are norms of: .*bored"):
        with_norms(labelled("calm", "ennui"))


@pytest.mark.parametrize(
    ("spec", "plain", "options"),
    [
        ("emodb:norms=/x", "emodb=/x", {"norms"}),
        ("ravdess:norms,incomplete=/x", "ravdess=/x", {"norms", "incomplete"}),
        ("emodb:norms=/x.csv", "emodb=/x.csv", {"norms"}),
        ("mine:norms=/x.csv", "mine=/x.csv", {"norms"}),
    ],
)
def test_norms_are_an_option_of_every_corpus(spec: str, plain: str, options: set[str]) -> None:
    assert split_options(spec) == (plain, frozenset(options))


def test_a_manifest_is_read_with_norms_instead_of_its_ratings(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, "valence", lambda number: str(number % 5))
    rated = read_probe_corpus(f"mine={manifest}")
    table = read_probe_corpus(f"mine:norms={manifest}")
    assert set(rated["valence"]) == {0.0, 1.0, 2.0, 3.0, 4.0}
    assert sorted(set(table["valence"].round(2))) == [1.74, 1.98]
    assert table["id"].tolist() == rated["id"].tolist()


@pytest.mark.slow
def test_a_corpus_says_that_its_numbers_are_norms(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, "gender", lambda number: "FM"[number // 4 % 2])
    plain = read_corpus(f"mine={manifest}", "speaker")
    assert (plain.described["label_source"], plain.described["tasks"]) == ("none", ["emotion"])
    normed = read_corpus(f"mine:norms={manifest}", "speaker")
    assert normed.described["label_source"] == "category norms"
    assert normed.described["tasks"] == ["emotion", "valence", "arousal", "dominance"]
    assert "valence, arousal and dominance are category norms" in normed.described["notes"][0]
    assert [a.task.name for a in normed.attributes] == ["speaker", "gender"]
    assert [a["hash"] for a in normed.described["attributes"]] == [
        a["hash"] for a in plain.described["attributes"]
    ]
    assert read_corpus(f"mine={manifest}", "speaker", with_attributes=False).attributes == ()
