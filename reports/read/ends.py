"""Tables that were cut: what writes them ends every line, so the last one too."""

import os
from pathlib import Path

from pretrain.shared.errors import InputError


def check_end(file: Path) -> None:
    """Raises ValueError when the file does not end with its last line."""
    with file.open("rb") as opened:
        opened.seek(-1, os.SEEK_END)
        if opened.read(1) != b"\n":
            raise InputError(f"{file.name} was cut: its last line is not complete")
