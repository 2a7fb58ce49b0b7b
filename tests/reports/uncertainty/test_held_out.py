"""Which rows have learned, by what they explain of held-out speech."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pretrain.objectives.presentation import NOT_LEARNED
from reports.assemble import build
from reports.collect import collect
from reports.uncertainty.held_out import explained, held_out_rows, not_learned
from tests.reports.conftest import MakeRuns, make_pretrain, write_csv

SPEAKERS = 8
CONTROL = {
    "version": 1,
    "family": {"kind": "other", "label": "controls", "colours": ["#5c5c70"]},
    "label": "shuffled",
    "control": True,
}


def hold_out(folder: Path, level: float, *, updates: Sequence[int] = (300,)) -> None:
    """Adds the read-outs of a run that explains `level` of held-out speech."""
    noise = np.random.default_rng(7).normal(0, 0.01, SPEAKERS)
    lines: list[list[Any]] = [
        [f"u{k}", f"h{k}", 100 + k, 1.0, level + noise[k], 10.0, 20.0, 5] for k in range(SPEAKERS)
    ]
    header = "id speaker masked_frames loss explained logmel_error logmel_power nearest_right"
    write_csv(folder / "held_out.csv", header, lines)
    record = json.loads((folder / "run.json").read_text())
    values = {"explained": level, "r2_logmel": 0.5, "nearest_64": 0.05}
    read_outs = [{"update": update, **values} for update in updates]
    record["held_out"] = {"hash": "beef", "speakers": SPEAKERS, "read_outs": read_outs}
    (folder / "run.json").write_text(json.dumps(record))


def test_one_seed_is_a_t_interval_over_speakers() -> None:
    shares = np.array([0.1, 0.2, 0.4, 0.3])
    table = pd.DataFrame(
        {"seed": 0, "speaker": list("abcd"), "masked_frames": 10, "explained": 10 * shares}
    )
    one = explained(table)
    width = stats.t.ppf(0.975, 3) * shares.std(ddof=1) / 2
    assert one.value == pytest.approx(0.25)
    assert (one.low, one.high) == pytest.approx((0.25 - width, 0.25 + width))


def test_a_row_must_explain_more_than_the_control_may_by_chance(tmp_path: Path) -> None:
    levels = {"quantized-g2v2": 0.02, "quantized-g4v8": 0.2, "shuffled": 0.03}
    for name, level in levels.items():
        hold_out(make_pretrain(tmp_path / name, name), level)
    record = json.loads((tmp_path / "shuffled" / "run.json").read_text())
    record["presentation"] = CONTROL
    (tmp_path / "shuffled" / "run.json").write_text(json.dumps(record))
    runs = collect([str(tmp_path / "*")]).pretrain
    found = held_out_rows(runs)
    assert {name: one.learned for name, one in found.items()} == {
        "quantized-g2v2": False, "quantized-g4v8": True, "shuffled": False,
    }  # fmt: skip
    assert {one.limit for one in found.values()} == {found["shuffled"].high}
    said = not_learned(runs, found)
    assert [(one.row, one.flag) for one in said] == [("quantized-g2v2", NOT_LEARNED)]
    assert "no more than shuffled, the control" in said[0].text
    # A control that was read out elsewhere, or later, is none.
    record["updates"] = 600
    (tmp_path / "shuffled" / "run.json").write_text(json.dumps(record))
    found = held_out_rows(collect([str(tmp_path / "*")]).pretrain)
    assert found["quantized-g2v2"].learned
    assert found["quantized-g2v2"].limit == 0.01


@pytest.mark.slow
def test_the_page_shows_what_was_explained_and_draws_no_verdict_from_the_others(
    make_runs: MakeRuns, tmp_path: Path
) -> None:
    names = ("quantized-g4v8", "continuous-k4")
    runs = make_runs(names=names)
    for name, level in zip(names, (-0.02, 0.2), strict=True):
        hold_out(tmp_path / "runs" / f"{name}-0", level, updates=(100, 200, 300))
    out = tmp_path / "report"
    page = build(runs, out, command="x").read_text()
    table = pd.read_csv(out / "tables" / "table4-synthetic-speaker-linear.csv")
    kept = table["explained"].dropna().tolist()
    assert kept == pytest.approx([-0.02, 0.2], abs=0.01)
    assert "Not learned on synthetic speech: quantized G=4 V=8 learned next to nothing" in page
    assert (out / "figures" / "held-out.png").is_file()


@pytest.mark.parametrize(
    ("accuracy", "late", "flagged"),
    [(0.2, 90.0, False), (0.05, 90.0, True), (0.2, 40.0, True)],
)
def test_gumbel_rows_must_tell_codes_apart_and_use_them_again(
    tmp_path: Path, accuracy: float, late: float, flagged: bool
) -> None:
    from pretrain.objectives.known_rows import quantized_row
    from reports.read.health import findings, flags

    shown = quantized_row(4, 8).model_dump(mode="json")
    folder = make_pretrain(tmp_path / "a", "quantized-g4v8", presentation=shown)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for place, line in enumerate(lines):
        share = place / len(lines)
        line |= {"accuracy": accuracy, "centre_perplexity": 100.0 if share < 0.1 else 10.0}
        line |= {"centre_perplexity": late} if share > 0.4 else {}
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    found = flags(findings(collect([str(folder)]).pretrain))
    assert (found == {"quantized-g4v8": NOT_LEARNED}) is flagged
