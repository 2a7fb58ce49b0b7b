"""Which heads there are, and the settings of the one that is trained. Nothing heavy is imported
here.

To add a head: write a module with a `HEAD` (see `ProbeHead`; `probe/heads/superb.py` is an
example) and give it a line in `HEADS`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pretrain.config.files import read_tree
from pretrain.shared.errors import CommandLineError, InputError
from probe.features.pooling import MEAN, Pooling
from probe.heads.shown import PLAIN, HeadShown

if TYPE_CHECKING:
    from probe.corpora.targets import Task
    from probe.features.row_source import RowSource
    from probe.heads.linear import Evaluation, Part


class HeadEntry(NamedTuple):
    """A head that `--head` knows."""

    module: str
    """Has a `HEAD`; imported only when this head is asked for."""

    words: str
    """For --help."""


HEADS: dict[str, HeadEntry] = {
    "linear": HeadEntry(
        "probe.heads.linear", "ridge and logistic regression on each layer, pooled over time"
    ),
    "svm": HeadEntry("probe.heads.svm", "support vector machines on each layer, pooled over time"),
    "superb": HeadEntry(
        "probe.heads.superb", "learned layer weights and a small network on frames"
    ),
    "finetune": HeadEntry(
        "probe.heads.finetune", "the whole encoder is trained (a GPU is advised)"
    ),
}
"""Heads by name; the first is the default."""

DEFAULT = next(iter(HEADS))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbeHead:
    """What a head's module has as `HEAD`."""

    settings_class: type
    """Its settings, a class made by `pretrain.shared.checked_settings.settings`."""

    evaluate: "Callable[[RowSource, Sequence[Task], Sequence[Part], Any], Evaluation]"
    """Trains and tests it for one row on one corpus: all tasks in all folds. The source gives what
    is asked of it, features, frames or the encoder; the last argument is of `settings_class`."""

    tells_layers_apart: bool = False
    """Whether it scores every layer; then layers are asked for speaker and gender, too."""

    needs_encoder: bool = False
    """Whether it trains the encoder; then there is no log-mel baseline."""

    shown: HeadShown = PLAIN
    """How the report speaks of it."""

    @property
    def hears_statistics(self) -> bool:
        """Whether it can be given one vector per utterance: then it has acoustic baselines."""
        return not self.needs_encoder and not self.shown.hears_frames


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """The head of one results folder."""

    name: str
    settings: Any
    """Of its `settings_class`."""

    @property
    def kind(self) -> ProbeHead:
        return _kind(self.name)

    @property
    def pooling(self) -> Pooling:
        """How an utterance's frames became one vector, where the head lets choose."""
        pooling: Pooling = getattr(self.settings, "pooling", MEAN)
        return pooling

    @property
    def label(self) -> str:
        """What tables call it: heads of other pooling have tables of their own."""
        return self.name if self.pooling == MEAN else f"{self.name}-{self.pooling}"

    def described(self) -> dict[str, Any]:
        """Returns name and settings of this head in plain values; part of the results' inputs."""
        return {"name": self.name, "settings": dataclasses.asdict(self.settings)}


def heads_in_words() -> str:
    """Returns all heads with what they are, for --help."""
    return "; ".join(
        f"{name}{' (default)' if name == DEFAULT else ''}: {entry.words}"
        for name, entry in HEADS.items()
    )


def make_head(name: str = DEFAULT, overrides: Sequence[str] = (), *, option: str = "--set") -> Head:
    """Builds the settings of the head `name` from `KEY=VALUE` overrides, as in superb.epochs=30,
    which were given to `option`.

    Raises:
        ValueError: Head or key are unknown, a value cannot be, or is another head's.
    """
    if name not in HEADS:
        raise InputError(f"`--head` must be one of {', '.join(HEADS)}, but is {name!r} instead.")
    settings_class = _kind(name).settings_class
    for text in overrides:
        key = text.partition("=")[0].strip()
        if not key.startswith(f"{name}."):
            fields = dataclasses.fields(cast(Any, settings_class))
            known = ", ".join(f"{name}.{field.name}" for field in fields)
            raise InputError(
                f"{option} {text}: `{key}` is no setting of the head {name!r}; it has "
                f"{known or 'none'}."
            )
    tree = read_tree([], list(overrides), option=option)
    return Head(name=name, settings=tree.build(settings_class, table=name))


def check_hears(heads: Sequence[Head], baselines: Sequence[str]) -> None:
    """Refuses acoustic baselines where no head can be given one vector per utterance.

    Raises:
        CommandLineError: The message names the heads that can.
    """
    if baselines and not any(head.kind.hears_statistics for head in heads):
        able = [name for name in HEADS if _kind(name).hears_statistics]
        raise CommandLineError(
            f"--baseline {' '.join(baselines)}: one vector per utterance, which is nothing to "
            f"train the head {', '.join(head.name for head in heads)} on. Take --head "
            f"{' or '.join(able)}, or leave --baseline out."
        )


def _kind(name: str) -> ProbeHead:
    return cast(ProbeHead, import_module(HEADS[name].module).HEAD)
