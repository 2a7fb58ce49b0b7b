"""What a fair comparison holds equal: everything but whole keys and tables that are named."""

import pytest

from pretrain.config.files import SettingsError, SettingsTree
from pretrain.config.settings import CHANGE_NO_NUMBER, FREE_BETWEEN_ROWS, resolve, without


def test_a_key_that_begins_like_a_free_one_is_compared() -> None:
    flat = {
        "mode": "quantized",
        "mode_of_pooling": "mean",
        "seeds_of_noise": 3,
        "data.corpus": "a",
        "data.corpus_share": 0.5,
        "health.patience": 9,
        "healthy": True,
    }
    assert without(flat, FREE_BETWEEN_ROWS) == {
        "mode_of_pooling": "mean",
        "seeds_of_noise": 3,
        "data.corpus_share": 0.5,
        "healthy": True,
    }


def test_what_changes_no_number_is_whole_keys_or_whole_tables() -> None:
    flat = {"training.log_every": 1, "training.log_every_epoch": True, "data.num_workers": 2}
    assert without(flat, CHANGE_NO_NUMBER) == {"training.log_every_epoch": True}


def test_what_was_tuned_may_differ_if_all_rows_declare_it(tiny_tree: SettingsTree) -> None:
    tiny_tree.put("mode", "frames", "test")
    plain = resolve(tiny_tree)
    tiny_tree.put("tuned", ["optimizer.lr"], "test")
    tiny_tree.put("optimizer.lr", 2e-3, "test")
    fast = resolve(tiny_tree)
    tiny_tree.put("optimizer.lr", 1e-3, "test")
    slow = resolve(tiny_tree)
    assert fast.compared() == slow.compared()
    assert fast.hash != slow.hash
    assert fast.compared()["tuned"] == ("optimizer.lr",)
    assert "tuned" not in plain.compared()  # as in runs that knew nothing of it
    assert "optimizer.lr" in plain.compared()


def test_only_keys_of_the_optimizer_are_tuned(tiny_tree: SettingsTree) -> None:
    tiny_tree.put("mode", "frames", "test")
    tiny_tree.put("tuned", ["training.updates"], "test")
    with pytest.raises(SettingsError, match=r"`tuned` must name keys of optimizer\.lr"):
        resolve(tiny_tree)


def test_runs_on_log_mel_say_nothing_of_an_encoder_as_before_there_was_one(
    tiny_tree: SettingsTree,
) -> None:
    tiny_tree.put("mode", "frames", "test")
    written = resolve(tiny_tree).tree()["frames"]
    assert not {"encoder", "layer"} & written.keys()
    tiny_tree.put("frames.space", "encoder", "test")
    tiny_tree.put("frames.encoder", "runs/a", "test")
    assert resolve(tiny_tree).tree()["frames"]["layer"] == 3


def test_the_epsilon_is_said_unless_it_is_that_of_runs_that_do_not_say_it(
    tiny_tree: SettingsTree,
) -> None:
    tiny_tree.put("mode", "frames", "test")
    said = resolve(tiny_tree)
    assert said.tree()["encoder"]["normalize_epsilon"] == 1e-7
    tiny_tree.put("encoder.normalize_epsilon", 1e-5, "test")
    before = resolve(tiny_tree)
    assert "normalize_epsilon" not in before.tree()["encoder"]
    assert said.compared() != before.compared()
