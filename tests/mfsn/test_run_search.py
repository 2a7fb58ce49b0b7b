"""What a search writes down fits together, and its epochs are said while it runs."""

from pathlib import Path

import pytest

from mfsn.experiment.results import read_table
from mfsn.run import main
from tests.mfsn.commands import command

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("runs")]

# Steps so large that the leading operation changes from epoch to epoch.
RESTLESS = ("--set", "search.alpha_lr=20", "--set", "fit.max_epochs=4", "--set", "fit.lr=1e-2")


@pytest.mark.parametrize("after", ["keep", "retrain"])
def test_the_operations_are_those_that_led_at_the_epoch_that_was_kept(
    after: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / after
    assert main(command(place, "search", out, *RESTLESS, "--set", f"search.after={after}")) == 0
    said = capsys.readouterr().out
    alpha = read_table(out / "alpha.csv").astype({"weight": float})
    epochs = read_table(out / "epochs.csv")
    structures = read_table(out / "structures.csv").to_dict("records")
    assert len(structures) == 3
    changed = 0
    for line in structures:
        of_fold = alpha[alpha["fold"] == line["fold"]]
        leading = of_fold.loc[of_fold.groupby("epoch")["weight"].idxmax()]
        leading_at = dict(zip(leading["epoch"], leading["operation"], strict=True))
        assert line["operations"] == leading_at[line["epoch"]]
        changed += len(set(leading_at.values())) > 1
        rows = epochs[epochs["fold"] == line["fold"]].set_index(["phase", "epoch"])
        assert rows.loc[("search", line["epoch"]), "dev_ua"] == line["dev_ua"]
        assert rows.loc[("search", line["epoch"]), "leading"] == line["operations"]
        trained = "search" if after == "keep" else "retrain"
        assert rows.loc[(trained, line["trained_epoch"]), "dev_ua"] == line["trained_dev_ua"]
        if after == "keep":
            assert line["trained_epoch"] == line["epoch"]
        assert f"fold {line['fold']}: found" in said
    assert changed, "the leading operation never changed, so any epoch would do"
    assert set(epochs["phase"]) == ({"search"} if after == "keep" else {"search", "retrain"})
    for row in epochs.to_dict("records"):
        start = f"  mfsn, seed 0, fold {row['fold']}, search epoch {row['epoch']}/4: train loss "
        if row["phase"] == "retrain":
            start = start.replace("search", "retraining")
        (text,) = [text for text in said.splitlines() if text.startswith(start)]
        assert f"{float(row['train_loss']):.4f}, dev UA {100 * float(row['dev_ua']):.1f} %" in text
        if row["phase"] == "search":
            assert f"entropy {float(row['entropy']):.3f} nats" in text
            assert text.endswith(f"leading {row['leading']}")
