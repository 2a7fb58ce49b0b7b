"""Run folders of MFSN with made-up numbers of a realistic size and shape: no training, no torch."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from probe.metrics import score_task
from tests.reports.conftest import FOUR, write_csv

OPERATIONS = (
    "zero", "sum", "attention", "attention_reverse", "concat_fc", "concat_fc_reverse", "ism",
    "ism_reverse",
)  # fmt: skip
LEVELS = ("early", "middle", "last")
LAYERS = {"early": 1, "middle": 2, "last": 4}
OPTIMISTIC = "test-selected (optimistic)"

SPEAKERS = tuple(f"s{number:02d}" for number in range(10))

VARIANTS: dict[str, tuple[str, tuple[str, ...], str, float]] = {
    "tec": ("TEC only (Co-attention)", ("tec",), "", 0.50),
    "sec-quantized": (
        "SEC quantized, no TEC (Co-attention)", ("sec-quantized",), "sec-quantized", 0.52,
    ),
    "sec-continuous": (
        "SEC continuous, no TEC (Co-attention)", ("sec-continuous",), "sec-continuous", 0.56,
    ),
    "both": (
        "TEC and SEC, without search", ("tec", "sec-continuous"), "sec-continuous", 0.615,
    ),
    "mfsn": (
        "TEC and SEC, with search (MFSN)", ("tec", "sec-continuous"), "sec-continuous", 0.64,
    ),
}  # fmt: skip
"""Variant -> label, streams, SEC role, share of right answers."""


def make_mfsn(
    folder: Path,
    *,
    variants: Sequence[str] = tuple(VARIANTS),
    seeds: Sequence[int] = (0, 1, 2),
    speakers: Sequence[str] = SPEAKERS,
    per_speaker: int = 40,
    num_cells: int = 1,
    classes: Sequence[str] = FOUR,
    corpus: str = "synthetic",
    optimistic: bool = False,
    exhaustive_folds: int = 0,
    skill: dict[str, float] | None = None,
    clear: float = 4.0,
    name: str = "quantized-g2v8-ctc",
    sec: str = "sec-continuous",
    sec_encoder: str = "continuous-k4",
    after: str = "",
    **changes: Any,
) -> Path:
    """Writes one run folder, one fold per speaker; `changes` replace entries of run.json.

    `sec` is the role of the SEC encoder beside the TEC encoder and `sec_encoder` its name, which
    its hashes follow. `after`: the setting `search.after`; with "retrain" epochs.csv has both
    phases, without the setting no column `phase`, as in older folders.
    """
    folder.mkdir(parents=True)
    draws = np.random.default_rng([len(variants), num_cells, len(seeds)])
    folds = [f"speaker-{speaker}" for speaker in speakers]
    roles = {"tec": (name, "quantized"), "sec-quantized": ("quantized-g2v8", "quantized")}
    if sec == "sec-continuous":
        roles[sec] = (sec_encoder, "continuous")
    else:
        roles = {"tec": roles["tec"], sec: (sec_encoder, "continuous")}
    record: dict[str, Any] = {
        "kind": "mfsn",
        "format": 1,
        "status": "finished",
        "action": "ablate",
        "name": folder.name,
        "command": f"python mfsn/run.py ablate --tec runs/{name} --out {folder}",
        "git": {"commit": "0123456789abcdef", "dirty": False},
        "packages": {"torch": "2.9.1"},
        "hardware": {"cpu": "2 cores"},
        "protocol": "speaker",
        "corpus": {
            "name": corpus,
            "num_utterances": len(speakers) * per_speaker,
            "speakers": len(speakers),
            "sessions": 5,
            "hours": 0.4,
            "table_hash": "7ab1e0",
            "synthetic": corpus == "synthetic",
        },
        "encoders": {
            role: {
                "folder": f"runs/{encoder}",
                "name": encoder,
                "mode": mode,
                "row": {"codebooks": 2, "entries": 8} if mode == "quantized" else {"top_k": 4},
                "hashes": {"final_weights": f"ff{len(encoder):014x}", "files": f"of {encoder}"},
                "released": False,
                "cer": 0.31 if role == "tec" else None,
                "wer": 0.58 if role == "tec" else None,
                "finetuned_on": "speechocean762" if role == "tec" else None,
            }
            for role, (encoder, mode) in roles.items()
        },
        "settings": {"fusion": {"num_cells": num_cells}, "fit": {"lr": 1e-3}},
        "faults": [],
        "variants": [
            {
                "name": variant,
                "label": VARIANTS[variant][0],
                "streams": [x.replace("sec-continuous", sec) for x in VARIANTS[variant][1]],
                "sec": VARIANTS[variant][2].replace("sec-continuous", sec),
                "search": variant == "mfsn",
                "parameters": {"head": 1_200_000, "fusion": 70_000 * (variant == "mfsn")},
            }
            for variant in variants
        ],
        "seeds": list(seeds),
        "folds": folds,
        "levels": [1, 2, 4],
        "operations": list(OPERATIONS),
        "trained_parts": ["head", "fusion"],
        "selection": "dev part",
        "optimistic": optimistic,
        "seconds": 812.0,
        "notes": [],
    }
    if after:
        record["settings"]["search"] = {"after": after}
    record.update(changes)
    (folder / "run.json").write_text(json.dumps(record))
    truth = {
        (speaker, number): str(draws.choice(np.array(classes)))
        for speaker in speakers
        for number in range(per_speaker)
    }
    _predictions(folder, variants, seeds, truth, classes, optimistic, skill or {}, draws)
    lines = []
    for place, fold in enumerate(folds):
        for speaker, number in truth:
            index = list(speakers).index(speaker)
            part = {place: "test", (place + 1) % len(speakers): "dev"}.get(index, "train")
            lines.append([fold, f"{speaker}-{number:03d}", part])
    write_csv(folder / "folds.csv", "fold id part", lines)
    known = [[f"{s}-{n:03d}", s, _session(s), ""] for s, n in truth]
    write_csv(folder / "utterances.csv", "id speaker session audio_hash", known)
    if "mfsn" in variants:
        _searches(folder, seeds, folds, num_cells, clear, draws)
        if after:
            _with_phases(folder, retrain=after == "retrain")
    if exhaustive_folds:
        make_exhaustive(folder, seeds[:1], folds[:exhaustive_folds], num_cells=num_cells)
    return folder


def _session(speaker: str) -> str:
    return f"e{int(speaker[-1], 36) // 2}"


def _predictions(
    folder: Path,
    variants: Sequence[str],
    seeds: Sequence[int],
    truth: dict[tuple[str, int], str],
    classes: Sequence[str],
    optimistic: bool,
    skill: dict[str, float],
    draws: np.random.Generator,
) -> None:
    scores: list[list[Any]] = []
    predictions: list[list[Any]] = []
    selections = {"dev": 0.0} | ({OPTIMISTIC: 0.05} if optimistic else {})
    # Hard utterances are hard for every network, as with real speech.
    ease = {key: float(draws.normal(scale=0.6)) for key in truth}
    for variant, seed, selection in itertools.product(variants, seeds, selections):
        share = skill.get(variant, VARIANTS[variant][3]) + selections[selection]
        answers = []
        for (speaker, number), target in truth.items():
            right = draws.normal() + ease[speaker, number] < 2.9 * (share - 0.5)
            answer = target if right else str(draws.choice(np.array(classes)))
            answers.append(answer)
            predictions.append(
                [
                    variant,
                    seed,
                    selection,
                    f"speaker-{speaker}",
                    f"{speaker}-{number:03d}",
                    speaker,
                    _session(speaker),
                    target,
                    answer,
                ]
            )
        for metric, value in score_task("emotion", list(truth.values()), answers).items():
            scores.append([variant, seed, selection, metric, value])
    write_csv(folder / "scores.csv", "variant seed selection metric value", scores)
    write_csv(
        folder / "predictions.csv",
        "variant seed selection fold id speaker session target prediction",
        predictions,
    )


def _searches(
    folder: Path,
    seeds: Sequence[int],
    folds: Sequence[str],
    num_cells: int,
    clear: float,
    draws: np.random.Generator,
) -> None:
    epochs: list[list[Any]] = []
    alphas: list[list[Any]] = []
    levels: list[list[Any]] = []
    structures: list[list[Any]] = []
    taste = np.array([-0.5, 0.1, 0.0, 0.6, 0.2, 0.1, 0.4, 0.2])
    for seed, fold in itertools.product(seeds, folds):
        num_epochs, kept = int(draws.integers(14, 26)), int(draws.integers(6, 14))
        aims = clear * (taste + 0.35 * draws.normal(size=(num_cells, 8)))
        won: list[str] = []
        for epoch in range(num_epochs + 1):
            weights = np.exp(aims * (1 - np.exp(-epoch / 9)))
            weights /= weights.sum(axis=1, keepdims=True)
            for cell in range(num_cells):
                for name, weight in zip(OPERATIONS, weights[cell], strict=True):
                    alphas.append(["mfsn", seed, fold, epoch, cell, name, weight])
            best = [OPERATIONS[index] for index in weights.argmax(axis=1)]
            entropy = float(-(weights * np.log(weights)).sum(axis=1).mean())
            won = best if epoch == kept else won
            if epoch:
                ua = 0.62 - 0.35 * np.exp(-epoch / 5) + 0.02 * draws.normal()
                epochs.append(
                    [
                        "mfsn",
                        seed,
                        fold,
                        epoch,
                        1.3 * np.exp(-epoch / 12),
                        1.0,
                        ua,
                        ua + 0.01,
                        3.1,
                        entropy,
                        "+".join(best),
                    ]
                )
        level = str(draws.choice(np.array(LEVELS), p=[0.15, 0.6, 0.25]))
        for name in LEVELS:
            levels.append(
                ["mfsn", seed, fold, name, LAYERS[name], 0.6 + 0.02 * (name == level), 0.6]
            )
        structures.append(
            ["mfsn", seed, fold, level, LAYERS[level], "+".join(won), 0.62, 0.6, kept, 0.6, 0.6]
        )
    head = "variant seed fold epoch train_loss dev_loss dev_ua dev_wa seconds entropy leading"
    write_csv(folder / "epochs.csv", head, epochs)
    write_csv(folder / "alpha.csv", "variant seed fold epoch cell operation weight", alphas)
    write_csv(folder / "levels.csv", "variant seed fold level layer dev_ua dev_wa", levels)
    write_csv(
        folder / "structures.csv",
        "variant seed fold level layer operations dev_ua dev_wa epoch test_ua test_wa",
        structures,
    )


def _with_phases(folder: Path, *, retrain: bool) -> None:
    """Adds what a search says of its phases; a retraining has 9 epochs of 90 % and more."""
    epochs = pd.read_csv(folder / "epochs.csv", dtype=str, keep_default_na=False)
    epochs["phase"] = "search"
    structures = pd.read_csv(folder / "structures.csv", dtype=str, keep_default_na=False)
    structures["trained_epoch"] = structures["epoch"]
    structures["trained_dev_ua"] = structures["dev_ua"]
    if retrain:
        tasks = epochs.drop_duplicates(["seed", "fold"])
        again = [
            tasks.assign(epoch=str(n), dev_ua=str(0.9 + n / 100), entropy="", leading="")
            for n in range(1, 10)
        ]
        epochs = pd.concat([epochs, *(part.assign(phase="retrain") for part in again)])
        structures["trained_epoch"], structures["trained_dev_ua"] = "7", "0.97"
    epochs.to_csv(folder / "epochs.csv", index=False)
    structures.to_csv(folder / "structures.csv", index=False)


def make_exhaustive(
    folder: Path,
    seeds: Sequence[int],
    folds: Sequence[str],
    *,
    num_cells: int = 1,
    search: bool = True,
) -> None:
    """Writes exhaustive.csv: 3 x 8^M structures per seed and fold."""
    draws = np.random.default_rng(len(folds))
    lines: list[list[Any]] = []
    for seed, fold in itertools.product(seeds, folds):
        names = list(itertools.product(LEVELS, itertools.product(OPERATIONS, repeat=num_cells)))
        chosen = int(draws.integers(len(names)))
        for index, (level, operations) in enumerate(names):
            ua = round((0.58 + 0.04 * draws.normal()) * 50) / 50
            dev = 0.58 + 0.6 * (ua - 0.58) + 0.02 * draws.normal()
            found = search and index == chosen
            lines.append(
                [
                    seed,
                    fold,
                    level,
                    LAYERS[level],
                    "+".join(operations),
                    dev,
                    dev,
                    1.0,
                    ua,
                    ua,
                    9.0,
                    found,
                ]
            )
    write_csv(
        folder / "exhaustive.csv",
        "seed fold level layer operations dev_ua dev_wa dev_loss test_ua test_wa seconds found",
        lines,
    )
