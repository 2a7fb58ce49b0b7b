"""The equal tuning: the same few learning rates tried on every mode, before anything was probed."""

from collections.abc import Sequence

from reports.read.health import COLLAPSED, findings
from reports.read.records import PretrainRun, row_order
from reports.table_data import Cell, Column, Line, Table

COLUMNS = {
    "row": "row",
    "learning_rate": "peak rate",
    "updates": "updates",
    "explained": "explained, %",
    "conv_variance": "conv variance",
    "position_share": "position share, %",
    "centre_perplexity": "centre perplexity",
    "verdict": "verdict",
}


def sweep_table(runs: Sequence[PretrainRun]) -> Table:
    """Returns what each rate came to: means over the last tenth of the logged updates."""
    lines = []
    for run in sorted(runs, key=lambda run: (row_order(run.row), _rate(run), run.row.name)):
        verdicts = dict.fromkeys(finding.flag for finding in findings([run]))
        texts = {
            "row": run.row.name,
            "learning_rate": f"{_rate(run):g}",
            "updates": str(run.record.get("updates", "")),
            "explained": "" if COLLAPSED in verdicts else _late_mean(run, "explained", 100, 1),
            "conv_variance": _late_mean(run, "conv_variance", 1, 3),
            "position_share": _late_mean(run, "position_share", 100, 0),
            "centre_perplexity": _late_mean(run, "centre_perplexity", 1, 1),
            "verdict": ", ".join(verdicts) or "healthy",
        }
        cells = {key: Cell(text=text) for key, text in texts.items()}
        lines.append(Line(part=run.row.mode, cells=cells))
    return Table(
        name="sweep",
        title="Equal tuning of the learning rate",
        columns=[
            Column(key=key, title=title, text=key in ("row", "verdict"))
            for key, title in COLUMNS.items()
        ],
        lines=lines,
        notes=(
            "Every mode tries the same rates, and one rate is then used for all rows. Only what "
            "pre-training itself shows is looked at: nothing is probed for this choice. Collapsed "
            "targets are predicted without any loss: no share is shown as explained there.",
        ),
    )


def _late_mean(run: PretrainRun, metric: str, unit: float, digits: int) -> str:
    late = run.metrics.iloc[-max(1, len(run.metrics) // 10) :]
    return f"{late[metric].mean() * unit:.{digits}f}" if metric in late else ""


def _rate(run: PretrainRun) -> float:
    settings = run.record.get("settings") or {}
    return float((settings.get("optimizer") or {}).get("lr") or 0.0)
