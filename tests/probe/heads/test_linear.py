"""Selection and pooling on small made-up corpora."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from pretrain.shared.random_streams import generator
from probe.corpora.targets import find_tasks
from probe.folds.protocols import make_folds
from probe.heads.linear import Evaluation, evaluate, evaluate_constant, missing_classes, parts_of
from probe.metrics import score_task

Features = npt.NDArray[np.float32]


def made_up(num_speakers: int = 4, per_speaker: int = 9) -> tuple[pd.DataFrame, Features]:
    """Layer 1 knows class and valence, layers 0 and 2 know nothing."""
    draw = generator("evaluate")
    count = num_speakers * per_speaker
    classes = np.arange(count) % 3
    table = pd.DataFrame(
        {
            "id": [f"u{number:03d}" for number in range(count)],
            "speaker": [f"s{number // per_speaker}" for number in range(count)],
            "session": "",
            "emotion": [("angry", "happy", "sad")[label] for label in classes],
            "valence": classes + draw.normal(0, 0.1, count),
            "arousal": np.nan,
            "dominance": np.where(np.arange(count) % 4, draw.uniform(1, 5, count), np.nan),
        }
    )
    features = draw.normal(0, 1, (count, 3, 12)).astype(np.float32)
    features[:, 1, :3] += 6 * np.eye(3, dtype=np.float32)[classes]
    return table, features


def run(table: pd.DataFrame, features: Features) -> Evaluation:
    parts = parts_of(table, make_folds(table, "speaker"))
    return evaluate(table, features, find_tasks(table), parts, strengths=(1e-4, 1e-2, 1.0))


def predictions_of(result: Evaluation) -> pd.DataFrame:
    frame = pd.concat(result.predictions)
    return frame.sort_values(["task", "fold", "id"], ignore_index=True)


def test_the_layer_that_knows_is_chosen_and_scores_are_those_of_the_pooled_predictions() -> None:
    table, features = made_up()
    result = run(table, features)
    selection = pd.DataFrame(result.selection)
    informed = selection["task"].isin(["emotion", "valence"])
    assert (selection[informed]["layer"] == 1).all()
    scores = pd.DataFrame(result.scores).set_index(["layer", "metric"])["value"]
    assert scores["selected", "ua"] > 0.9 > scores["0", "ua"]
    assert scores["1", "mse_valence"] < 0.3 < scores["0", "mse_valence"]
    for task, frame in pd.concat(result.predictions).groupby("task"):
        for metric, value in score_task(
            str(task), frame["target"].tolist(), frame["prediction"].tolist()
        ).items():
            assert scores["selected", metric] == pytest.approx(value)


def test_dimensions_without_labels_are_left_out_and_unlabelled_utterances_too() -> None:
    table, features = made_up()
    predicted = predictions_of(run(table, features))
    assert set(predicted["task"]) == {"emotion", "valence", "dominance"}
    assert (predicted["task"] == "dominance").sum() == table["dominance"].notna().sum()


def test_test_labels_touch_neither_selection_nor_predictions() -> None:
    table, features = made_up()
    changed = table.copy()
    tested = changed["speaker"] == "s2"
    changed.loc[tested, "emotion"] = changed.loc[tested, "emotion"].to_numpy()[::-1]
    changed.loc[tested, "valence"] = 100.0
    before, after = run(table, features), run(changed, features)
    for frames in (
        (pd.DataFrame(before.selection), pd.DataFrame(after.selection)),
        tuple(predictions_of(result).drop(columns="target") for result in (before, after)),
    ):
        own = [frame[frame["fold"] == "s2"].reset_index(drop=True) for frame in frames]
        pd.testing.assert_frame_equal(own[0], own[1])
    others = [predictions_of(result).query("fold != 's2'") for result in (before, after)]
    assert not others[0]["prediction"].equals(others[1]["prediction"])


def test_order_of_utterances_does_not_matter() -> None:
    table, features = made_up()
    order = generator("order").permutation(len(table))
    shuffled = run(table.iloc[order].reset_index(drop=True), features[order])
    pd.testing.assert_frame_equal(predictions_of(run(table, features)), predictions_of(shuffled))


def test_constant_predictor_says_mean_and_majority_of_all_but_the_test_part() -> None:
    table, _ = made_up()
    table.loc[table["speaker"] != "s0", "emotion"] = "sad"
    parts = parts_of(table, make_folds(table, "speaker"))
    predicted = predictions_of(evaluate_constant(table, find_tasks(table), parts))
    fold = predicted[predicted["fold"] == "s1"].set_index("task")["prediction"]
    assert set(fold["emotion"]) == {"sad"}
    assert fold["valence"].iloc[0] == pytest.approx(
        table[table["speaker"] != "s1"]["valence"].mean()
    )


def test_a_class_missing_in_a_training_part_is_reported() -> None:
    table, features = made_up()
    table.loc[(table["speaker"] != "s0") & (table["emotion"] == "sad"), "emotion"] = "happy"
    parts = parts_of(table, make_folds(table, "speaker"))
    sentences = missing_classes(find_tasks(table), parts)
    assert any(
        text.startswith("fold s0: the training part has no utterance of sad") for text in sentences
    )
    run(table, features)


def test_a_training_part_without_any_label_is_reported_once_per_task() -> None:
    table, _ = made_up()
    table.loc[table["speaker"] != "s0", "valence"] = np.nan
    table.loc[table["speaker"] != "s0", "emotion"] = ""
    tasks = [task for task in find_tasks(table) if task.name in ("valence", "emotion")]
    sentences = missing_classes(tasks, parts_of(table, make_folds(table, "speaker")))
    assert sorted(text for text in sentences if text.startswith("fold s0")) == [
        "fold s0: the training part has no label of emotion.",
        "fold s0: the training part has no label of valence.",
    ]


def test_a_corpus_with_nothing_to_predict_is_refused() -> None:
    table, _ = made_up()
    table[["valence", "dominance"]] = np.nan
    table["emotion"] = "neutral"
    with pytest.raises(ValueError, match="nothing to predict"):
        find_tasks(table)
