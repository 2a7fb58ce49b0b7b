"""Epochs of a fixed structure are shown on one line, and hardly at all in a log file."""

import time

import pytest

from mfsn.search.shown_epochs import updated_line

ROWS = [{"epoch": n, "train_loss": 1.0 / n, "dev_ua": 0.25 * n} for n in (1, 2, 3)]


def test_a_terminal_shows_the_epochs_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with updated_line("both, seed 0, fold 03", 9, shared=False) as show:
        show({**ROWS[0], "epoch": 7})
        time.sleep(0.6)
        show({**ROWS[0], "epoch": 8})
    said = capsys.readouterr().err
    assert "both, seed 0, fold 03: epoch 8/9, train loss 1.0000, dev UA 25.0 %" in said
    assert "\n" not in said


def test_a_log_file_or_a_shared_terminal_gets_no_line_of_a_short_training(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for shared in (False, True):
        with updated_line("both", 9, shared=shared) as show:
            for row in ROWS:
                show(row)
    assert capsys.readouterr().err == ""
