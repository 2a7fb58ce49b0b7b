"""Corpora with emotion labels, on top of those that pre-training can read."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probe.corpora.read import read_probe_corpus as read_probe_corpus


def __getattr__(name: str) -> Any:
    # Only when asked for: the registry beside it is read by --help, which does without pandas.
    if name == "read_probe_corpus":
        from probe.corpora.read import read_probe_corpus

        return read_probe_corpus
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
