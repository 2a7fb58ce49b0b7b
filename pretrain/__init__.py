"""Pre-training of speech encoders, and encoders in Python: `pretrain.load_encoder`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pretrain.model.loaded import LoadedEncoder


def load_encoder(place: str | Path, *, device: str = "cpu") -> "LoadedEncoder":
    """Loads an encoder, ours or anyone's, frozen.

    Args:
        place: A run folder, or `hf:PLACE`: a folder in the format of transformers, or
            OWNER/NAME[@REVISION] on the hub.
        device: Where it computes, as torch calls it.

    Raises:
        ValueError: There is none, or a file is missing or damaged; the message says what to do.
    """
    from pretrain.model.loaded import LoadedEncoder

    return LoadedEncoder(place, device=device)
