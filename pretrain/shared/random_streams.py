"""Counter-based random draws: the same for every mode, batch layout and number of processes.

What is drawn for an utterance depends on nothing but (seed, update, slot in the update, utterance
id, purpose). So two modes see the same crops and masks, and one process or many, resumed or not,
draw the same numbers. Purposes never share a stream.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np


def generator(*key: int | str) -> np.random.Generator:
    """Returns a Philox generator whose stream is a pure function of `key`."""
    digest = blake2b(
        "\x1f".join(f"{type(part).__name__}:{part}" for part in key).encode(), digest_size=16
    )
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest.digest(), "little")))


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The random numbers of one utterance in one update."""

    seed: int
    update: int
    slot: int
    """Place of the utterance in the whole update, counted over all shards."""
    utterance_id: str

    def generator(self, purpose: str) -> np.random.Generator:
        """Returns a fresh generator for `purpose`, for example `"mask"` or `"gumbel"`."""
        return generator(self.seed, self.update, self.slot, self.utterance_id, purpose)
