"""Run folders with made-up numbers of a realistic size and shape: no training, no torch."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probe import metrics
from reports import assemble
from reports.figures.drawing import Drawing, SavedFigure

LAYERS = ["0", "1", "2", "3", "4"]
FOUR = ("angry", "happy", "neutral", "sad")
DIMENSIONS = ("valence", "arousal", "dominance")
ROWS: dict[str, tuple[str, dict[str, int], float]] = {
    "quantized-g2v2": ("quantized", {"codebooks": 2, "entries": 2, "centres": 4}, 0.00),
    "quantized-g2v8": ("quantized", {"codebooks": 2, "entries": 8, "centres": 64}, 0.02),
    "quantized-g2v12": ("quantized", {"codebooks": 2, "entries": 12, "centres": 144}, 0.03),
    "quantized-g4v8": ("quantized", {"codebooks": 4, "entries": 8, "centres": 4096}, 0.05),
    "continuous-k1": ("continuous", {"top_k": 1}, 0.055),
    "continuous-k4": ("continuous", {"top_k": 4}, 0.07),
}
COMPARISON = {
    "model.num_layers": 4,
    "model.model_dim": 128,
    "mask.probability": 0.65,
    "optimizer.learning_rate": 5e-4,
    "training.num_updates": 300,
}

MakeRuns = Callable[..., list[str]]


def make_pretrain(folder: Path, name: str, /, *, seed: int = 0, **changes: Any) -> Path:
    """Writes one pre-training run; `changes` replace entries of run.json."""
    mode, row, _ = ROWS.get(name, ("quantized", {"codebooks": 2, "entries": 4, "centres": 16}, 0))
    draws = np.random.default_rng([seed, len(name), sum(map(ord, name))])
    folder.mkdir(parents=True)
    record = {
        "kind": "pretrain",
        "format": 1,
        "status": "finished",
        "name": name,
        "mode": mode,
        "seed": seed,
        "settings": {},
        "row": row,
        "comparison": dict(COMPARISON),
        "hashes": {
            "settings": f"5e77{sum(map(ord, name)):012x}",
            "comparison": "c03fa91b20d7e6aa",
            "initial_weights": f"a1b2c3d4e5f6{seed:04x}",
            "final_weights": f"ff{hash_of(name, seed)}",
            "corpus": "0c0a9b5512fe87d0",
            "sample_order": f"5a3b9e7710cd{seed:04x}",
            "masks": f"3a5c77b1902e{seed:04x}",
        },
        "parameters": {"encoder": 1_482_240, "objective": 140_000},
        "command": f"accelerate launch pretrain/run.py --mode {mode} "
        f"--config configs/table4/{name}.toml --out {folder}",
        "packages": {"torch": "2.9.1"},
        "git": {"commit": "0123456789abcdef", "dirty": False},
        "hardware": {"cpu": "2 cores"},
        "updates": 300,
        "audio_hours": 1.82,
        "train_seconds": 61.0 + draws.uniform(0, 5),
        "health": [],
        "corpus": {
            "name": "synthetic",
            "num_utterances": 900,
            "hours": 0.75,
            "speakers": 20,
            "synthetic": True,
        },
    }
    record.update(changes)
    (folder / "run.json").write_text(json.dumps(record))
    updates = np.arange(5, 301, 5)
    lines = []
    for update in updates.tolist():
        share = update / 300
        line = {
            "update": update,
            "progress": share,
            "learning_rate": 5e-4,
            "gradient_norm": 1.0,
            "explained": 0.05 + 0.3 * share,
            "conv_variance": 0.31 + 0.1 * share + 0.01 * draws.normal(),
        }
        if mode == "quantized":
            centres = row["centres"]
            use = min(centres, 1 + (centres**0.82) * (0.45 + 0.45 * share))
            line |= {
                "loss": 9 + 26 * np.exp(-4 * share) + 0.6 * draws.normal() - np.log2(centres) / 4,
                "centre_perplexity": max(1.0, use * np.exp(0.05 * draws.normal())),
                "centres_used": min(centres, round(use * 1.7 * np.exp(0.04 * draws.normal()))),
                "frames_without_negatives": 0.001,
                "temperature": 2 - 1.5 * share,
                "code_perplexity": 2.0,
            }
        else:
            line |= {
                "loss": 5.2 + 6 * np.exp(-5 * share) + 0.15 * draws.normal() - 0.2 * row["top_k"],
                "target_variance": 0.62 + 0.2 * share / row["top_k"] + 0.01 * draws.normal(),
                "prediction_variance": 0.45 * (1 - np.exp(-5 * share)) + 0.01 * draws.normal(),
                "teacher_decay": 0.99,
            }
        lines.append(json.dumps({key: float(value) for key, value in line.items()}))
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def hash_of(name: str, seed: int) -> str:
    """Returns made-up hexadecimal letters."""
    return f"{sum((i + 1) * ord(letter) for i, letter in enumerate(name)) + seed:014x}"


def make_probe(
    folder: Path,
    *,
    corpora: Sequence[str] = ("synthetic",),
    names: Sequence[str] = tuple(ROWS),
    seeds: Sequence[int] = (0,),
    dimensions: bool = True,
    classes: Sequence[str] = FOUR,
    layers: Sequence[str] = ("selected", *LAYERS),
    changes: dict[str, dict[str, Any]] | None = None,
) -> Path:
    """Writes one probe run; `changes` replace entries of single rows in run.json."""
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for name in names:
        mode, row, _ = ROWS.get(name, ("quantized", {"codebooks": 2, "entries": 4}, 0.0))
        for seed in seeds:
            rows.append(
                {
                    "name": name,
                    "group": "row",
                    "encoder_run": f"runs/{name}-{seed}",
                    "comparison": dict(COMPARISON),
                    "mode": mode,
                    "row": row,
                    "seed": seed,
                    "hashes": {
                        "comparison": "c03fa91b20d7e6aa",
                        "initial_weights": f"a1b2c3d4e5f6{seed:04x}",
                        "final_weights": f"ff{hash_of(name, seed)}",
                        "corpus": "0c0a9b5512fe87d0",
                        "sample_order": f"5a3b9e7710cd{seed:04x}",
                        "masks": f"3a5c77b1902e{seed:04x}",
                    },
                    **(changes or {}).get(name, {}),
                }
            )
    rows += [
        {
            "name": name,
            "group": "baseline",
            "encoder_run": "",
            "comparison": {},
            "hashes": {},
            "mode": "",
            "row": {},
            "seed": None,
        }
        for name in ("untrained", "log-mel", "constant")
    ]
    record = {
        "kind": "probe",
        "format": 1,
        "protocol": "speaker",
        "head": "linear",
        "rows": rows,
        "corpora": [
            {
                "name": name,
                "num_utterances": 480,
                "speakers": 8,
                "sessions": 4,
                "hours": 0.4,
                "table_hash": f"7ab1e{index}",
                "synthetic": name == "synthetic",
                "label_source": "simulated raters" if dimensions else "none",
            }
            for index, name in enumerate(corpora)
        ],
        "command": f"python probe/run.py --encoder runs/* --corpus {corpora[0]} --out {folder}",
        "packages": {},
        "git": {"commit": "0123456789abcdef", "dirty": True},
    }
    (folder / "run.json").write_text(json.dumps(record))
    scores, predictions, folds = [], [], []
    for index, corpus in enumerate(corpora):
        draws = np.random.default_rng(index)
        key = [corpus, "speaker", "linear"]
        truth = draws.choice(np.array(classes), size=480).tolist()
        ids = [f"{corpus}-{number:03d}" for number in range(480)]
        folds += [[corpus, "speaker", i % 8, ids[i], "test"] for i in range(480)]
        for entry in rows:
            name, seed = entry["name"], entry["seed"]
            skill = {"untrained": -0.06, "log-mel": -0.03, "constant": -1.0}.get(name)
            skill = ROWS.get(name, ("", {}, 0.01))[2] if skill is None else skill
            start = [name, "" if seed is None else seed, *key]
            numbered = [layer for layer in layers if layer != "selected"]
            for layer in numbered if name not in ("log-mel", "constant") else ():
                depth = 0.03 * (2 - abs(int(layer) - 2.5))
                for metric, value in fake_scores(skill, depth, dimensions, len(classes), draws):
                    scores.append([*start, layer, metric, value])
            answers = fake_answers(skill, truth, classes, draws, number=dimensions)
            for task, (target, prediction, found) in answers.items():
                scores += [[*start, "selected", metric, value] for metric, value in found.items()]
                predictions += [
                    [*start, task, i % 8, ids[i], f"s{i % 8}", f"e{i % 4}", target[i], guess]
                    for i, guess in enumerate(prediction)
                ]
    write_csv(folder / "scores.csv", "row seed corpus protocol head layer metric value", scores)
    write_csv(
        folder / "predictions.csv",
        "row seed corpus protocol head task fold id speaker session target prediction",
        predictions,
    )
    write_csv(folder / "folds.csv", "corpus protocol fold id part", folds)
    return folder


def fake_answers(
    skill: float,
    truth: list[str],
    classes: Sequence[str],
    draws: np.random.Generator,
    *,
    number: bool,
) -> dict[str, tuple[list[Any], list[Any], dict[str, float]]]:
    """Returns task -> targets, predictions, and the scores of the predictions.

    A skill of -1 is the constant predictor; the numbers to predict are the same for every row.
    """
    constant = skill == -1.0
    right = draws.uniform(size=len(truth)) < 0.45 + skill
    guesses = draws.choice(np.array(classes), size=len(truth))
    labels = [
        classes[0] if constant else true if hit else str(guess)
        for true, hit, guess in zip(truth, right, guesses, strict=True)
    ]
    scores = (("ua", metrics.ua), ("wa", metrics.wa), ("macro_f1", metrics.macro_f1))
    found: dict[str, tuple[list[Any], list[Any], dict[str, float]]] = {
        "emotion": (truth, labels, {name: score(truth, labels) for name, score in scores})
    }
    for index, name in enumerate(DIMENSIONS if number else ()):
        target = np.random.default_rng(100 + index).normal(3.0, 0.8, len(truth))
        share = 0.0 if constant else 0.5 + skill
        noise = 0.0 if constant else draws.normal(0.0, 0.3, len(truth))
        numbers = target.mean() + share * (target - target.mean()) + noise
        values = {
            f"mse_{name}": metrics.mse(target, numbers),
            f"ccc_{name}": metrics.ccc(target, numbers),
        }
        found[name] = target.tolist(), numbers.tolist(), values
    return found


def fake_scores(
    skill: float, depth: float, dimensions: bool, num_classes: int, draws: np.random.Generator
) -> list[tuple[str, float]]:
    """Returns metric and value at one numbered layer, of which no predictions are kept."""
    noise = draws.normal(scale=0.012, size=9)
    level = 1.76 / num_classes + skill + depth + noise[0]
    found = [("ua", level), ("wa", level + 0.01), ("macro_f1", level - 0.02)]
    if dimensions:
        for index, (name, variance, top) in enumerate(
            zip(DIMENSIONS, (0.81, 0.55, 0.6), (0.02, 0.55, 0.42), strict=True)
        ):
            share = top + 2 * skill * (top > 0.1) + depth + noise[index + 1]
            found.append((f"mse_{name}", variance * (1.02 - share)))
            found.append((f"ccc_{name}", max(0.0, share)))
    return found


def write_csv(file: Path, header: str, lines: list[list[Any]]) -> None:
    """Writes one CSV file."""
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header.split())
        writer.writerows(lines)


@pytest.fixture
def make_runs(tmp_path: Path) -> MakeRuns:
    """Returns a maker of six pre-training runs per seed and one probe run."""

    def make(*, seeds: Sequence[int] = (0,), **options: Any) -> list[str]:
        for name in options.get("names", ROWS):
            for seed in seeds:
                make_pretrain(tmp_path / "runs" / f"{name}-{seed}", name, seed=seed)
        make_probe(tmp_path / "runs" / "probe", seeds=seeds, **options)
        return [str(tmp_path / "runs" / "*")]

    return make


def stub(drawing: Drawing, folder: Path) -> SavedFigure:
    """Stands for a drawing that nobody has drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    svg = folder / f"{drawing.name}.svg"
    svg.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return SavedFigure(drawing=drawing, png=svg.with_suffix(".png"), svg=svg)


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces pictures by a stub where a test is about words: drawing is slow."""
    monkeypatch.setattr(assemble, "save", stub)
