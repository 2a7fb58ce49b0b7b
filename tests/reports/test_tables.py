"""Numbers in the tables are those of scores.csv, in every format."""

import csv
import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from reports.collect import collect
from reports.read.paper import CONSTANT, SESSION, TABLE_4, paper_row, setups_for
from reports.read.scores import Grid, grids
from reports.table_data import Cell, Column, Line, Table
from reports.tables.formats import latex_text, markdown_text, to_csv, to_latex, to_markdown
from reports.tables.table4 import layer_tables, paper_table, table_4
from tests.reports.conftest import ROWS, make_probe


def one_grid(folder: Path) -> Grid:
    (grid,) = grids(collect([str(folder)]).probe)
    return grid


def csv_lines(table: Table) -> dict[str, dict[str, str]]:
    lines = csv.DictReader(io.StringIO(to_csv(table)))
    return {f"{line['target']} {line['setting']}".strip(): line for line in lines}


def test_table_4_shows_the_selected_scores(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p")
    scores = pd.read_csv(folder / "scores.csv")
    shown = csv_lines(table_4(one_grid(folder), {}))
    for name, (mode, row, _) in ROWS.items():
        setting = (
            f"K={row['top_k']}"
            if mode == "continuous"
            else (f"G={row['codebooks']} V={row['entries']}")
        )
        part = scores[(scores["row"] == name) & (scores["layer"] == "selected")]
        values = dict(zip(part["metric"], part["value"], strict=True))
        line = shown[f"{mode} {setting}"]
        assert float(line["ua"]) == pytest.approx(100 * values["ua"], abs=0.0501)
        assert float(line["mse_valence"]) == pytest.approx(values["mse_valence"], abs=0.000501)
        assert float(line["ccc_arousal"]) == pytest.approx(values["ccc_arousal"], abs=0.000501)
    assert {"untrained", "log-mel", "constant"} < set(shown)


def test_seeds_are_averaged_and_counted(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=("quantized-g2v2", "continuous-k1"), seeds=(0, 1, 2))
    scores = pd.read_csv(folder / "scores.csv")
    part = scores[(scores["row"] == "continuous-k1") & (scores["layer"] == "selected")]
    mean = part[part["metric"] == "mse_arousal"]["value"].mean()
    line = csv_lines(table_4(one_grid(folder), {}))["continuous K=1"]
    assert line["seeds"] == "3"
    assert float(line["mse_arousal"]) == pytest.approx(mean, abs=0.000501)


def test_an_mse_no_better_than_the_constant_is_marked(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=("quantized-g2v2", "continuous-k1"))
    frame = pd.read_csv(folder / "scores.csv")
    bad = (frame["row"] == "quantized-g2v2") & (frame["metric"] == "mse_valence")
    frame.loc[bad, "value"] = 0.9
    frame.to_csv(folder / "scores.csv", index=False)
    table = table_4(one_grid(folder), {})
    marked = {
        (line.cells["setting"].text, key)
        for line in table.lines
        for key, cell in line.cells.items()
        if cell.worse_than_constant and not key.startswith("paper")
    }
    assert marked == {("G=2 V=2", "mse_valence")}
    assert "0.900\u2020" in to_markdown(table)
    assert r"0.900\textsuperscript{\dag}" in to_latex(table)


def test_rows_of_the_paper_that_were_not_run_are_named(tmp_path: Path) -> None:
    table = table_4(one_grid(make_probe(tmp_path / "p", names=("quantized-g2v2",))), {})
    missing = [line for line in table.lines if line.cells["setting"].flag == "not run"]
    assert [line.cells["setting"].text for line in missing] == [
        "G=2 V=8",
        "G=2 V=12",
        "G=4 V=8",
        "K=1",
        "K=4",
    ]


def test_three_of_four_quantized_valence_cells_of_the_paper_are_worse_than_a_constant() -> None:
    column = f"{SESSION}: mse_valence"
    lines = paper_table().lines[:4]
    assert [line.cells[column].worse_than_constant for line in lines] == [True, True, True, False]
    assert CONSTANT[SESSION]["mse_valence"] == 0.906


def test_the_paper_is_found_by_setting_and_not_by_name() -> None:
    found = paper_row("quantized", {"codebooks": 4, "entries": 8, "centres": 1})
    assert found is TABLE_4[3]
    assert found.row["centres"] == 4096
    assert paper_row("continuous", {"top_k": 3}) is None
    assert setups_for("session", with_dimensions=True) == (SESSION,)


def test_all_formats_hold_the_same_numbers(tmp_path: Path) -> None:
    table = table_4(one_grid(make_probe(tmp_path / "p")), {})
    pattern = re.compile(r"(?<![\w.=])\d+(?:\.\d+)?(?![\w.=])")
    expected = [
        cell.text
        for line in table.lines
        for column in table.columns
        # A baseline without an encoder has no seeds: "none" is no number.
        if not column.text and (cell := line.cells.get(column.key)) and pattern.fullmatch(cell.text)
    ]
    rows = list(csv.reader(io.StringIO(to_csv(table))))[1:]
    assert [x for row in rows for x in row[1:-1] if pattern.fullmatch(x)] == expected
    pipes = [x for x in to_markdown(table).splitlines() if x.startswith("|")][2:]
    body = to_latex(table).split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
    body = re.sub(r"\\multicolumn\{\d+\}\{l\}", "", body)
    body = re.sub(r"\[[^]]*\]|G=\d+ V=\d+|K=\d+", "", body)
    markdown = re.sub(r"G=\d+ V=\d+|K=\d+", "", "\n".join(pipes))
    assert pattern.findall(markdown) == expected
    assert pattern.findall(body) == expected


def test_layer_tables_hold_every_layer(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=("continuous-k1",))
    tables = {table.name.split("-synthetic")[0]: table for table in layer_tables(one_grid(folder))}
    assert set(tables) == {
        "layers-ua",
        "layers-ccc-valence",
        "layers-ccc-arousal",
        "layers-ccc-dominance",
    }
    frame = pd.read_csv(folder / "scores.csv", dtype={"layer": str})
    value = frame[
        (frame["row"] == "continuous-k1") & (frame["layer"] == "3") & (frame["metric"] == "ua")
    ]["value"].item()
    line = next(x for x in tables["layers-ua"].lines if x.cells["row"].text == "continuous-k1")
    assert line.cells["layer_3"].text == f"{100 * value:.1f}"


def test_hostile_words_are_escaped_for_latex_and_markdown() -> None:
    assert latex_text(r"<s>&_%$\{") == (r"\textless{}s\textgreater{}\&\_\%\$\textbackslash{}\{")
    assert markdown_text("<script>a|b") == r"&lt;script&gt;a\|b"
    columns = [Column(key="x", title="a_b")]
    line = Line(part="p", cells={"x": Cell(text="=1+1")})
    table = Table(name="t", title="100 %", columns=columns, lines=[line])
    assert to_csv(table).splitlines()[1] == "p,'=1+1,"
    assert r"\caption{100 \%}" in to_latex(table)
    assert r"a\_b" in to_latex(table)


def test_what_has_no_names_or_seeds_is_not_counted_as_one(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=("quantized-g2v2",))
    record = json.loads((folder / "run.json").read_text())
    record["corpora"][0]["sessions"] = 1  # as older probes counted "no name"
    (folder / "run.json").write_text(json.dumps(record))
    assert "480 utterances, 8 speakers, 1 session, 0.40" in one_grid(folder).description
    table = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
    table.assign(session="").to_csv(folder / "predictions.csv", index=False)
    grid = one_grid(folder)
    assert grid.description == "480 utterances, 8 speakers, 0.40 hours"
    seeds = {
        line.cells["target"].text: line.cells["seeds"].text
        for line in table_4(grid, {}).lines
        if "seeds" in line.cells
    }
    assert seeds == {"quantized": "1", "untrained": "none", "log-mel": "none", "constant": "none"}


def test_a_ccc_of_the_constant_predictor_that_is_not_0_is_explained(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=("quantized-g2v2",))
    words = "another mean in every fold"
    assert words not in " ".join(table_4(one_grid(folder), {}).notes)
    scores = pd.read_csv(folder / "scores.csv", dtype=str, keep_default_na=False)
    chosen = (scores["row"] == "constant") & (scores["metric"] == "ccc_valence")
    scores.loc[chosen, "value"] = "-0.006"
    scores.to_csv(folder / "scores.csv", index=False)
    assert words in " ".join(table_4(one_grid(folder), {}).notes)
