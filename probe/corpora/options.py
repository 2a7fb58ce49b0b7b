"""The options of a corpus's spec: `NAME:option,option=PATH`."""

import re
from collections.abc import Sequence
from pathlib import Path

from pretrain.data.readers.reader import reader_of
from pretrain.data.readers.registry import SUFFIXES, parse_spec
from pretrain.data.tables.columns import put_columns, take_columns, with_columns
from pretrain.shared.errors import CommandLineError, InputError
from probe.corpora.published import INCOMPLETE
from probe.corpora.registry import READERS

NORMS = "norms"
"""The option of every corpus, manifests too, that puts `probe.corpora.norms` for V, A and D."""


def split_options(spec: str) -> tuple[str, frozenset[str]]:
    """Returns the spec without its options, and these; other specs are left as they are.

    What a spec says of a manifest's columns stays in it.

    Raises:
        ValueError: The corpus has no such option.
    """
    bare, columns = take_columns(spec)
    match = re.fullmatch(r"\s*([A-Za-z0-9_.-]+):([^=]*)=(.*)", bare, flags=re.DOTALL)
    if match is None or (match[1] not in READERS and match[2].strip() != NORMS):
        return put_columns(bare, columns), frozenset()
    name, path = match[1], match[3]
    known = dict(reader_of(name, READERS).options) if name in READERS else {}
    known[NORMS] = "category norms for valence, arousal and dominance"
    options = frozenset(option.strip() for option in match[2].split(","))
    for option in sorted(options - set(known)):
        raise InputError(
            f"The corpus {name} has no option {option!r} (in {bare!r}). It has: "
            + "; ".join(f"{key} ({meaning})" for key, meaning in known.items())
        )
    if path.strip().lower().endswith(SUFFIXES) and options - {INCOMPLETE, NORMS}:
        raise InputError(
            f"Options are for {name}'s own layout, but {path} is a manifest: leave them out."
        )
    return put_columns(f"{name}={path}", columns), options


def allow_incomplete(spec: str) -> str:
    """Returns the spec with the option `incomplete`, if its corpus has that."""
    plain, options = split_options(spec)
    bare, columns = take_columns(plain)
    name, equals, path = bare.strip().partition("=")
    if name not in READERS or not equals or INCOMPLETE not in reader_of(name, READERS).options:
        return spec
    return put_columns(f"{name}:{','.join(sorted(options | {INCOMPLETE}))}={path}", columns)


def specs_of(corpora: Sequence[str], columns: str | None, *, incomplete: bool = False) -> list[str]:
    """Returns the specs of a command's `--corpus`, with what its `--columns` says of those that
    have a manifest, and with the option `incomplete` where it allows that.

    Raises:
        ValueError: `columns` is wrong, or no corpus has a manifest.
    """
    mapped = [with_columns(spec, columns) if manifest_of(spec) else spec for spec in corpora]
    if columns is not None and not any(map(manifest_of, corpora)):
        raise CommandLineError(
            f"--columns {columns}: is of corpora with a manifest (NAME=FILE.csv), but none of "
            f"{', '.join(corpora)} is one."
        )
    return [allow_incomplete(spec) if incomplete else spec for spec in mapped]


def manifest_of(spec: str) -> Path | None:
    """Returns the manifest by which a corpus is read, None where it has a layout of its own."""
    plain, _ = split_options(spec)
    try:
        return parse_spec(plain, known=()).manifest(READERS)
    except ValueError:
        return None  # which the reader says better
