"""The whole report: one page that loads nothing, with everything in it."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from reports.assemble import build
from reports.collect import collect
from reports.figures.confusion import confusion
from reports.palette import colours
from reports.read.health import findings
from reports.read.scores import grids
from reports.run import main
from tests.reports.conftest import ROWS, MakeRuns, make_pretrain, make_probe

TWO = ("quantized-g2v2", "continuous-k4")
HOSTILE = r"<script>alert('&x')</script>_%$\y{"


class Addresses(HTMLParser):
    """Collects everything that a browser would load, and the scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [
            value or "" for key, value in attrs if key in ("src", "href", "srcset", "data")
        ]


def read(page: str) -> Addresses:
    parser = Addresses()
    parser.feed(page)
    return parser


@pytest.mark.slow
def test_the_report_is_complete_and_loads_nothing(tmp_path: Path, make_runs: MakeRuns) -> None:
    runs = make_runs(names=TWO)
    page = build(runs, tmp_path / "out", command="python reports/run.py").read_text()
    found = read(page)
    assert "script" not in found.tags
    assert "link" not in found.tags
    assert all(x.startswith(("data:image/svg+xml;base64,", "#")) for x in found.loads)
    assert not re.search(r"url\(|@import", page)
    for words in (
        "Same initial weights",
        "Same masks",
        "paper: IEMOCAP, leave one speaker out",
        "Synthetic speech",
        "UA, rows against baselines and quantized against continuous rows: no significant",
        "No collapse",
        "configs/table4/continuous-k4.toml",
        "not run",
        "log-mel",
    ):
        assert words in page
    names = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    for name in (
        "training-loss",
        "codebook-use",
        "target-variance",
        "layers-synthetic-speaker-linear",
        "confusion-synthetic-speaker-linear",
    ):
        assert {f"{name}.png", f"{name}.svg"} <= names
    png = (tmp_path / "out" / "figures" / "codebook-use.png").read_bytes()
    # Width in pixels, bytes 16 to 20 of a PNG: two panels of 6.2 inches at 150 dots or more.
    assert int.from_bytes(png[16:20], "big") >= 2 * 6.2 * 150


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_hostile_names_stay_text_in_the_page_and_in_latex(tmp_path: Path) -> None:
    make_pretrain(tmp_path / "runs" / "a & <b>", TWO[0], command=HOSTILE, name=HOSTILE)
    make_probe(
        tmp_path / "runs" / "p",
        corpora=(HOSTILE,),
        classes=(HOSTILE, "sad"),
        names=(HOSTILE, TWO[1]),
    )
    index = build([str(tmp_path / "runs" / "*")], tmp_path / "out", command=HOSTILE)
    page = index.read_text()
    assert "script" not in read(page).tags
    assert "<script>" not in page
    assert "&lt;script&gt;alert" in page
    outside = [p for p in tmp_path.rglob("*.tex") if not p.is_relative_to(tmp_path / "out")]
    assert outside == []
    latex = "".join(path.read_text() for path in (tmp_path / "out" / "tables").glob("*.tex"))
    assert r"\_\%\$\textbackslash{}y\{" in latex
    assert "<script" not in latex


def test_a_figure_takes_dollar_signs_in_names_as_text(tmp_path: Path) -> None:
    from reports.figures.drawing import save
    from reports.figures.training import training_figures

    make_pretrain(tmp_path / "a", r"$\frac{$", mode="other")
    (figure, *_) = training_figures(collect([str(tmp_path / "a")]).pretrain)
    assert save(figure, tmp_path / "figures", dots_per_inch=40).svg.is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_a_corpus_without_dimensions_and_one_with_them_stand_side_by_side(tmp_path: Path) -> None:
    make_probe(tmp_path / "a", names=TWO, dimensions=False, corpora=("emodb",))
    make_probe(tmp_path / "b", names=TWO)
    page = build([str(tmp_path / "a"), str(tmp_path / "b")], tmp_path / "o", command="x")
    text = page.read_text()
    assert "Table 4 on emodb, leave one speaker out" in text
    assert "Table 4 on synthetic speech, leave one speaker out" in text
    head = (tmp_path / "o/tables/table4-emodb-speaker-linear.csv").read_text().splitlines()[0]
    assert "mse" not in head
    assert "paper_savee_ua" in head


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_a_collapse_is_named_in_summary_table_and_health(tmp_path: Path) -> None:
    run = make_pretrain(
        tmp_path / "a",
        TWO[0],
        health=[{"update": 40, "metric": "centre_perplexity", "meaning": "one live centre"}],
    )
    lines = [json.dumps({"update": i, "loss": 1.0, "centre_perplexity": 1.01}) for i in range(9)]
    (run / "metrics.jsonl").write_text("\n".join(lines))
    make_probe(tmp_path / "p", names=TWO)
    page = build([str(tmp_path / "*")], tmp_path / "out", command="x").read_text()
    assert "Collapsed rows:" in page
    assert "update 40: one live centre (centre_perplexity)" in page
    assert '<b class="flag">collapsed</b>' in page
    found = findings(collect([str(run)]).pretrain)
    assert [finding.flag for finding in found] == ["see health", "collapsed"]


