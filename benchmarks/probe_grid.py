"""Time of the whole Table 4 grid of the probe once features are cached.

Random features with the falling spectrum and the offset of real ones stand in for six encoders.
"""

import argparse
import time

import numpy as np
import pandas as pd

from pretrain.shared.random_streams import generator
from probe.corpora.targets import find_tasks
from probe.folds.protocols import make_folds
from probe.heads.linear import evaluate, parts_of


def made_up_corpus(num_utterances: int, num_speakers: int) -> pd.DataFrame:
    draw = generator("benchmark", "labels")
    speakers = np.arange(num_utterances) % num_speakers
    return pd.DataFrame(
        {
            "id": [f"u{number:05d}" for number in range(num_utterances)],
            "speaker": [f"s{speaker:02d}" for speaker in speakers],
            "session": [f"p{speaker // 2:02d}" for speaker in speakers],
            "emotion": [f"class {label}" for label in draw.integers(0, 7, num_utterances)],
            **{
                name: draw.uniform(1, 5, num_utterances)
                for name in ("valence", "arousal", "dominance")
            },
        }
    )


def made_up_features(shape: tuple[int, int, int], *, seed: int, decay: float) -> np.ndarray:
    """Returns (N, L, D) features whose principal deviations fall as 1 / axis^decay."""
    draw = generator("benchmark", "features", seed)
    num_utterances, num_layers, num_channels = shape
    layers = []
    for _ in range(num_layers):
        axes, _ = np.linalg.qr(draw.standard_normal((num_channels, num_channels)))
        spectrum = np.arange(1, num_channels + 1) ** -decay
        layers.append((draw.standard_normal((num_utterances, num_channels)) * spectrum) @ axes + 1)
    return np.stack(layers, axis=1).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoders", type=int, default=6)
    parser.add_argument("--utterances", type=int, default=500)
    parser.add_argument("--speakers", type=int, default=10)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--channels", type=int, default=512)
    parser.add_argument("--decay", type=float, default=1.0)
    arguments = parser.parse_args()
    table = made_up_corpus(arguments.utterances, arguments.speakers)
    tasks, parts = find_tasks(table), parts_of(table, make_folds(table, "speaker"))
    shape = (arguments.utterances, arguments.layers, arguments.channels)
    total = 0.0
    for encoder in range(arguments.encoders):
        features = made_up_features(shape, seed=encoder, decay=arguments.decay)
        started = time.perf_counter()
        result = evaluate(table, features, tasks, parts)
        seconds = time.perf_counter() - started
        total += seconds
        notes = "; ".join(result.warnings) or "all solved"
        print(f"encoder {encoder}: {seconds:.1f} s ({notes})", flush=True)
    print(
        f"{arguments.encoders} encoders x {len(parts)} folds x {arguments.layers} layers, "
        f"emotion, V, A, D: {total:.1f} s"
    )


if __name__ == "__main__":
    main()
