"""The corpora with emotion labels that are known by name. Nothing heavy is imported here."""

from pretrain.data.readers.registry import READERS as UNLABELLED
from pretrain.data.readers.registry import SYNTHETIC, spec_forms

READERS: dict[str, str] = {
    **UNLABELLED,
    "emodb": "probe.corpora.emodb:READER",
    "ravdess": "probe.corpora.ravdess:READER",
    "savee": "probe.corpora.savee:READER",
    "cremad": "probe.corpora.cremad:READER",
    "iemocap": "probe.corpora.iemocap:READER",
}
"""All that probes can read, name to `module:attribute`, see `pretrain.data.readers.registry`."""


def labelled_names() -> list[str]:
    """Returns the names of the corpora with labels, in the registry's order."""
    return [name for name in READERS if name not in UNLABELLED]


def corpus_help() -> str:
    """Returns what `--corpus` of a command takes that needs labels."""
    return f"{spec_forms(labelled_names())}, NAME=manifest.csv or {SYNTHETIC}"
