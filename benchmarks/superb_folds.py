"""What training the superb head's folds side by side gains over one after the other.

Random frames stand in for an encoder's. Both ways train the same folds in turns, so that a busy
machine slows both; the ratio of each round is printed, and their median. On a busy machine
`--clock cpu` with OMP_NUM_THREADS=1 counts only the time that this process had.

    python benchmarks/superb_folds.py --folds 10 --dim 128
"""

import argparse
import statistics
import time

import numpy as np
import torch

from pretrain.engine.processor_tuning import tune_machine
from pretrain.shared.random_streams import generator
from probe.corpora.targets import EMOTION, Task
from probe.features.frame_states import Frames
from probe.heads.linear import Part
from probe.heads.settings import SuperbSettings
from probe.heads.superb import train_folds

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
NUM_CLASSES = 7


def made_up_frames(num_utterances: int, num_layers: int, dim: int, num_frames: int) -> Frames:
    draw = generator("benchmark", "frames")
    counts = draw.integers(num_frames // 2, num_frames * 3 // 2, num_utterances)
    values = draw.standard_normal((num_layers, int(counts.sum()), dim), dtype=np.float32)
    return Frames(
        shards=[torch.from_numpy(values).half()],
        shard=np.zeros(num_utterances, dtype=np.intp),
        first=np.cumsum(counts) - counts,
        num_frames=counts.astype(np.intp),
    )


def made_up_folds(num_utterances: int, num_folds: int) -> tuple[Task, list[Part]]:
    """Returns classes and folds of equal size: one part to test, the next for dev."""
    targets = np.arange(num_utterances) % NUM_CLASSES
    task = Task(
        name=EMOTION,
        labelled=np.ones(num_utterances, dtype=bool),
        targets=targets.astype(np.float64),
        classes=tuple(map(str, range(NUM_CLASSES))),
    )
    group = np.arange(num_utterances) % num_folds
    parts = []
    for fold in range(num_folds):
        test, dev = group == fold, group == (fold + 1) % num_folds
        rows = [np.flatnonzero(part) for part in (~test & ~dev, dev, test)]
        parts.append(Part(fold=str(fold), train=rows[0], dev=rows[1], test=rows[2]))
    return task, parts


def seconds_of(
    frames: Frames, task: Task, parts: list[Part], at_once: int, device: torch.device, clock: str
) -> float:
    """Returns the time of one epoch of all folds, `at_once` of them side by side."""
    started = CLOCKS[clock]()
    for start in range(0, len(parts), at_once):
        settings = SuperbSettings(epochs=1)
        train_folds(frames, task, parts[start : start + at_once], settings, device)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return CLOCKS[clock]() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=320)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--frames", type=int, default=140, help="mean frames of an utterance")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    tune_machine()
    device = torch.device(arguments.device)
    task, parts = made_up_folds(arguments.utterances, arguments.folds)
    frames = made_up_frames(arguments.utterances, arguments.layers, arguments.dim, arguments.frames)
    ways = sorted({1, 2, 4, len(parts)})
    times: dict[int, list[float]] = {way: [] for way in ways}
    for number in range(arguments.rounds):
        for way in ways if number % 2 else reversed(ways):
            times[way].append(seconds_of(frames, task, parts, way, device, arguments.clock))
        ratios = ", ".join(f"{way} at once {times[1][-1] / times[way][-1]:.2f}x" for way in ways)
        print(f"round {number + 1}: {ratios}", flush=True)
    for way in ways:
        median = statistics.median(times[way])
        gain = statistics.median(a / b for a, b in zip(times[1], times[way], strict=True))
        print(f"{len(parts)} folds, {way} at once: {median:.2f} s an epoch, {gain:.2f}x")
    print(f"one fold: {statistics.median(times[1]) / len(parts):.2f} s an epoch")


if __name__ == "__main__":
    main()
