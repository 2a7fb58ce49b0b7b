"""The folder of a study of fusion with made-up counts: no training, no torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.study.study_columns import COLUMNS, FORMAT, KIND
from mfsn.study.study_file import NETWORKS, FusionStudy
from pretrain.shared.json_files import FILES, digests_of
from probe.study.study_file import read_registered
from tests.conftest import PROJECT

HEADS = ("coattention", "content")
SPEAKERS = tuple(f"s{number}" for number in range(6))
EMOTIONS = ("angry", "happy", "neutral", "sad")


def luck_of(seed: int, speaker: str, emotion: str, number: int) -> npt.NDArray[np.float64]:
    """The same for all networks, so that equal skill gives equal answers."""
    key = [seed, SPEAKERS.index(speaker), EMOTIONS.index(emotion), number]
    return np.random.default_rng(key).random(number)


def make_fusion_study(folder: Path, skill: Mapping[str, float], **changes: Any) -> Path:
    """Writes a study of three seeds; `skill` is the share of right answers by network, .5 of those
    that are not named, half as many where the words contradict the voice."""
    folder.mkdir(parents=True)
    study = read_registered(PROJECT / "configs" / "study" / "fusion.toml", FusionStudy)
    lines: list[tuple[Any, ...]] = []
    for head in HEADS:
        for network in NETWORKS:
            share = skill.get(f"{head} {network}", 0.5)
            for seed in range(3):
                for speaker in SPEAKERS:
                    for emotion in EMOTIONS:
                        for contradicted, number in ((0, 50), (1, 20)):
                            luck = luck_of(seed, speaker, emotion, number)
                            right = int((luck < share / (1 + contradicted)).sum())
                            named = (head, network, seed, speaker, emotion, contradicted)
                            lines.append((*named, number, right, (number - right) // 2))
    trace = [
        (head, network, 0, fold, place, knows, 0.25 + 0.1 * number)
        for head in HEADS
        for network in NETWORKS
        for fold in ("a", "b")
        for number, (place, knows) in enumerate(
            [("TEC states", "words"), ("TEC states", "emotion"), ("last layer", "emotion")]
        )
    ]
    tables: dict[str, list[tuple[Any, ...]]] = {
        "counts": lines,
        "trace": trace,
        "structures": [("content", 0, "a", 1, "sum", 0.5, 0.5)],
        "alpha": [("content", 0, "a", 1, 2.0, "sum")],
    }
    for name, rows in tables.items():
        pd.DataFrame(rows, columns=list(COLUMNS[name])).to_csv(folder / f"{name}.csv", index=False)
    record: dict[str, Any] = {
        "kind": KIND,
        "format": FORMAT,
        "status": "finished",
        "name": study.name,
        "study": study.model_dump(mode="json"),
        "hashes": {"study": study.hash},
        "seeds": [0, 1, 2],
        "oracle": {
            "ua": {"words": 0.588, "both": 0.914},
            "contradicted": {
                "words": {"right": 0.0, "follows_words": 1.0},
                "both": {"right": 0.97, "follows_words": 0.02},
            },
        },
        "corpus": {
            "name": "synthetic", "num_utterances": 2970, "speakers": 10, "hours": 2.0,
            "synthetic": True, "table_hash": "7ab1e0",
        },
        "encoders": {
            "tec": {
                "name": "reader", "mode": "ctc", "finetuned": True, "cer": 0.2,
                "constant_cer": 0.5,
            },
            "sec-quantized": {"name": "q", "mode": "quantized", "finetuned": False},
            "sec-continuous": {"name": "k4", "mode": "continuous", "finetuned": False},
        },
        "warnings": [],
        "seconds": {"coattention": 60.0, "content": 120.0},
        "settings": {},
        "command": "python mfsn/run.py study",
        "packages": {},
        "git": {"commit": "0123456789abcdef", "dirty": False},
        FILES: digests_of(folder, [f"{name}.csv" for name in COLUMNS]),
        **changes,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    return folder
