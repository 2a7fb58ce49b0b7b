"""The rows of the paper's two families: how they are shown, and what a collapse of them is.

No torch. Their objectives declare it with these functions, and so are presented the runs that were
written before run.json said any of it.
"""

from collections.abc import Mapping
from typing import Any

from pretrain.objectives.presentation import (
    NOT_LEARNED,
    VERSION,
    CollapseRule,
    Curves,
    Family,
    Panel,
    Presentation,
)
from pretrain.shared.json_files import made_of

# Blue against orange is told apart with every common colour blindness.
QUANTIZED = Family(
    kind="quantized", label="quantized", colours=("#7dbbe8", "#3d8ecb", "#1b62a5", "#0a2f5c")
)
CONTINUOUS = Family(kind="continuous", label="continuous", colours=("#f2973f", "#a94400"))
OTHER = Family(kind="other", label="other", colours=("#b08ac9", "#6a3d9a"))

CODEBOOK_USE = Curves(
    name="codebook-use",
    title="Codebook use",
    caption="Left: perplexity of the hard joint centres. Right: number of different centres in "
    "use. Dashed: the V^G centres that the row has. Below the red line a codebook counts as "
    "collapsed.",
    panels=(
        Panel(heading="Perplexity of the centres", metric="centre_perplexity", counts=True),
        Panel(heading="Centres in use", metric="centres_used", counts=True),
    ),
)
TARGET_VARIANCE = Curves(
    name="target-variance",
    title="Variances of the continuous rows",
    caption="Variance of the teacher's targets and of the student's predictions. A collapse would "
    "go to 0.",
    panels=(
        Panel(heading="Variance of the targets", metric="target_variance"),
        Panel(heading="Variance of the predictions", metric="prediction_variance"),
    ),
)


GUMBEL_LEARNED = (
    CollapseRule(
        metric="accuracy",
        limit=0.08,
        meaning="Give it more updates.",
        finding="it hardly tells the true code from the negatives",
        flag=NOT_LEARNED,
    ),
    CollapseRule(
        metric="centre_perplexity",
        limit=0.5,
        of_start=True,
        meaning="Give it more updates.",
        finding="the use of its codes has not come back to half of what it was at the start",
        flag=NOT_LEARNED,
    ),
)
"""When a row of Gumbel codes has not learned, whatever it explains: codes are first given up, and
come back with what is learned about them, as in published curves of wav2vec 2.0. Not specified by
the paper."""


def quantized_row(codebooks: int, entries: int) -> Presentation:
    """Returns how a row with `codebooks` (G) of `entries` (V) is shown."""
    centres = entries**codebooks
    return Presentation(
        family=QUANTIZED,
        label=f"G={codebooks} V={entries}",
        order=centres,
        centres=centres,
        loss="contrastive loss with penalties",
        curves=(CODEBOOK_USE,),
        learned=GUMBEL_LEARNED,
    )


def continuous_row(top_k: int) -> Presentation:
    """Returns how a row with the mean of `top_k` (K) layers as its target is shown."""
    return Presentation(
        family=CONTINUOUS,
        label=f"K={top_k}",
        order=top_k,
        loss="squared error to the teacher",
        curves=(TARGET_VARIANCE,),
    )


def quantized_rules(num_centres: int, weight: str) -> tuple[CollapseRule, ...]:
    """Returns what a collapsed quantizer or conv stack looks like; `weight` is the setting that
    keeps it from collapsing."""
    return (
        CollapseRule(
            metric="centre_perplexity",
            limit=1.5 if num_centres > 2 else 1.1,
            meaning="Nearly all masked frames have one and the same centre, so that there is "
            f"nothing to tell apart. Raise `{weight}` or lower `optimizer.conv_lr_scale`.",
            finding="the codebook has collapsed to one live centre",
        ),
        CollapseRule(
            metric="frames_without_negatives",
            limit=0.05,
            collapsed_below=False,
            meaning="Too many masked frames have no negative with another centre and add nothing "
            f"to the loss. Raise `{weight}` or take more centres.",
            finding="too many masked frames have no differing frame to be told from",
            flag="few negatives",
        ),
        CollapseRule(
            metric="conv_variance",
            limit=1e-4,
            meaning="The conv stack gives the same output for every frame. Lower "
            "`optimizer.conv_lr_scale`, `feature_penalty_weight` or the learning rate.",
            finding="the conv stack has collapsed",
        ),
    )


CONV_RULE = CollapseRule(
    metric="conv_variance",
    limit=1e-4,
    meaning="The conv stack gives the same output for every frame, though losses may look fine. "
    "Lower `optimizer.conv_lr_scale` or the learning rate.",
    finding="the conv stack has collapsed",
)

CONTINUOUS_RULES: tuple[CollapseRule, ...] = (
    CollapseRule(
        metric="target_variance",
        limit=0.01,
        meaning="The teacher says the same at every frame. Raise `decay_start` or lower the "
        "learning rate.",
        finding="the targets have collapsed",
    ),
    CollapseRule(
        metric="position_share",
        limit=0.5,
        collapsed_below=False,
        meaning="The targets say where in the utterance a frame is rather than what is said. Lower "
        "the learning rate or lengthen the warm-up.",
        finding="the targets say where in the utterance a frame is rather than what is said",
        flag="position only",
    ),
    CollapseRule(
        metric="prediction_variance",
        limit=1e-4,
        meaning="The student predicts the same at every frame. Raise `decay_start` or lower the "
        "learning rate.",
        finding="the predictions have collapsed",
    ),
    CONV_RULE,
)


def presentation_in(record: Mapping[str, Any]) -> Presentation:
    """Returns how the row of a run.json, or of an entry in it, is shown.

    Raises:
        JsonError: What it says of it is damaged.
    """
    said = record.get("presentation")
    if isinstance(said, Mapping) and said.get("version") == VERSION:
        return made_of(Presentation, said, "run.json", "presentation")
    mode, row = str(record.get("mode")), record.get("row") or {}
    if mode == "quantized" and {"codebooks", "entries"} <= set(row):
        return quantized_row(int(row["codebooks"]), int(row["entries"]))
    if mode == "continuous" and "top_k" in row:
        return continuous_row(int(row["top_k"]))
    # Without a row, as of released models, nothing but the family is known.
    return Presentation(family={"quantized": QUANTIZED, "continuous": CONTINUOUS}.get(mode, OTHER))


def rules_in(record: Mapping[str, Any]) -> tuple[CollapseRule, ...]:
    """Returns the collapse rules under which a run was trained.

    Raises:
        JsonError: What its run.json says of them is damaged.
    """
    if isinstance(said := record.get("collapse_rules"), list):
        return tuple(
            made_of(CollapseRule, rule, "run.json", f"collapse_rules.{place}")
            for place, rule in enumerate(said)
        )
    quantized = quantized_rules(presentation_in(record).centres or 3, "bce_diversity_weight")
    known = {"quantized": quantized, "continuous": CONTINUOUS_RULES}
    both = {rule.metric: rule for rule in (*quantized, *CONTINUOUS_RULES)}
    return known.get(str(record.get("mode")), tuple(both.values()))
