"""From a corpus's spec to an utterance table."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pretrain.data.readers.read import read_corpus as read_corpus


def __getattr__(name: str) -> Any:
    # Only when asked for: the registry beside it is read by --help, which does without pandas.
    if name == "read_corpus":
        from pretrain.data.readers.read import read_corpus

        return read_corpus
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
