"""The study of fusion that is kept with the project: README says what its files say."""

from collections.abc import Iterator
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

KEPT = PROJECT / "reports" / "results" / "fusion"
README = (PROJECT / "README.md").read_text(encoding="utf-8")

TRACED = ("TEC states", "SEC states", "both states", "text at the head", "pooled", "last layer")
"""Places whose words and emotion README gives, of MFSN with either head."""

SEC_GIVEN, TEC_GIVEN = "SEC states + true words", "TEC states + true words"


@pytest.fixture(scope="module")
def found() -> FusionOutcome:
    (run,) = collect([str(KEPT)]).fusion_studies
    return fusion_outcome(run)


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


def beside_true_words(found: FusionOutcome) -> str:
    trace = found.run.trace
    own = trace[(trace["knows"] == "emotion") & (trace["network"] == "mfsn")]
    means = own.groupby("place")["ua"].mean()
    return (
        f"with the true words beside them SEC's states tell {POINTS * means[SEC_GIVEN]:.1f}, and "
        f"TEC's {POINTS * means[TEC_GIVEN]:.1f}"
    )


def test_readme_says_what_words_that_are_read_would_bring(found: FusionOutcome) -> None:
    assert beside_true_words(found) in " ".join(README.split())


def test_readme_says_how_undecided_the_searches_stayed(found: FusionOutcome) -> None:
    alpha = found.run.alpha
    last = alpha[alpha["epoch"] == alpha["epoch"].max()]["entropy"]
    said = f"(entropy {last.min():.2f} to {last.max():.2f} of 2.08 nats)"
    assert said in " ".join(README.split()), said


def test_readme_says_where_the_found_structures_stand_among_all() -> None:
    table = pd.read_csv(KEPT / "exhaustive.csv")
    assert set(table["size"]) == {24}
    *ranks, last = table["rank"]
    means = table[["ua", "mean", "dev_best_ua", "best_ua"]].mean()
    said = (
        f"on unheard speakers the found ones rank {', '.join(map(str, ranks))} and {last} (by "
        f"chance 12.5 on average), UA {means['ua']:.1f} where all have {means['mean']:.1f} on "
        f"average, those that the dev part would choose {means['dev_best_ua']:.1f}, and the best "
        f"ones {means['best_ua']:.1f}."
    )
    assert said in " ".join(README.split()), said


def test_readme_says_what_came_out(found: FusionOutcome) -> None:
    for line in lines_of(found):
        assert line in README, line


def test_the_page_is_made_from_the_kept_files_alone(found: FusionOutcome, tmp_path: Path) -> None:
    page = build([str(KEPT)], tmp_path / "out", command="x").read_text(encoding="utf-8")
    assert fusion_sentence(found).partition(":")[0] in page
    assert (tmp_path / "out" / "figures" / "study-fusion.png").is_file()


def test_it_is_the_study_that_is_registered(found: FusionOutcome) -> None:
    (run,) = collect([str(KEPT)]).fusion_studies
    registered = (PROJECT / "configs" / "study" / "fusion.toml").read_text(encoding="utf-8")
    assert (KEPT / "study.toml").read_text(encoding="utf-8") == registered
    assert run.record["hashes"]["study"] == found.run.study.hash
