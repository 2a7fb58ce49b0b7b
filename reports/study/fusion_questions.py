"""The questions that a study of fusion registered, asked of what it found."""

from dataclasses import dataclass

from reports.study.fusion_read import CONTRADICTED, OTHERS, FusionStudyRun, shown
from reports.study.questions import POINTS, in_words
from reports.uncertainty.planned import Finding, Resolution, decide, finding, resolution
from reports.uncertainty.speaker_sums import Array

SINGLE = ("tec", "sec-quantized", "sec-continuous")
"""Networks of one stream."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Of one network, over the seeds that all have."""

    ua: Finding
    right: Finding | None
    """Of contradicted utterances: follows the voice; None where there are none."""

    follows_words: Finding | None
    """Of contradicted utterances."""

    others: Finding
    """Right answers to the others."""


@dataclass(frozen=True, kw_only=True)
class FusionOutcome:
    """What a study of fusion says."""

    run: FusionStudyRun
    scores: dict[str, Scores]
    findings: list[Finding]
    """The registered contrasts, the first the primary question."""

    resolutions: list[Resolution]


def fusion_outcome(run: FusionStudyRun) -> FusionOutcome:
    """Asks all questions together."""
    decision = run.study.decision
    found = [
        finding(
            one.name,
            {one.first: 1.0, one.second: -1.0},
            {name: run.ua(name) for name in one.rows},
            decision.alpha,
        )
        for one in run.study.contrasts
        if shown(one.rows, run)
    ]
    margin = decision.equivalence_margin / POINTS
    decided = decide(found, [margin] * len(found), decision.alpha)
    return FusionOutcome(
        run=run,
        scores={name: _scores(run, name) for name in run.names},
        findings=decided,
        resolutions=[resolution(one.squares, alpha=decision.alpha) for one in decided],
    )


def _scores(run: FusionStudyRun, name: str) -> Scores:
    def one(values: Array) -> Finding:
        return finding(name, {name: 1.0}, {name: values})

    against = (run.counts["contradicted"] == CONTRADICTED).any()
    return Scores(
        ua=one(run.ua(name)),
        right=one(run.share(name, "right", CONTRADICTED)) if against else None,
        follows_words=one(run.share(name, "follows_words", CONTRADICTED)) if against else None,
        others=one(run.share(name, "right", OTHERS)),
    )


def fusion_sentence(found: FusionOutcome) -> str:
    """Returns the study's answer in one sentence."""
    one = found.findings[0]
    head = one.name.split()[0]
    rivals = [f"{head} {name}" for name in SINGLE if f"{head} {name}" in found.scores]
    best = max(rivals, key=lambda name: found.scores[name].ua.value)
    number = len(found.run.seeds)
    return (
        f"{one.name}: {in_words(one)}. The best single stream is {best} "
        f"({POINTS * found.scores[best].ua.value:.1f} %; {one.num_speakers} speakers, "
        f"{number} seed{'' if number == 1 else 's'})."
    )
