"""Corpora that are known by name, and the options of their specs: `NAME:option,option=PATH`."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from probe.corpora import cremad, iemocap
from probe.corpora.completeness import INCOMPLETE
from probe.corpora.emodb import list_emodb
from probe.corpora.ravdess import list_ravdess
from probe.corpora.savee import list_savee


@dataclass(frozen=True, kw_only=True)
class Reader:
    """How a corpus that is known by name is read, and what it should be like."""

    list_files: Callable[[Path, str, Collection[str]], pd.DataFrame]
    """From (path, corpus name, options) to a listing."""

    sample_rate: int
    """As published, in Hz; copies in other rates are read too."""

    seconds: tuple[float, float] | None = None
    """Shortest and longest utterance as published, where known."""

    options: Mapping[str, str] = field(default_factory=dict)
    """Beside `incomplete`: name to meaning."""


NORMS = "norms"
"""The option of every corpus, manifests too, that puts `probe.norms` for V, A and D."""

READERS: dict[str, Reader] = {
    "emodb": Reader(list_files=list_emodb, sample_rate=16_000),
    "ravdess": Reader(list_files=list_ravdess, sample_rate=48_000),
    "savee": Reader(list_files=list_savee, sample_rate=44_100, seconds=(1.6, 7.1)),
    "cremad": Reader(list_files=cremad.list_cremad, sample_rate=16_000, options=cremad.OPTIONS),
    "iemocap": Reader(list_files=iemocap.list_iemocap, sample_rate=16_000, options=iemocap.OPTIONS),
}


def split_options(spec: str) -> tuple[str, frozenset[str]]:
    """Returns the spec without its options, and these; other specs are left as they are.

    Raises:
        ValueError: The corpus has no such option.
    """
    match = re.fullmatch(r"\s*([A-Za-z0-9_.-]+):([^=]*)=(.*)", spec, flags=re.DOTALL)
    if match is None:
        return spec, frozenset()
    if match[1] not in READERS:
        chosen = frozenset((NORMS,)) if match[2].strip() == NORMS else frozenset()
        return (f"{match[1]}={match[3]}" if chosen else spec), chosen
    name, path = match[1], match[3]
    known = {
        **READERS[name].options,
        NORMS: "category norms for valence, arousal and dominance",
        INCOMPLETE: "may differ from what was published",
    }
    options = frozenset(option.strip() for option in match[2].split(","))
    for option in sorted(options - set(known)):
        raise ValueError(
            f"The corpus {name} has no option {option!r} (in {spec!r}). It has: "
            + "; ".join(f"{key} ({meaning})" for key, meaning in known.items())
        )
    if path.strip().lower().endswith(".csv") and options - {INCOMPLETE, NORMS}:
        raise ValueError(
            f"Options are for {name}'s own layout, but {path} is a manifest: leave them out."
        )
    return f"{name}={path}", options


def allow_incomplete(spec: str) -> str:
    """Returns the spec with the option `incomplete`, if its corpus is known by name."""
    plain, options = split_options(spec)
    name, equals, path = plain.strip().partition("=")
    if not equals or name not in READERS:
        return spec
    return f"{name}:{','.join(sorted(options | {INCOMPLETE}))}={path}"
