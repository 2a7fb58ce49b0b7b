"""Settings of the mode `frames`, and how its rows are shown."""

from pathlib import PurePath
from typing import Annotated, Literal

from pretrain.objectives.presentation import Curves, Family, Panel, Presentation
from pretrain.shared.checked_settings import settings, within

VALUES = Family(kind="continuous", label="log-mel", colours=("#d7a13b", "#8a5a00"))
CODES = Family(
    kind="quantized", label="log-mel codes", colours=("#8fd3c8", "#4aa99a", "#1f7a6d", "#0b4a43")
)
STATES = Family(kind="continuous", label="states", colours=("#d98c8c", "#8a2b2b"))
STATE_CODES = Family(kind="quantized", label="codes of states", colours=("#b9a3e0", "#4b2e83"))
CONTROL = Family(kind="other", label="control", colours=("#a9a9b8", "#5c5c70"))

EXPLAINED = Curves(
    name="frames-explained",
    title="What the rows on fixed targets have learned",
    caption="Left: share of the corpus' uninformed loss that the row saves at masked frames. "
    "Right: how often the likeliest, or nearest, code is that of the frame.",
    panels=(
        Panel(heading="Explained", metric="explained"),
        Panel(heading="Accuracy", metric="accuracy"),
    ),
)

HEADS_OF = {
    "value": ("linear",),
    "centroid": ("linear",),
    "index": ("distance", "cosine"),
    "posterior": ("distance",),
}
"""Heads that each target can be learned with; the first is the default's."""


@settings
class FramesSettings:
    """Settings of the mode `frames`: rows in which one thing changes at a time.

    None of this is specified by the paper.
    """

    space: Literal["logmel", "prosody", "encoder"] = "logmel"
    """What a frame is: 80 log-mel bands; F0, energy and voicing; or the states of a layer of a
    trained `encoder`. Not specified by the paper."""

    encoder: str = ""
    """Of the space `encoder`: the folder of a trained encoder with a frame every 20 ms. Not
    specified by the paper."""

    layer: Annotated[int, within("[0, 1000]")] = 3
    """Of the space `encoder`: 0 is the input of its first Transformer block, n the output of the
    n-th. Not specified by the paper."""

    target: Literal["value", "centroid", "index", "posterior"] = "value"
    """What is asked of a masked frame: itself, its nearest centroid, the index of that one, or the
    softmax over the distances to all of them. Not specified by the paper."""

    num_centroids: Annotated[int, within("[2, 65536]")] = 64
    """k; the target `value` uses them to say how often its nearest centroid is right. Not specified
    by the paper."""

    head: Literal["linear", "distance", "cosine"] = "linear"
    """`linear`: f, one value a band, squared error. `distance`: the same f, logits
    -|f - c_j|^2 / tau over the fixed centroids, cross entropy. `cosine`: HuBERT's, cosines with
    learned embeddings. Not specified by the paper."""

    tau: Annotated[float, within("(0, 1e6]")] = 160.0
    """Of the head `distance`: twice the variance that a prediction is taken to have, times what
    bands have in common. Not specified by the paper."""

    posterior_tau: Annotated[float, within("(0, 1e6]")] = 20.0
    """Of the target `posterior`: divides the squared distances of the frame itself. Not
    specified by the paper."""

    cosine_dim: Annotated[int, within("[1, 65536]")] = 256
    """Of the head `cosine`: dim of the embeddings (HuBERT's). Not specified by the paper."""

    cosine_temperature: Annotated[float, within("(0, 1e6]")] = 0.1
    """Of the head `cosine`: divides the cosines (HuBERT's). Not specified by the paper."""

    shuffled: bool = False
    """Whether codes are those of other frames, drawn from the corpus: a control, in which nothing
    can be learned but how frequent they are. Not specified by the paper."""

    def __post_init__(self) -> None:
        if self.head not in HEADS_OF[self.target]:
            raise ValueError(
                f"`head` must be {' or '.join(map(repr, HEADS_OF[self.target]))} for `target` = "
                f"{self.target!r}, but is {self.head!r} instead."
            )
        if (self.space == "encoder") != bool(self.encoder):
            raise ValueError(
                "`encoder` must be the folder of a trained encoder for `space` = 'encoder', and "
                f"only there, but is {self.encoder!r} for {self.space!r} instead."
            )
        if self.space == "prosody" and self.target != "value":
            raise ValueError(
                f"`target` must be 'value' for `space` = 'prosody', but is {self.target!r} instead."
            )
        if self.shuffled and self.target != "index":
            raise ValueError(
                f"`target` must be 'index' where codes are `shuffled`, but is {self.target!r} "
                "instead."
            )

    @property
    def left_out(self) -> tuple[str, ...]:
        """Keys that a run does not write down, as those that knew nothing of them."""
        return () if self.encoder else ("encoder", "layer")

    @property
    def num_codes(self) -> int:
        """k; 0 where no centroid is asked for."""
        return 0 if self.target == "value" else self.num_centroids

    def row(self) -> dict[str, str | int | float | bool]:
        """Returns what tells a row from the mode's others."""
        told: dict[str, str | int | float | bool] = {"space": self.space, "target": self.target}
        if self.encoder:
            told |= {"encoder": PurePath(self.encoder).name, "layer": self.layer}
        if self.num_codes:
            told |= {"centroids": self.num_centroids, "head": self.head}
        if self.head == "distance":
            told["tau"] = self.tau
        if self.target == "posterior":
            told["posterior_tau"] = self.posterior_tau
        return told | ({"shuffled": True} if self.shuffled else {})

    def presentation(self) -> Presentation:
        """Returns how such a row is shown."""
        if self.shuffled or self.space == "prosody":
            words = f"shuffled codes, k={self.num_centroids}" if self.shuffled else "F0, energy"
            return Presentation(
                family=CONTROL,
                label=words,
                loss=self._loss,
                curves=(EXPLAINED,),
                control=self.shuffled,
            )
        values, codes = (STATES, STATE_CODES) if self.encoder else (VALUES, CODES)
        if not self.num_codes:
            label = f"states of layer {self.layer}" if self.encoder else "frame"
            return Presentation(family=values, label=label, loss=self._loss, curves=(EXPLAINED,))
        kind = list(HEADS_OF).index(self.target) + (self.head == "cosine") / 2
        return Presentation(
            family=codes,
            label=f"{self.target} k={self.num_centroids}"
            + (", cosine" if self.head == "cosine" else ""),
            order=10 * kind + len(str(self.num_centroids)) + self.num_centroids / 65536,
            centres=self.num_centroids,
            loss=self._loss,
            curves=(EXPLAINED,),
        )

    @property
    def _loss(self) -> str:
        if self.head == "linear":
            return "squared error to the " + ("frame" if self.target == "value" else "centroid")
        words = "cosines with learned embeddings" if self.head == "cosine" else "distances"
        return f"cross entropy of {words}"
