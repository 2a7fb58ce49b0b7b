"""All settings of a fine-tuning run."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

from pretrain.config.files import SettingsError, SettingsTree, flatten
from pretrain.config.settings import CHANGE_NO_NUMBER, TrainingSettings, check_name, without
from pretrain.config.training import HealthSettings, OptimizerSettings
from pretrain.data.loader import DataSettings
from pretrain.data.masking import MaskSettings
from pretrain.model.kinds.places import HUB
from pretrain.model.kinds.registry import RUN, find_kind
from pretrain.objectives.ctc import CtcSettings
from pretrain.shared.checked_settings import settings, within
from pretrain.shared.json_files import hash_of
from pretrain.shared.paths import PROJECT

DEFAULT_CONFIG = PROJECT / "configs" / "finetune" / "default.toml"

FREE_BETWEEN_STARTS = ("name", "seed", "encoder", "start", "data.corpus", *CHANGE_NO_NUMBER)
"""Settings in which runs may differ and still show what a start is worth."""


@settings
class FinetuneSettings:
    """Everything that a fine-tuning run depends on."""

    encoder: str
    """Run folder of the pre-trained encoder; written down as an absolute path."""

    start: Literal["pretrained", "initial", "random"] = "pretrained"
    """Weights to begin with: `pretrained`; `initial`, those that the pre-training began with; or
    `random`, the same sizes drawn anew from `seed`."""

    name: str = ""
    """Name in tables; the encoder folder's name, `ctc` and the start when empty."""

    seed: int = 0
    """Seed of the head and of every draw."""

    dropout: Annotated[float, within("[0, 1)")] = 0.0
    """Dropout in the Transformer while fine-tuning (the pre-training may have had another). Above
    0 the results depend on the number of processes."""

    dev_share: Annotated[float, within("(0, 1)")] = 0.1
    """Where the corpus has no `dev` split: so many of the training utterances, by speaker, are
    held out for decoding. Not specified by the paper."""

    ctc: CtcSettings = dataclasses.field(default_factory=CtcSettings)
    mask: MaskSettings = dataclasses.field(default_factory=MaskSettings)
    data: DataSettings = dataclasses.field(default_factory=DataSettings)
    optimizer: OptimizerSettings = dataclasses.field(default_factory=OptimizerSettings)
    training: TrainingSettings = dataclasses.field(default_factory=TrainingSettings)
    health: HealthSettings = dataclasses.field(
        default_factory=lambda: HealthSettings(warmup_fraction=0.5)
    )
    """Looks later than in pre-training: CTC rightly begins with blanks only."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"`seed` must be in 0 .. 2^32 - 1, but is {self.seed} instead.")
        check_name(self.name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResolvedFinetune:
    """A fine-tuning run's settings, complete and checked; follows `RunSettings`."""

    run: FinetuneSettings

    @property
    def name(self) -> str:
        return self.run.name or f"{Path(self.run.encoder).name}-ctc-{self.run.start}"

    @property
    def hash(self) -> str:
        """Hash of all settings on which a number depends."""
        return hash_of(without(flatten(self.tree()), CHANGE_NO_NUMBER))

    def with_precision(self, precision: Literal["bf16", "fp32"]) -> "ResolvedFinetune":
        """Returns them with the precision that `auto` stands for."""
        training = dataclasses.replace(self.run.training, precision=precision)
        return ResolvedFinetune(run=dataclasses.replace(self.run, training=training))

    def tree(self) -> dict[str, Any]:
        """Returns the settings as nested tables of plain values."""
        return dataclasses.asdict(self.run)

    def compared(self) -> dict[str, Any]:
        """Returns the settings that two starts must share to be compared, with dotted keys."""
        return without(flatten(self.tree()), FREE_BETWEEN_STARTS)


def resolve_finetune(tree: SettingsTree) -> ResolvedFinetune:
    """Builds the settings; raises `SettingsError` that lists every fault with its place."""
    run = tree.build(FinetuneSettings)
    # The same folder is the same run, from wherever and in whatever way it is named.
    folder = Path(run.encoder).expanduser().resolve()
    if run.encoder.startswith(HUB) or (
        folder.is_dir() and find_kind(folder, called="`encoder`")[0] != RUN
    ):
        raise SettingsError(
            f"{tree.sources.get('encoder', 'settings')}: `encoder` must be the folder of a run of "
            f"pretrain/run.py, but {run.encoder} is another encoder. Fine-tune it with its own "
            "tools, and give the result to the probe or MFSN as hf:DIR."
        )
    return ResolvedFinetune(run=dataclasses.replace(run, encoder=str(folder)))
