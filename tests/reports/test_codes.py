"""Codes in the report: tables, intervals, and bits per frame below Table 4's errors."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from reports.build import build
from reports.codes.bits import bits_per_frame
from reports.codes.knowledge import half_width, knowledge
from reports.codes.runs import Codes, merged
from reports.collect import collect
from reports.scores import grids
from tests.reports.conftest import ROWS, hash_of, make_probe

NAMES = ("quantized-g2v2", "quantized-g4v8", "continuous-k4")
BITS = {"quantized-g2v2": 1.5, "quantized-g4v8": 9.0}


def make_codes(
    folder: Path, names: Sequence[str] = NAMES[:2], seeds: Sequence[int] = (0,), **changes: Any
) -> Path:
    """Writes one folder of code measurements with made-up numbers."""
    folder.mkdir(parents=True)
    lines: dict[str, list[dict[str, object]]] = {
        name: [] for name in ("codes", "groups", "information", "blocks")
    }
    for name, seed in ((name, seed) for name in names for seed in seeds):
        row = ROWS[name][1]
        key = {"row": name, "seed": seed, "corpus": "synthetic"}
        groups, entries = row["codebooks"], row["entries"]
        lines["codes"].append(
            {
                **key, "frames": 5000, "codebooks": groups, "entries": entries,
                "nominal_bits": groups * np.log2(entries), "centres": entries**groups,
                "centres_used": 3, "perplexity": 2.8, "bits": BITS[name] + 0.2 * seed,
                "seen_once": 0.01, "held_out_bits": 1.6, "rate_bits": float("nan"),
                "drawn_bits": 1.1,
            }
        )  # fmt: skip
        for group in range(groups):
            lines["groups"].append(
                {**key, "group": group, "entries": entries, "used": entries - 1, "dead": 1,
                 "perplexity": 1.7, "bits": 0.8, "drawn_bits": 0.6}
            )  # fmt: skip
        for label in ("emotion", "speaker"):
            lines["information"].append(
                {**key, "label": label, "shuffled_over": "utterances", "frames": 5000,
                 "label_bits": 2.0, "bits": 0.12, "shuffled_bits": 0.02 + 0.02 * seed,
                 "excess_bits": 0.10 - 0.02 * seed, "p_value": 0.005 + 0.01 * seed}
            )  # fmt: skip
            lines["blocks"] += [
                {**key, "label": label, "block": block, "excess_bits": 0.1 + 0.01 * block}
                for block in range(3)
            ]
    for name, table in lines.items():
        pd.DataFrame(table).to_csv(folder / f"{name}.csv", index=False)
    rows = [
        {"name": name, "seed": seed, "mode": "quantized", "row": ROWS[name][1], "group": "row",
         "hashes": {"final_weights": f"ff{hash_of(name, seed)}"}}
        for name in names
        for seed in seeds
    ]  # fmt: skip
    record = {
        "kind": "codes", "format": 1, "rows": rows, "aligner": None,
        "corpora": [{"name": "synthetic", "synthetic": True, "notes": ["one copy left out"]}],
        "command": "python probe/code_knowledge.py", "git": {"commit": "0", "dirty": False},
        **changes,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def codes_of(*folders: Path) -> Codes:
    """Reads folders without a probe beside them."""
    from reports.codes.runs import read_codes

    read = [read_codes(f, json.loads((f / "run.json").read_text()), []) for f in folders]
    found = merged([run for run in read if run])
    assert found is not None
    return found


def test_the_report_shows_codes_and_the_curve(tmp_path: Path) -> None:
    probe = make_probe(tmp_path / "probe", names=NAMES)
    codes = make_codes(tmp_path / "codes")
    page = build([str(probe), str(codes)], tmp_path / "out", command="x").read_text()
    for words in (
        "What the codes know",
        "Codes on synthetic speech",
        "one copy left out",
        "Table 4 as a curve",
        "entropy of the joint code",
        "python probe/code_knowledge.py",
    ):
        assert words in page
    assert "nominal bits per frame" not in page
    for name in ("rates-synthetic-speaker-linear", "information-synthetic"):
        assert (tmp_path / "out" / "figures" / f"{name}.svg").is_file()
    text = (tmp_path / "out" / "tables" / "code-information-synthetic.csv").read_text()
    assert text.count("0.1000") == 4
    assert (tmp_path / "out" / "tables" / "codebooks-synthetic.csv").is_file()


def test_measured_bits_need_the_same_weights_in_every_row(tmp_path: Path) -> None:
    (grid,) = grids(collect([str(make_probe(tmp_path / "probe", names=NAMES, seeds=(0, 1)))]).probe)
    both = codes_of(make_codes(tmp_path / "both", seeds=(0, 1)))
    found = bits_per_frame(grid, both)
    assert found.measured
    assert found.of == pytest.approx({"quantized-g2v2": 1.6, "quantized-g4v8": 9.1})
    nominal = {"quantized-g2v2": 2.0, "quantized-g4v8": 12.0}
    assert bits_per_frame(grid, None).of == nominal
    for other in (
        make_codes(tmp_path / "one", names=NAMES[:1], seeds=(0, 1)),
        make_codes(tmp_path / "seed"),
        make_codes(tmp_path / "weights", seeds=(0, 1), rows=[]),
    ):
        found = bits_per_frame(grid, codes_of(other))
        assert found.of == nominal
        assert "no run of probe/code_knowledge.py" in found.words


def test_seeds_are_averaged_before_the_interval_over_speakers(tmp_path: Path) -> None:
    codes = codes_of(make_codes(tmp_path / "codes", seeds=(0, 1)))
    found = {(item.row, item.label): item for item in knowledge(codes, "synthetic")}
    emotion = found["quantized-g2v2", "emotion"]
    assert emotion.excess == pytest.approx(0.09)
    assert emotion.share == pytest.approx(0.045)
    assert emotion.p_value == pytest.approx(0.015)
    half = student.ppf(0.975, 2) * (2 / 3 * 2e-4) ** 0.5
    assert emotion.high - emotion.excess == pytest.approx(half)
    assert np.isnan(half_width(pd.Series([0.1, 0.2])))


def test_a_jackknife_interval_of_a_mean_is_the_t_interval() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    left_out = pd.Series([float(np.delete(values, i).mean()) for i in range(4)])
    known = student.ppf(0.975, 3) * values.std(ddof=1) / 2
    assert half_width(left_out) == pytest.approx(known)


def test_damaged_folders_are_named_and_left_out(tmp_path: Path) -> None:
    make_probe(tmp_path / "probe", names=NAMES)
    (make_codes(tmp_path / "gone") / "codes.csv").unlink()
    (make_codes(tmp_path / "bare") / "blocks.csv").write_text("label\nx\n")
    make_codes(tmp_path / "rows", rows="none")
    found = collect([str(tmp_path / "*")])
    assert not found.codes
    for words in ("codes.csv cannot be read", "lacks row, seed or corpus", "no list 'rows'"):
        assert any(words in notice for notice in found.notices)