@pytest.mark.usefixtures("no_drawing")
def test_pretraining_alone_makes_a_report_that_says_so(tmp_path: Path) -> None:
    make_pretrain(tmp_path / "a", TWO[0])
    text = build([str(tmp_path / "a")], tmp_path / "out", command="x").read_text()
    assert "No probe results were given" in text
    assert "No probe run was given" in text


def test_confusion_counts_are_true_by_predicted() -> None:
    frame = pd.DataFrame(
        {
            "task": "emotion",
            "row": "r",
            "target": ["a", "a", "b", "c"],
            "prediction": ["a", "b", "b", "a"],
        }
    )
    classes, counts = confusion(frame, "r")
    assert classes == ["a", "b", "c"]
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


@pytest.mark.slow
def test_colours_do_not_depend_on_what_else_is_shown_and_differ(tmp_path: Path) -> None:
    (grid,) = grids(collect([str(make_probe(tmp_path / "p"))]).probe)
    found = colours(grid.rows)
    assert len(set(found.values())) == len(ROWS) + 3
    reds = [int(found[name][1:3], 16) for name in ROWS]
    blues = [int(found[name][5:7], 16) for name in ROWS]
    assert all(blue > red for red, blue in zip(reds[:4], blues[:4], strict=True))
    assert all(red > blue for red, blue in zip(reds[4:], blues[4:], strict=True))


def test_errors_end_in_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--runs", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("error: `--runs` must name run folders")


@pytest.mark.slow
def test_the_report_imports_neither_torch_nor_fairseq2() -> None:
    code = "import sys, reports.assemble; assert not {'torch', 'fairseq2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_does_not_import_matplotlib_or_pandas() -> None:
    code = (
        "import sys, reports.run; reports.run.parser().format_help(); "
        "assert not {'matplotlib', 'pandas', 'jinja2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_the_equal_tuning_is_shown_with_its_verdicts(tmp_path: Path, make_runs: MakeRuns) -> None:
    for rate in (5e-4, 2e-3):
        name = f"continuous-k4-lr{rate:g}"
        folder = make_pretrain(
            tmp_path / "sweep" / name, TWO[1], name=name, settings={"optimizer": {"lr": rate}}
        )
        if rate == 2e-3:
            lines = (folder / "metrics.jsonl").read_text().splitlines()
            records = [{**json.loads(line), "conv_variance": 1e-6} for line in lines]
            (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, records)))
    out = tmp_path / "out"
    build(make_runs(names=TWO), out, command="x", sweep=[str(tmp_path / "sweep" / "*")])
    table = pd.read_csv(out / "tables" / "sweep.csv")
    assert table["optimizer.lr"].tolist() == [5e-4, 2e-3]
    assert table["verdict"].tolist() == ["healthy", "collapsed"]
    assert "Equal tuning" in (out / "index.html").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_a_row_that_has_not_learned_its_task_is_named_on_top(
    tmp_path: Path, make_runs: MakeRuns
) -> None:
    runs = make_runs(names=TWO)
    out = tmp_path / "out"
    assert "have not learned" not in build(runs, out, command="x").read_text()
    (metrics,) = (
        file
        for file in tmp_path.rglob("metrics.jsonl")
        if json.loads((file.parent / "run.json").read_text())["name"] == TWO[0]
    )
    records = [json.loads(line) for line in metrics.read_text().splitlines()]
    metrics.write_text("\n".join(json.dumps({**r, "explained": 0.001}) for r in records))
    page = build(runs, out, command="x").read_text()
    banner = page[page.index("have not learned") : page.index("have not learned") + 200]
    assert TWO[0] in banner
    assert TWO[1] not in banner
