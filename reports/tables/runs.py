"""The tables of pre-training runs: all of them, and the equal tuning before anything was probed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pretrain.objectives.known_rows import rules_in
from reports.palette import colours
from reports.read.health import COLLAPSED, findings
from reports.read.records import PretrainRun, row_order
from reports.table_data import Cell, Column, Line, Table

SWEEP_METRIC_WORDS = {"explained": "explained, %", "position_share": "position share, %"}
"""Shares, shown in percent; other metrics go by their names."""


def run_table(runs: Sequence[PretrainRun]) -> Table:
    """Returns the list of pre-training runs."""
    titles = {
        "row": "row",
        "seed": "seed",
        "status": "status",
        "updates": "updates",
        "audio_hours": "audio, h",
        "train_minutes": "time, min",
        "parameters": "encoder, M",
        "loss": "last loss",
        "tuned": "tuned",
        "settings": "settings",
        "weights": "final weights",
        "folder": "folder",
    }
    words = ("row", "status", "tuned", "settings", "weights", "folder")
    columns = [
        Column(key=key, title=titles[key], text=key in words, in_files_only=key == "folder")
        for key in titles
    ]
    palette = colours([run.row for run in runs])
    lines = []
    for run in sorted(runs, key=lambda run: (row_order(run.row), run.row.seed or 0)):
        record = run.record
        loss = run.metrics["loss"].iloc[-1] if "loss" in run.metrics and len(run.metrics) else None
        texts = {
            "row": run.row.name,
            "seed": "" if run.row.seed is None else str(run.row.seed),
            "status": str(record.get("status", "")),
            "updates": str(record.get("updates", "")),
            "audio_hours": _scaled(record.get("audio_hours"), 1, 2),
            "train_minutes": _scaled(record.get("train_seconds"), 60, 1),
            "parameters": _scaled((record.get("parameters") or {}).get("encoder"), 1e6, 2),
            "loss": _scaled(loss, 1, 3),
            "tuned": ", ".join(_tuned(record.get("settings") or {})),
            "settings": run.row.hashes.get("settings", "")[:12],
            "weights": run.row.hashes.get("final_weights", "")[:12],
            "folder": str(run.folder),
        }
        cells = {key: Cell(text=text) for key, text in texts.items()}
        lines.append(Line(part="Runs", cells=cells, colour=palette[run.row.name]))
    return Table(name="runs", title="Pre-training runs", columns=columns, lines=lines)


def _tuned(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yields what an equal sweep chose for this row alone, such as "lr = 0.001"."""
    for name in settings.get("tuned") or ():
        table, _, key = name.partition(".")
        yield f"{key} = {settings[table][key]:g}"


def _scaled(value: object, unit: float, digits: int) -> str:
    return f"{value / unit:.{digits}f}" if isinstance(value, int | float) else ""


def sweep_table(runs: Sequence[PretrainRun]) -> Table:
    """Returns what each setting came to: means over the last tenth of the logged updates.

    Its columns are the settings that were tried, and the metrics by which the runs' objectives tell
    a collapse.
    """
    tried = _tried(runs)
    watched = [rule.metric for run in runs for rule in rules_in(run.record)]
    metrics = list(dict.fromkeys(["explained", *watched]))
    metrics = [name for name in metrics if any(name in run.metrics for run in runs)]
    lines = []

    def place(run: PretrainRun) -> tuple[object, ...]:
        return row_order(run.row), *(_value(run, key) for key in tried), run.row.name

    for run in sorted(runs, key=place):
        verdicts = dict.fromkeys(finding.flag for finding in findings([run]))
        cells = {
            "row": run.row.name,
            **{key: f"{_value(run, key):g}" for key in tried},
            "updates": str(run.record.get("updates", "")),
            **{name: _late_mean(run, name) for name in metrics},
            "verdict": ", ".join(verdicts) or "healthy",
        }
        if COLLAPSED in verdicts:
            cells["explained"] = ""
        lines.append(
            Line(part=run.row.mode, cells={key: Cell(text=text) for key, text in cells.items()})
        )
    return Table(
        name="sweep",
        title="Equal tuning",
        columns=[
            Column(key="row", title="row", text=True),
            *(Column(key=key, title=key.rpartition(".")[2]) for key in tried),
            Column(key="updates", title="updates"),
            *(
                Column(key=name, title=SWEEP_METRIC_WORDS.get(name, name.replace("_", " ")))
                for name in metrics
            ),
            Column(key="verdict", title="verdict", text=True),
        ],
        lines=lines,
        notes=(
            "Every mode tries the same settings, and one is then used for all rows, unless they "
            "are declared as tuned. Only what pre-training itself shows is looked at: nothing is "
            "probed for this choice. Collapsed targets are predicted without any loss: no share is "
            "shown as explained there.",
        ),
    )


def _tried(runs: Sequence[PretrainRun]) -> list[str]:
    """Returns the keys of numbers in which runs of one mode differ."""
    keys: dict[str, None] = {}
    for mode in {run.row.mode for run in runs}:
        values: dict[str, set[float]] = {}
        for run in runs:
            for key, value in _numbers(run).items() if run.row.mode == mode else ():
                values.setdefault(key, set()).add(value)
        keys |= {key: None for key, found in values.items() if len(found) > 1 and key != "seed"}
    return sorted(keys)


def _value(run: PretrainRun, key: str) -> float:
    return _numbers(run).get(key, float("nan"))


def _numbers(run: PretrainRun) -> dict[str, float]:
    """Returns the run's settings that are numbers, by dotted key."""
    found: dict[str, float] = {}

    def walk(table: Mapping[str, Any], prefix: str) -> None:
        for key, value in table.items():
            if isinstance(value, Mapping):
                walk(value, f"{prefix}{key}.")
            elif isinstance(value, int | float) and not isinstance(value, bool):
                found[prefix + key] = float(value)

    walk(run.record.get("settings") or {}, "")
    return found


def _late_mean(run: PretrainRun, metric: str) -> str:
    late = run.metrics.iloc[-max(1, len(run.metrics) // 10) :]
    if metric not in late or late[metric].dropna().empty:
        return ""
    in_percent = metric in SWEEP_METRIC_WORDS
    return f"{late[metric].mean() * (100 if in_percent else 1):.{1 if in_percent else 3}f}"
