"""Corpora with emotion labels, on top of those that pre-training can read."""

from pathlib import Path

import pandas as pd

from pretrain.data.quarantine import MIN_SECONDS
from pretrain.data.readers import LISTERS, read_corpus
from pretrain.data.readers.spec import Lister
from probe.corpora.emodb import list_emodb
from probe.corpora.ravdess import list_ravdess

PROBE_LISTERS: dict[str, Lister] = LISTERS | {"emodb": list_emodb, "ravdess": list_ravdess}
"""Corpora read from their own layout: name to lister."""


def read_probe_corpus(
    spec: str,
    *,
    min_seconds: float = MIN_SECONDS,
    max_bad_share: float = 0.05,
    quarantine_file: Path | None = None,
) -> pd.DataFrame:
    """Returns the utterance table of the corpus that `spec` names.

    Beside everything that `pretrain.data.readers.read_corpus` knows:

    - `emodb=PATH`: the Berlin Database of Emotional Speech, labels from its file names;
    - `ravdess=PATH`: the speech part of RAVDESS, labels from its file names.

    `synthetic` is the part whose voices and sentences pre-training never hears.
    """
    return read_corpus(
        spec,
        min_seconds=min_seconds,
        max_bad_share=max_bad_share,
        quarantine_file=quarantine_file,
        listers=PROBE_LISTERS,
        synthetic_part="probe",
    )
