"""What a manifest calls its columns, `--columns path=file,emotion=label`, and where its files are,
`root=FOLDER`.

They become a part of the corpus's spec, `NAME[emotion=label,path=file]=FILE.csv`, and so of the
settings and of whatever records a spec. Tables of equal content have equal hashes, however their
columns are called. Nothing heavy is imported here.
"""

import argparse
import re
from collections.abc import Mapping

from pretrain.shared.errors import CommandLineError, InputError

KNOWN_COLUMNS = (
    "path", "id", "speaker", "session", "emotion", "text", "split", "valence", "arousal",
    "dominance", "offset", "frames", "start", "end", "gender",
)  # fmt: skip
"""What is read of a manifest; `gender` only by the probe, other columns not at all."""

ROOT = "root"
"""No column: the folder that relative paths are in; that of the manifest where it is not said."""

IN_SPEC = re.compile(r"(\s*[A-Za-z0-9_.-]+)\[([^\]]*)\](.*)", flags=re.DOTALL)
WITHOUT = re.compile(r"(\s*[A-Za-z0-9_.-]+)([:=].*)", flags=re.DOTALL)


def add_columns_argument(parser: argparse._ActionsContainer) -> None:
    """Adds --columns, of every command that takes a manifest."""
    parser.add_argument(
        "--columns",
        metavar="KNOWN=OWN,...",
        help="what the manifest calls its columns, as in path=file,emotion=label; split= for a "
        "column that is not there, whatever looks like it; root=FOLDER where its files are not in "
        "its own folder. Of every --corpus that has a manifest; "
        "of one alone as NAME[path=file]=FILE.csv",
    )


def parse_columns(text: str) -> dict[str, str]:
    """Returns {known name: the manifest's own} of `path=file,emotion=label`; `root` is a folder.

    An own name that is empty says that the manifest has no such column, whatever looks like it.
    Raises `ValueError` when a pair is wrong, or its known name is none or given twice.
    """
    columns: dict[str, str] = {}
    for part in text.split(","):
        known, equals, own = (piece.strip() for piece in part.partition("="))
        if not equals or known not in (*KNOWN_COLUMNS, ROOT) or known in columns:
            raise InputError(
                "Columns must be given as path=file,emotion=label: a name that is known here, =, "
                f"and the manifest's own, each once, but {part.strip()!r} is not so (in {text!r}). "
                f"Known are: {', '.join(KNOWN_COLUMNS)}; and {ROOT}=FOLDER."
            )
        if "]" in own:
            raise InputError(f"{own!r} cannot be named here, because of its ]: rename it.")
        columns[known] = own
    return columns


def take_columns(spec: str) -> tuple[str, dict[str, str]]:
    """Returns `NAME=PATH` and the columns of `NAME[path=file]=PATH`; other specs as they are."""
    match = IN_SPEC.fullmatch(spec)
    if match is None:
        return spec, {}
    return match[1] + match[3], parse_columns(match[2])


def put_columns(spec: str, columns: Mapping[str, str]) -> str:
    """Returns the spec with these columns in it, in order of their names."""
    match = WITHOUT.fullmatch(spec)
    if not columns:
        return spec
    if match is None:
        raise InputError(f"Columns are of manifests, NAME=FILE.csv, but {spec!r} is none.")
    inside = ",".join(f"{known}={own}" for known, own in sorted(columns.items()))
    return f"{match[1]}[{inside}]{match[2]}"


def with_columns(spec: str, text: str | None) -> str:
    """Returns the spec with what `--columns` says of its manifest, if anything; raises `ValueError`
    when it is wrong, or the spec says something else of the same column."""
    if text is None:
        return spec
    plain, in_spec = take_columns(spec)
    columns = parse_columns(text)
    for known in in_spec.keys() & columns.keys():
        if in_spec[known] != columns[known]:
            raise CommandLineError(
                f"--columns {text}: `{known}` is {in_spec[known]!r} in {spec}. Leave one out."
            )
    return put_columns(plain, in_spec | columns)
