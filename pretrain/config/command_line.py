"""Options of the commands that train: where settings come from. Nothing heavy is imported here."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pretrain.data.readers.registry import corpus_help
from pretrain.data.tables.columns import add_columns_argument

if TYPE_CHECKING:
    from pretrain.config.files import SettingsTree

PRETRAINING_CORPUS = f"what to pre-train on: {corpus_help()}"


@dataclass(frozen=True, kw_only=True)
class SettingsRequest:
    """What a command line says of settings."""

    config: list[Path]
    """TOML files, a later one wins; empty for the default."""

    set: list[str]
    """Single settings, as `KEY=VALUE`."""

    corpus: str | None
    """The spec of a corpus."""

    columns: str | None
    """What the corpus's manifest calls its columns."""

    resume: Literal["auto", "never"]

    @property
    def may_continue(self) -> bool:
        """Whether a run that is there already is continued or reused."""
        return self.resume == "auto"

    def tree(self, default: Path, *last: Path) -> "SettingsTree":
        """Returns the settings: of the files (or of `default`), of `last`, and of the options."""
        from pretrain.config.files import read_tree

        return read_tree([*(self.config or [default]), *last], self.set, self.corpus, self.columns)


def add_settings_arguments(
    parser: argparse.ArgumentParser, *, default_config: str, corpus: str
) -> None:
    """Adds the options of a `SettingsRequest`; `corpus` says what a corpus is taken for."""
    parser.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="TOML file of settings; may be given several times, a later file wins "
        f"(default: {default_config})",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, for example optimizer.lr=1e-3; may be given several times",
    )
    parser.add_argument(
        "--corpus",
        metavar="SPEC",
        help=f"{corpus} (short for --set data.corpus=SPEC)",
    )
    add_columns_argument(parser)
    parser.add_argument(
        "--resume",
        choices=("auto", "never"),
        default="auto",
        help="auto: continue or reuse the run in the folder; never: refuse a folder with a run",
    )
