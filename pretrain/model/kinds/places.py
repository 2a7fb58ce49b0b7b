"""Where an encoder is: `DIR`, or `[NAME=]hf:PLACE` for one in the format of transformers. No torch.

PLACE is a local folder, or a name on the Hugging Face hub, `OWNER/NAME[@REVISION]`, which is
downloaded and kept by `huggingface_hub` where there is a network.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrain.shared.errors import InputError

HUB = "hf:"

FILES = ("*.json", "model*.safetensors", "pytorch_model*.bin")
"""What is downloaded; pickled weights only where there are no others."""

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


@dataclass(frozen=True, kw_only=True)
class EncoderPlace:
    """The folder of an encoder, and what it was called where it was asked for."""

    folder: Path
    name: str = ""
    """Of its row; what the folder says where empty."""

    revision: str = ""
    """The commit on the hub; empty for a local folder."""


def encoder_place(text: str | Path, *, option: str = "--encoder") -> EncoderPlace:
    """Finds what `text` names, and downloads it if need be.

    Args:
        text: `DIR`, `hf:PLACE` or `NAME=hf:PLACE`.
        option: That it was given to, for errors.

    Raises:
        InputError: It is neither a folder nor on the hub, or the hub cannot be reached.
    """
    name, found, place = str(text).partition(HUB)
    if not found or (name and not name.endswith("=")):
        return EncoderPlace(folder=Path(text))
    name = name.removesuffix("=")
    folder = Path(place).expanduser()
    if folder.is_dir():
        return EncoderPlace(folder=folder, name=name)
    if not _REPOSITORY.fullmatch(place):
        raise InputError(
            f"{option} {text}: {place} is no folder here, and no name on the hub (OWNER/NAME or "
            "OWNER/NAME@REVISION)."
        )
    repository, _, revision = place.partition("@")
    folder = _downloaded(repository, revision, f"{option} {text}")
    return EncoderPlace(
        folder=folder, name=name or repository.rpartition("/")[2], revision=folder.name
    )


def _downloaded(repository: str, revision: str, called: str) -> Path:
    # The hub offers to convert pickled weights in the background; nothing is asked of others here.
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise InputError(
            f"{called}: the hub needs `transformers`: pip install -e '.[released]'."
        ) from error

    def get(patterns: Sequence[str]) -> Path:
        try:
            return Path(
                snapshot_download(
                    repository, revision=revision or None, allow_patterns=list(patterns)
                )
            )
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            # No network is the same to a user as a name that nobody has, but for the remedy.
            kind = type(error).__name__
            raise InputError(
                f"{called}: neither a folder here, nor kept of an earlier download, nor to be had "
                f"from the hub now ({kind}). Without a network, download it where there is one "
                f"(hf download {repository} --local-dir DIR) and give hf:DIR."
            ) from error

    folder = get(FILES[:2])
    return folder if any(folder.glob(FILES[1])) else get(FILES)
