"""The studies of fusion that are kept with the project: README says what their files say."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from reports.assemble import build
from reports.collect import collect
from reports.study.fusion_questions import FusionOutcome, fusion_outcome, fusion_sentence
from reports.study.fusion_tables import NETWORKS
from reports.study.questions import POINTS, signed
from reports.uncertainty.planned import EQUAL, Finding
from tests.conftest import PROJECT

RESULTS = PROJECT / "reports" / "results"
FIRST, SECOND = "fusion", "fusion-words"
README = (PROJECT / "README.md").read_text(encoding="utf-8")

TRACED = ("TEC states", "SEC states", "both states", "text at the head", "pooled", "last layer")
"""Places whose words and emotion README gives, of MFSN with either head."""

WINDOWS = "TEC states in windows"
SEC_GIVEN, TEC_GIVEN = "SEC states + true words", "TEC states + true words"


@cache
def outcome(name: str) -> FusionOutcome:
    (run,) = collect([str(RESULTS / name)]).fusion_studies
    return fusion_outcome(run)


@pytest.fixture(scope="module")
def first() -> FusionOutcome:
    return outcome(FIRST)


@pytest.fixture(scope="module")
def second() -> FusionOutcome:
    return outcome(SECOND)


@pytest.fixture(scope="module", params=[FIRST, SECOND])
def found(request: pytest.FixtureRequest) -> FusionOutcome:
    return outcome(request.param)


def percent(one: Finding | None) -> str:
    assert one is not None
    return f"{POINTS * one.value:.1f} [{POINTS * one.low:.1f}, {POINTS * one.high:.1f}]"


def lines_of(found: FusionOutcome) -> Iterator[str]:
    """Yields the lines of README's tables."""
    for network, words in NETWORKS.items():
        cells = [words]
        for head in found.run.study.networks.heads:
            scores = found.scores[f"{head} {network}"]
            assert scores.right is not None
            assert scores.follows_words is not None
            cells.append(percent(scores.ua))
            against = (scores.right.value, scores.follows_words.value)
            cells.append(" / ".join(f"{POINTS * share:.1f}" for share in against))
        yield f"| {' | '.join(cells)} |"
    if found.run.study.name == FIRST:
        return
    for one in found.findings:
        verdict = f"equal within {POINTS * one.margin:.1f}" if one.verdict == EQUAL else one.verdict
        size = f"{signed(one.value)} [{signed(one.low)}, {signed(one.high)}]"
        yield f"| {one.name} | {size} | {verdict} |"
    trace = found.run.trace
    means = trace[trace["network"] == "mfsn"].groupby(["head", "place", "knows"])["ua"].mean()
    for place in TRACED:
        numbers = [
            f"{POINTS * float(means[head, place, knows]):.1f}"
            for head in found.run.study.networks.heads
            for knows in ("words", "emotion")
        ]
        yield f"| {place} | {' | '.join(numbers)} |"


def mean_ua(found: FusionOutcome, network: str) -> "pd.Series[float]":
    """UA in points by place and what is known, of both heads and all folds together."""
    own = found.run.trace[found.run.trace["network"] == network]
    means: pd.Series[float] = POINTS * own.groupby(["place", "knows"])["ua"].mean()
    return means


def in_readme(said: str) -> bool:
    return said in " ".join(README.split())


def test_readme_says_that_the_first_study_decided_nothing(first: FusionOutcome) -> None:
    assert {one.verdict for one in first.findings} == {"undecided"}
    assert in_readme(f"All {len(first.findings)} questions stayed undecided")


def test_readme_says_what_fusion_may_add_at_most(second: FusionOutcome) -> None:
    primary = second.findings[0]
    assert primary.name == "windows mfsn - windows tec"
    assert in_readme(f"nothing to text alone (at most {POINTS * primary.high:.1f} points)")
    margins = [POINTS * one.margin for one in second.findings[1:4]]
    assert [one.verdict for one in second.findings[1:4]] == [EQUAL] * 3
    assert max(margins) < 3.0
    assert margins[2] < 2.0


def test_readme_says_what_words_that_are_read_would_bring(second: FusionOutcome) -> None:
    means = mean_ua(second, "mfsn")
    said = (
        f"with the true words beside them its states tell {means[SEC_GIVEN, 'emotion']:.1f}, "
        f"TEC's {means[TEC_GIVEN, 'emotion']:.1f}"
    )
    assert in_readme(said), said


def test_readme_says_what_windows_tell(second: FusionOutcome) -> None:
    means = mean_ua(second, "tec")
    windows, frames = (
        [f"{means[place, knows]:.1f}" for knows in ("words", "emotion")]
        for place in (WINDOWS, "TEC states")
    )
    said = (
        f"windows of nine of its frames tell the words with a UA of {windows[0]} and the emotion "
        f"with {windows[1]}, single frames with {frames[0]} and {frames[1]}."
    )
    assert in_readme(said), said


def test_readme_says_how_undecided_the_searches_stayed(
    first: FusionOutcome, second: FusionOutcome
) -> None:
    alpha = pd.concat([first.run.alpha, second.run.alpha])
    last = alpha[alpha["epoch"] == alpha["epoch"].max()]["entropy"]
    said = f"(entropy {last.min():.2f} to {last.max():.2f} of 2.08 nats)"
    assert in_readme(said), said


def test_readme_says_where_the_found_structures_stand_among_all() -> None:
    table = pd.read_csv(RESULTS / FIRST / "exhaustive.csv")
    assert set(table["size"]) == {24}
    *ranks, last = table["rank"]
    means = table[["ua", "mean", "dev_best_ua", "best_ua"]].mean()
    said = (
        f"on unheard speakers the found ones rank {', '.join(map(str, ranks))} and {last} (by "
        f"chance 12.5 on average), UA {means['ua']:.1f} where all have {means['mean']:.1f} on "
        f"average, those that the dev part would choose {means['dev_best_ua']:.1f}, and the best "
        f"ones {means['best_ua']:.1f}."
    )
    assert in_readme(said), said


def test_readme_says_what_came_out(found: FusionOutcome) -> None:
    for line in lines_of(found):
        assert line in README, line


def test_readme_says_how_well_tec_reads(found: FusionOutcome) -> None:
    tec = found.run.record["encoders"]["tec"]
    said = (
        f"CER of {POINTS * tec['cer']:.1f} % (best constant {POINTS * tec['constant_cer']:.1f} %)"
    )
    assert in_readme(said), said


def test_the_page_is_made_from_the_kept_files_alone(found: FusionOutcome, tmp_path: Path) -> None:
    name = found.run.study.name
    page = build([str(RESULTS / name)], tmp_path / "out", command="x").read_text(encoding="utf-8")
    assert fusion_sentence(found).partition(":")[0] in page
    assert "<h1>Emotion from text and speech</h1>" in page
    assert "Health of the runs" not in page
    assert (tmp_path / "out" / "figures" / f"study-{name}.png").is_file()


def test_it_is_the_study_that_is_registered(found: FusionOutcome) -> None:
    name = found.run.study.name
    registered = (PROJECT / "configs" / "study" / f"{name}.toml").read_text(encoding="utf-8")
    assert (RESULTS / name / "study.toml").read_text(encoding="utf-8") == registered
    assert found.run.record["hashes"]["study"] == found.run.study.hash
