"""The tables of a study: contrasts, rows with their gate, and what a study of this size can see."""

from collections.abc import Mapping, Sequence

from probe.study.study_file import Decision
from reports.study.questions import POINTS, Outcome, signed
from reports.study.read import BASELINES
from reports.table_data import Cell, Column, Line, Table
from reports.uncertainty.planned import EQUAL, Finding, Resolution


def contrast_table(found: Outcome) -> Table:
    """Returns every registered question with its verdict."""
    study = found.run.study
    return findings_table(
        study.name,
        found.findings,
        {one.name: one.isolates for one in study.contrasts},
        study.decision,
        found.primary,
        [
            "UA at the layer that dev speakers chose; "
            f"{' and '.join(study.probing.corpora)} weighted by their numbers of speakers. "
            "Intervals: 95 %, for other speakers and other seeds.",
        ],
        [
            "The slope is that of UA over the share of variance that a target keeps, in points "
            "from the least to the most."
        ]
        if study.primary
        else [],
    )


def findings_table(
    name: str,
    findings: Sequence[Finding],
    isolates: Mapping[str, str],
    decision: Decision,
    primary: Finding | None,
    before: Sequence[str],
    after: Sequence[str] = (),
) -> Table:
    """Returns the questions of a study called `name` with their verdicts, between notes of its
    own."""
    lines = [
        Line(
            part="primary question" if one is primary else "planned contrasts",
            cells={
                "question": Cell(text=one.name),
                "isolates": Cell(
                    text=isolates.get(one.name, "quantization, by the variance that is kept")
                ),
                "difference": _points(one),
                "p": Cell(text="" if one.not_learned else f"{one.adjusted_p:.3f}"),
                "margin": Cell(text=f"{POINTS * one.margin:.1f}"),
                "verdict": Cell(text=_verdict(one)),
            },
        )
        for one in findings
    ]
    return Table(
        name=f"study-{name}-contrasts",
        title=f"Registered questions: {name}",
        columns=[
            Column(key="question", title="question", text=True),
            Column(key="isolates", title="what changes", text=True),
            Column(key="difference", title="UA, points", limits_beside=True),
            Column(key="p", title="p (Holm)"),
            Column(key="margin", title="equal within"),
            Column(key="verdict", title="verdict", text=True),
        ],
        lines=lines,
        notes=[
            *before,
            f"Differs: p at most {decision.alpha:g} after Holm over all questions. Equal within x: "
            "two one-sided tests at 5 % hold at x points and not below; it is a verdict where x is "
            f"at most {decision.equivalence_margin:g}, fixed beforehand.",
            *after,
        ],
    )


def row_table(found: Outcome) -> Table:
    """Returns every row with its score, what it learned, and whether that passes."""
    lines = []
    for name, score in found.scores.items():
        cells = {
            "row": Cell(text=name),
            "ua": Cell(
                text=f"{POINTS * score.value:.1f}",
                low=f"{POINTS * score.low:.1f}",
                high=f"{POINTS * score.high:.1f}",
            ),
            "seeds": Cell(text=str(score.num_seeds) if name in found.gates else ""),
        }
        if gate := found.gates.get(name):
            kept = found.run.kept_variance(name)
            cells |= {
                "kept": Cell(text="" if kept != kept else f"{kept:.2f}"),
                "explained": Cell(
                    text=f"{gate.explained:.3f}", low=f"{gate.low:.3f}", high=f"{gate.high:.3f}"
                ),
                "r2": Cell(text=f"{gate.r2_logmel:.3f}"),
                "nearest": Cell(text=f"{gate.nearest_64:.3f}"),
                "learned": Cell(text="yes" if gate.learned else "no"),
            }
        lines.append(Line(part="baselines" if name in BASELINES else "rows", cells=cells))
    limit = next((gate.limit for gate in found.gates.values()), float("nan"))
    return Table(
        name=f"study-{found.run.study.name}-rows",
        title=f"Rows: {found.run.study.name}",
        columns=[
            Column(key="row", title="row", text=True),
            Column(key="ua", title="UA, %", limits_beside=True),
            Column(key="seeds", title="seeds"),
            Column(key="kept", title="variance kept"),
            Column(key="explained", title="explained", group="held-out speech", limits_beside=True),
            Column(key="r2", title="R2 of log-mel", group="held-out speech"),
            Column(key="nearest", title="nearest of 64", group="held-out speech"),
            Column(key="learned", title="learned", text=True, group="held-out speech"),
        ],
        lines=lines,
        notes=[
            "Learned: `explained` of frames of speakers that no row was trained on is above the "
            f"upper limit of the control {found.run.study.gate.control} ({limit:.3f}). No verdict "
            "is drawn from a row that has not learned.",
            "R2 and nearest: what ridge regression on the last layer's masked states tells of the "
            "frame, the same for every row.",
        ],
    )


def resolution_table(
    name: str, findings: Sequence[Finding], resolutions: Sequence[Resolution]
) -> Table:
    """Returns what studies of this size see, by simulation."""
    lines = [
        Line(
            part="",
            cells={
                "question": Cell(text=one.name),
                "false": Cell(text=f"{POINTS * seen.false_positives:.1f}"),
                "coverage": Cell(text=f"{POINTS * seen.coverage:.1f}"),
                "detectable": Cell(text=f"{POINTS * seen.detectable:.1f}"),
            },
        )
        for one, seen in zip(findings, resolutions, strict=True)
    ]
    return Table(
        name=f"study-{name}-resolution",
        title="What a study of this size can see",
        columns=[
            Column(key="question", title="question", text=True),
            Column(key="false", title="false alarms, %"),
            Column(key="coverage", title="coverage, %"),
            Column(key="detectable", title="found in 80 % from, points"),
        ],
        lines=lines,
        notes=[
            "2,000 simulated studies with these numbers of speakers and seeds, normal, with the "
            "variances between speakers, between seeds and of the rest that were found here. False "
            "alarms: of a question alone, before Holm."
        ],
    )


def _verdict(one: Finding) -> str:
    return f"equal within {POINTS * one.margin:.1f}" if one.verdict == EQUAL else one.verdict


def _points(one: Finding) -> Cell:
    return Cell(text=signed(one.value), low=signed(one.low), high=signed(one.high))
