"""All settings of a pre-training run, and which of them a fair comparison holds equal."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol, Self

from pretrain.config.files import SettingsError, SettingsOptionError, SettingsTree, flatten
from pretrain.config.training import HealthSettings, OptimizerSettings
from pretrain.data.held_out import HeldOutSettings
from pretrain.data.loader import DataSettings
from pretrain.data.masking import MaskSettings
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.objectives import OBJECTIVES, objective_kind
from pretrain.shared.checked_settings import settings, within
from pretrain.shared.json_files import hash_of
from pretrain.shared.paths import PROJECT

DEFAULT_CONFIG = PROJECT / "configs" / "default.toml"

MOST_CHARACTERS = 100
"""Of a row's name."""

CHANGE_NO_NUMBER = (
    "data.num_workers",
    "training.log_every",
    "training.checkpoint_every",
    "training.keep_checkpoints",
    "training.tracker",
    "health.",
)
"""Settings that may also change when a run is continued: whole keys, and tables with their dot."""

FREE_BETWEEN_ROWS = ("name", "mode", "seed", "data.corpus", *CHANGE_NO_NUMBER)
"""Settings in which the rows of one table may differ, beside those of the objective (the question
itself): the seed (compared seed by seed), and what changes no number. The corpus is compared by its
content."""


def without(flat: Mapping[str, Any], free: Sequence[str]) -> dict[str, Any]:
    """Returns settings with dotted keys but those that are `free`: a whole key, or a table with its
    dot and all keys in it. A key that merely begins like a free one stays."""
    tables = tuple(name for name in free if name.endswith("."))
    return {k: v for k, v in flat.items() if k not in free and not k.startswith(tables)}


@settings
class TrainingSettings:
    """Length, precision and bookkeeping of a run."""

    updates: Annotated[int, within("[1, 1e9]")] = 400_000
    """Optimizer steps (wav2vec 2.0's and data2vec's). Not specified by the paper."""

    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Precision of the matrix products; parameters, teacher and losses are always fp32. `auto` is
    bf16 where that is at least 1.5 times as fast, measured at the first start of a run, and of a
    table for all its rows; the run folder says what it was, and a continued run keeps it."""

    deterministic: bool = True
    """Only deterministic kernels, so that a resumed run equals the straight one."""

    log_every: Annotated[int, within("[1, 1e9]")] = 1
    """Updates between two lines of metrics.jsonl."""

    checkpoint_every: Annotated[int, within("[1, 1e9]")] = 1000
    """Updates between two checkpoints."""

    keep_checkpoints: Annotated[int, within("[1, 1e6]")] = 2
    """Checkpoints kept; the last one is always."""

    tracker: Literal["none", "tensorboard"] = "none"
    """A tracker of Accelerate beside metrics.jsonl; `tensorboard` needs the extra `tracking`."""


@settings
class PretrainSettings:
    """Everything that a run depends on, but its objective's own settings."""

    mode: str
    """The objective, a key of `pretrain.objectives.OBJECTIVES`."""

    name: str = ""
    """Name of the row in tables; the mode and its settings when empty."""

    seed: int = 0
    """Seed of the initial weights and of every draw."""

    tuned: tuple[str, ...] = ()
    """Keys of `optimizer` that an equal sweep chose for each row, such as `optimizer.lr`: rows of a
    table may differ in them, if all declare the same ones, and the report shows them. The
    objective's own settings may differ without it. Not specified by the paper."""

    encoder: EncoderSettings = dataclasses.field(default_factory=EncoderSettings)
    mask: MaskSettings = dataclasses.field(default_factory=MaskSettings)
    data: DataSettings = dataclasses.field(default_factory=DataSettings)
    optimizer: OptimizerSettings = dataclasses.field(default_factory=OptimizerSettings)
    training: TrainingSettings = dataclasses.field(default_factory=TrainingSettings)
    health: HealthSettings = dataclasses.field(default_factory=HealthSettings)
    held_out: HeldOutSettings = dataclasses.field(default_factory=HeldOutSettings)

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"`seed` must be in 0 .. 2^32 - 1, but is {self.seed} instead.")
        check_name(self.name)
        known = [f"optimizer.{one.name}" for one in dataclasses.fields(OptimizerSettings)]
        if wrong := [key for key in self.tuned if key not in known]:
            raise ValueError(
                f"`tuned` must name keys of {', '.join(known)}, but names {', '.join(wrong)} "
                "instead."
            )


