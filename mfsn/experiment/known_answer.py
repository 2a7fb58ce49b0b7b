"""What is known beforehand of the embedded synthetic corpus: what its words express, and what the
best listeners answer. Of other corpora nothing is known."""

from dataclasses import asdict
from typing import Any

import pandas as pd

from mfsn.data.corpus import EmotionCorpus
from mfsn.experiment.results import WORDS
from pretrain.data.synthetic.oracle import on_contradicted, oracle
from pretrain.data.synthetic.plan import SyntheticSettings
from pretrain.data.synthetic.sentences import word_emotion


def oracle_of(corpus: EmotionCorpus) -> dict[str, Any]:
    """Returns `oracle` of run.json: of the listeners `words`, `voice` and `both` their UA, and
    their shares of answers to contradicted utterances; empty of a corpus that is not synthetic."""
    if not corpus.described["synthetic"]:
        return {}
    settings = SyntheticSettings()
    listeners = on_contradicted(settings).items()
    return {
        "ua": asdict(oracle(settings)),
        "contradicted": {name: asdict(shares) for name, shares in listeners},
    }


def words_of(corpus: EmotionCorpus) -> pd.DataFrame | None:
    """Returns words.csv, or None of a corpus that is not synthetic."""
    if not corpus.described["synthetic"]:
        return None
    said = corpus.table["text"].map(word_emotion)
    return corpus.table[["id"]].assign(word_emotion=said)[list(WORDS)]
