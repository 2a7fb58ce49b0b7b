"""What a fair comparison holds equal: everything but whole keys and tables that are named."""

from pretrain.config.settings import CHANGE_NO_NUMBER, FREE_BETWEEN_ROWS, without


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