def check_name(name: str) -> None:
    """Raises `ValueError` for the name of a row that cannot be part of a folder's name."""
    if not name.isprintable() or "/" in name or name in (".", "..") or len(name) > MOST_CHARACTERS:
        raise ValueError(
            f"`name` must be at most {MOST_CHARACTERS} printable characters without /, since "
            f"folders are named after it, but is {name[:MOST_CHARACTERS]!r} instead."
        )


class EngineSettings(Protocol):
    """What the engine reads of a run's settings, whatever the run is for."""

    @property
    def seed(self) -> int: ...

    @property
    def mask(self) -> MaskSettings: ...

    @property
    def data(self) -> DataSettings: ...

    @property
    def optimizer(self) -> OptimizerSettings: ...

    @property
    def training(self) -> TrainingSettings: ...

    @property
    def health(self) -> HealthSettings: ...


class RunSettings(Protocol):
    """A run's complete settings: what the engine reads, and what the run folder says of them."""

    @property
    def run(self) -> EngineSettings: ...

    @property
    def name(self) -> str: ...

    @property
    def hash(self) -> str: ...

    def tree(self) -> dict[str, Any]: ...

    def compared(self) -> dict[str, Any]: ...

    def with_precision(self, precision: Literal["bf16", "fp32"]) -> Self: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResolvedSettings:
    """A run's settings and its objective's, both complete and checked."""

    run: PretrainSettings
    objective: Any
    """An instance of the objective's own settings class, see `ObjectiveSettings`."""

    def tree(self) -> dict[str, Any]:
        """Returns the settings as nested tables of plain values."""
        run = {**dataclasses.asdict(self.run), "encoder": self.run.encoder.tree()}
        if not self.run.held_out.speakers:  # as runs that know nothing of it
            del run["held_out"]
        if not self.run.tuned:
            del run["tuned"]
        objective = dataclasses.asdict(self.objective)
        for key in getattr(self.objective, "left_out", ()):
            del objective[key]
        return {**run, self.run.mode: objective}

    def compared(self) -> dict[str, Any]:
        """Returns the settings that all rows of one table must share, with dotted keys."""
        free = (*FREE_BETWEEN_ROWS, *self.run.tuned, f"{self.run.mode}.")
        return without(flatten(self.tree()), free)

    def with_precision(self, precision: Literal["bf16", "fp32"]) -> "ResolvedSettings":
        """Returns them with the precision that `auto` stands for."""
        training = dataclasses.replace(self.run.training, precision=precision)
        return dataclasses.replace(self, run=dataclasses.replace(self.run, training=training))

    @property
    def name(self) -> str:
        return self.run.name or f"{self.run.mode}-{self.hash[:8]}"

    @property
    def hash(self) -> str:
        """Hash of all settings on which a number depends."""
        return hash_of(without(flatten(self.tree()), CHANGE_NO_NUMBER))


MODE_REMEDY = "Give --mode, or a --config that sets it."
ROW_MODE_REMEDY = "Set it in the file of the row."
"""What to do about a missing mode, where there is --mode and where rows have files."""


def resolve(tree: SettingsTree, *, remedy: str = MODE_REMEDY) -> ResolvedSettings:
    """Builds the settings; raises `SettingsError` that lists every fault with its place, and with
    `remedy` if there is no mode.

    The objective has its settings in the table of its mode. Tables of other modes are checked and
    left out, so that one file can serve all modes.
    """
    mode = tree.values.get("mode")
    if not isinstance(mode, str) or mode not in OBJECTIVES:
        raise SettingsError(
            f"{tree.sources.get('mode', 'settings')}: `mode` must be one of "
            f"{', '.join(sorted(OBJECTIVES))}, but is {mode!r} instead. {remedy}"
        )
    objectives = {
        name: tree.build(objective_kind(name).settings_class, table=name) for name in OBJECTIVES
    }
    for key, source in tree.sources.items():
        table = key.partition(".")[0]
        if table in OBJECTIVES and table != mode and source.startswith("--set"):
            raise SettingsOptionError(f"{source}: has no effect, since `mode` is {mode!r}.")
    run = tree.build(PretrainSettings, without=tuple(OBJECTIVES))
    return ResolvedSettings(run=run, objective=objectives[mode])


def use_mode(tree: SettingsTree, mode: str) -> None:
    """Sets the objective as `--mode` asks; raises `SettingsError` when the files say otherwise."""
    in_files = tree.values.get("mode", mode)
    if in_files != mode and mode in OBJECTIVES:
        raise SettingsOptionError(
            f"--mode {mode}: contradicts `mode` = {in_files!r} in {tree.sources['mode']}. Leave "
            f"one of them out."
        )
    tree.put("mode", mode, f"--mode {mode}")
