"""Codes in the report: tables, intervals, and bits per frame below Table 4's errors."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from probe.heads.shown import shown_in
from reports.assemble import build
from reports.codes.bits import bits_per_frame
from reports.codes.knowledge import half_width, knowledge
from reports.codes.rate_curve import rate_figure
from reports.codes.runs import Codes, merged
from reports.codes.section import codes_section
from reports.collect import collect
from reports.read.scores import grids
from reports.uncertainty.evidence import evidence
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
                "seen_once": 0.01, "held_out_bits": 1.6, "held_out_over": "speakers",
                "rate_bits": float("nan"), "drawn_bits": 1.1,
            }
        )  # fmt: skip
        for group in range(groups):
            lines["groups"].append(
                {**key, "group": group, "entries": entries, "used": entries - 1, "dead": 1,
                 "perplexity": 1.7, "bits": 0.8, "drawn_bits": 0.6}
            )  # fmt: skip
        for label in ("emotion", "speaker"):
            lines["information"].append(
                {**key, "label": label, "shuffled_over": "utterances", "units": "speakers",
                 "frames": 5000, "label_bits": 2.0, "bits": 0.12,
                 "shuffled_bits": 0.02 + 0.02 * seed,
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


def remake(folder: Path, *, weights: str | None = "same", corpus: str = "") -> Path:
    """Changes the weights of all rows ("same": none; None: as probed), or the corpus."""
    record = json.loads((folder / "run.json").read_text())
    for row in record["rows"]:
        usual = f"ff{hash_of(row['name'], row['seed'])}"
        if weights != "same":
            row["hashes"] = {"final_weights": usual if weights is None else weights}
    if corpus:
        record["corpora"][0]["name"] = corpus
        for file in folder.glob("*.csv"):
            pd.read_csv(file).assign(corpus=corpus).to_csv(file, index=False)
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def codes_of(*folders: Path) -> Codes:
    """Reads folders without a probe beside them."""
    from reports.codes.runs import read_codes

    read = [read_codes(f, json.loads((f / "run.json").read_text()), []) for f in folders]
    found = merged([run for run in read if run])
    assert found is not None
    return found


@pytest.mark.slow
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


@pytest.mark.slow
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
        remake(make_codes(tmp_path / "weights", seeds=(0, 1)), weights="other"),
        remake(make_codes(tmp_path / "unknown", seeds=(0, 1)), weights=""),
    ):
        found = bits_per_frame(grid, codes_of(other))
        assert found.of == nominal
        assert "no run of probe/code_knowledge.py" in found.words
    # Right weights on another corpus say nothing of this one.
    wrong = tmp_path / "weights"
    elsewhere = remake(make_codes(tmp_path / "elsewhere", seeds=(0, 1)), corpus="ravdess")
    assert not bits_per_frame(grid, codes_of(wrong, elsewhere)).measured
    assert not bits_per_frame(grid, codes_of(elsewhere, wrong)).measured
    assert bits_per_frame(grid, codes_of(wrong, tmp_path / "both")).measured


def test_what_is_known_of_a_row_comes_from_one_set_of_weights(tmp_path: Path) -> None:
    old = remake(make_codes(tmp_path / "old"), weights="other")
    blocks = pd.read_csv(old / "blocks.csv")
    pd.concat([blocks, blocks.assign(block=blocks["block"] + 3)]).to_csv(old / "blocks.csv")
    new = make_codes(tmp_path / "new")
    information = pd.read_csv(new / "information.csv")
    information[information["label"] == "emotion"].to_csv(new / "information.csv")
    (one, other) = knowledge(codes_of(old, new), "synthetic")
    assert {one.label, other.label} == {"emotion"}
    assert one.num_blocks == 3
    # The same weights measured in two calls add up.
    remake(old, weights=None)
    assert len(knowledge(codes_of(old, new), "synthetic")) == 4


def test_a_garbled_row_is_named_with_its_own_folder(tmp_path: Path) -> None:
    codes = codes_of(make_codes(tmp_path / "a"), make_codes(tmp_path / "b", seeds=(1,)))
    assert [Path(folder).name for folder, _ in codes.rows] == ["a", "a", "b", "b"]


def test_the_notes_say_what_was_held_out_and_what_the_units_are(tmp_path: Path) -> None:
    folder = make_codes(tmp_path / "codes")
    for name, column, words in (
        ("codes", "held_out_over", "utterances"),
        ("information", "units", "groups of speakers"),
    ):
        table = pd.read_csv(folder / f"{name}.csv")
        table.assign(**{column: words}).to_csv(folder / f"{name}.csv", index=False)
    ((part,), (usual,)) = (
        codes_section(codes_of(f), lambda _: cast(Any, None)).parts
        for f in (folder, make_codes(tmp_path / "usual"))
    )
    assert part.information
    assert usual.information
    assert "counted on other utterances" in " ".join(part.usage.notes)
    assert "counted on other speakers" in " ".join(usual.usage.notes)
    assert "95 % interval over groups of speakers" in " ".join(part.information.notes)
    assert "95 % interval over speakers" in " ".join(usual.information.notes)
    assert {line.cells["units"].text for line in part.information.lines} == {"3"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "words"), [("superb", "learned mixture of all layers"), ("finetune", "last layer")]
)
def test_the_curve_says_where_the_head_takes_its_scores_from(
    tmp_path: Path, head: str, words: str
) -> None:
    (grid,) = grids(collect([str(make_probe(tmp_path / "probe", names=NAMES))]).probe)
    grid = replace(grid, head=head, head_shown=shown_in({}, head))
    drawing = rate_figure(grid, evidence(grid), bits_per_frame(grid, None))
    assert drawing
    assert words in drawing.caption
    assert "the dev part chose" not in drawing.caption


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
    make_codes(tmp_path / "fewer", rows=[])
    make_codes(tmp_path / "nameless", corpora=[{}])
    make_codes(tmp_path / "version", format=0)
    for name, change in (("label", {"label": None}), ("words", {"excess_bits": "many"})):
        file = make_codes(tmp_path / name) / "information.csv"
        table = pd.read_csv(file).assign(**change)
        table.dropna(axis="columns").to_csv(file, index=False)
    found = collect([str(tmp_path / "*")])
    assert not found.codes
    for words in (
        "gone: left out, codes.csv cannot be read",
        "bare: left out, blocks.csv lacks row, seed, corpus",
        "rows: left out, run.json has no list 'rows'",
        "fewer: left out, run.json does not name the rows quantized-g2v2 (seed 0)",
        "nameless: left out, run.json has nameless entries in 'corpora'",
        "version: left out, run.json has the format 0",
        "label: left out, information.csv lacks label",
        "words: left out, information.csv cannot be read",
    ):
        assert any(words in notice for notice in found.notices), words


def test_codes_alone_are_no_report_and_the_message_says_what_lacks(tmp_path: Path) -> None:
    codes = make_codes(tmp_path / "codes")
    with pytest.raises(ValueError, match=r"kind codes is shown only beside a probe"):
        collect([str(codes)])


def test_codes_of_other_weights_than_were_probed_are_named(tmp_path: Path) -> None:
    probe = make_probe(tmp_path / "probe", names=NAMES)
    codes = remake(make_codes(tmp_path / "codes"), weights="other")
    notices = collect([str(probe), str(codes)]).notices
    assert any("of the codes in" in x and "were not those that were probed" in x for x in notices)
