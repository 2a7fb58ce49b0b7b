"""Which head the probe trains, and its settings. Nothing heavy is imported here.

The linear head has no settings: its strengths are `probe.heads.linear.STRENGTHS`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pretrain.config.files import read_tree
from pretrain.shared.checked_settings import settings, within
from pretrain.shared.errors import InputError

LINEAR, SUPERB, FINETUNE = "linear", "superb", "finetune"

HEADS = (LINEAR, SUPERB, FINETUNE)
"""`linear`: ridge and logistic regression on every layer's mean. `superb`: learned layer weights
and a small network on frames, encoder frozen. `finetune`: the whole encoder is trained."""


@settings
class SuperbSettings:
    """The head of SUPERB and EmoBox: layer weights, Linear, ReLU, mean over frames, Linear."""

    hidden_dim: Annotated[int, within("[1, 65536]")] = 256
    """Width of the first Linear (EmoBox and SUPERB)."""

    lr: Annotated[float, within("(0, 1e38]")] = 1e-4
    """Adam's rate, constant (EmoBox and SUPERB)."""

    batch_size: Annotated[int, within("[1, 65536]")] = 32
    """Utterances in a batch (EmoBox)."""

    epochs: Annotated[int, within("[1, 1e6]")] = 20
    """Passes over the training part (EmoBox). The best one by the dev part is kept."""

    seed: Annotated[int, within("[0, 4294967295]")] = 0
    """Of initial weights and order, the same for every row. Not specified by the paper."""


@settings
class FinetuneSettings:
    """Training of the whole encoder with mean pooling and a Linear. Not specified by the paper."""

    encoder_lr: Annotated[float, within("(0, 1e38]")] = 1e-5
    """Adam's rate for the encoder, constant (that of MFSN's public baseline)."""

    head_lr: Annotated[float, within("(0, 1e38]")] = 1e-3
    """Adam's rate for the Linear, which starts from nothing."""

    batch_size: Annotated[int, within("[1, 65536]")] = 16
    """Utterances in a batch."""

    epochs: Annotated[int, within("[1, 1e6]")] = 10
    """Passes over the training part. The best one by the dev part is kept."""

    freeze_conv: bool = True
    """Whether the conv stack stays as it was pre-trained, as wav2vec 2.0's fine-tuning does."""

    max_seconds: Annotated[float, within("[0.1, 3600]")] = 15.0
    """Longer utterances are trained on by a crop of this length, drawn anew in every epoch; dev and
    test utterances are always whole."""

    max_gradient_norm: Annotated[float, within("[0, 1e38]")] = 1.0
    """Gradients are clipped to this global norm; 0 leaves them as they are."""

    seed: Annotated[int, within("[0, 4294967295]")] = 0
    """Of the Linear's initial weights, order and crops, the same for every row."""


@settings
class Head:
    """The head of one results folder."""

    name: Literal["linear", "superb", "finetune"] = "linear"
    superb: SuperbSettings = dataclasses.field(default_factory=SuperbSettings)
    finetune: FinetuneSettings = dataclasses.field(default_factory=FinetuneSettings)

    def described(self) -> dict[str, Any]:
        """Returns name and settings of this head in plain values; part of the results' inputs."""
        return {"name": self.name, "settings": _settings_of(self, self.name)}


def make_head(name: str, overrides: Sequence[str] = (), *, option: str = "--set") -> Head:
    """Builds the settings of the head `name` from `KEY=VALUE` overrides, as in superb.epochs=30,
    which were given to `option`.

    Raises:
        ValueError: Head or key are unknown, a value cannot be, or is another head's.
    """
    if name not in HEADS:
        raise InputError(f"`--head` must be one of {', '.join(HEADS)}, but is {name!r} instead.")
    for text in overrides:
        key = text.partition("=")[0].strip()
        if not key.startswith(f"{name}."):
            known = ", ".join(f"{name}.{key}" for key in _settings_of(Head(), name))
            raise InputError(
                f"{option} {text}: `{key}` is no setting of the head {name!r}; it has "
                f"{known or 'none'}."
            )
    tree = read_tree([], list(overrides), option=option)
    tree.put("name", name, f"--head {name}")
    return tree.build(Head)


def _settings_of(head: Head, name: str) -> dict[str, Any]:
    return {} if name == LINEAR else dataclasses.asdict(getattr(head, name))
