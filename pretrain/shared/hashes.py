"""One hash of plain values."""

from hashlib import blake2b
from json import dumps


def hash_of(content: object) -> str:
    """Returns a short hash of plain values, the same in every process."""
    text = dumps(content, sort_keys=True, ensure_ascii=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()
