"""Small golden values of every stage in `NUMBERS_VERSION`, and where they are kept.

`python -m tests.golden_stages` adds those of stages whose version was raised. It never replaces
values that stand under a version: other values need another version.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pandas as pd
import soundfile
import torch
from torch import nn

from mfsn.data.fold_data import FoldData
from mfsn.data.head_inputs import FaultSettings, InputSettings
from mfsn.data.segments import cut
from mfsn.data.spectra import Spectra
from mfsn.model.fusion_cells import FusionSettings
from mfsn.model.genotype import Genotype
from mfsn.model.head_settings import HeadSettings
from mfsn.model.network import DerivedNetwork, Supernet
from mfsn.search.epochs import Training
from mfsn.search.fit import fit
from mfsn.search.search import search
from mfsn.search.settings import FitSettings, SearchSettings
from pretrain.data.audio.waveforms import read_waveform
from pretrain.data.loader import normalize_waveform
from pretrain.data.scan.look import look
from pretrain.data.vocabulary import Vocabulary
from pretrain.model.encoder import Encoder, build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.frozen import FrozenEncoder
from pretrain.model.quantizer import GumbelQuantizer
from pretrain.objectives.ctc import CtcHead
from pretrain.objectives.frames.logmel import LogMel
from pretrain.objectives.frames.prosody import Prosody
from pretrain.recognition.recognizer import Recognizer
from pretrain.shared.numbers_version import NUMBERS_VERSION
from pretrain.shared.random_streams import generator
from probe.attributes.evaluate import evaluate_attributes, find_attributes
from probe.codes.alignment import align_table
from probe.codes.frames import RowQuantizer, frame_codes
from probe.contamination.fingerprint import fingerprint
from probe.corpora.targets import Task
from probe.features.baselines import LogMelFeatures
from probe.features.frame_states import EncoderFrames, Frames, LogMelFrames
from probe.features.mfcc import MfccFeatures
from probe.features.row_source import RowSource
from probe.features.utterance_features import EncoderFeatures
from probe.heads.finetune import FinetuneSettings, evaluate_finetuned
from probe.heads.linear import Evaluation, Part, evaluate
from probe.heads.superb import SuperbSettings, evaluate_superb
from probe.heads.svm import solve_svm
from probe.metrics import score_task
from tests.mfsn.made_up_segments import DIM, NUM_CLASSES, MadeUpSegments
from tests.probe.heads.test_superb import source_of

FILE = Path(__file__).with_name("golden_numbers.json")
"""By stage and version: its golden values."""

RELATIVE, ABSOLUTE = 2e-3, 2e-4
"""How far another processor or library may be off: less than any change that has a meaning."""

SIZES = EncoderSettings(
    conv_dim=8, model_dim=16, ffn_dim=16, num_layers=2, num_heads=2, position_groups=2
)
NUM, NUM_LAYERS, NUM_CHANNELS = 24, 2, 6
Numbers = npt.NDArray[np.float64]


def sampled(values: npt.ArrayLike) -> list[float]:
    """Returns mean, deviation and nine values of an array."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    places = np.linspace(0, len(flat) - 1, 9).astype(int)
    return [float(flat.mean()), float(flat.std()), *flat[places].tolist()]


def sound(number: int, num_samples: int = 6_000) -> npt.NDArray[np.float32]:
    """(S,) noise whose loudness rises and falls."""
    noise = generator("golden", "sound", number).normal(0, 0.1, num_samples)
    return (noise * (1.1 + np.sin(np.arange(num_samples) / (90 + 40 * number)))).astype(np.float32)


def written(folder: Path, number: int, rate: int = 16_000, channels: int = 1) -> SimpleNamespace:
    """Returns a row of the utterance table, with its file."""
    samples = sound(number, 6_000 + 800 * number)
    path = folder / f"{number:02d}.wav"
    soundfile.write(path, np.stack([samples * (1 - 0.4 * c) for c in range(channels)], 1), rate)
    return SimpleNamespace(
        id=f"u{number:02d}", path=str(path), offset=0, frames=len(samples), sample_rate=rate,
        speaker=f"s{number % 4}", session="", audio_hash=f"h{number}", text="A B",
    )  # fmt: skip


def table_of(folder: Path, count: int) -> pd.DataFrame:
    return pd.DataFrame([vars(written(folder, number)) for number in range(count)])


def encoder() -> Encoder:
    return build_encoder(SIZES, seed=5).eval()


def waves() -> tuple[torch.Tensor, torch.Tensor]:
    """(2, S) zero-padded, (2,)"""
    pair = [torch.from_numpy(normalize_waveform(sound(n, 6_000 - 900 * n))) for n in range(2)]
    padded = nn.utils.rnn.pad_sequence(pair, batch_first=True)
    return padded, torch.tensor([len(wave) for wave in pair])


def labelled() -> tuple[pd.DataFrame, list[Task], list[Part], npt.NDArray[np.float32]]:
    """Utterances with two tasks and two folds, and (N, L, D) features that know a little."""
    draw = generator("golden", "labelled")
    classes = np.arange(NUM) % 3
    known = np.ones(NUM, dtype=bool)
    tasks = [
        Task(
            name="emotion", labelled=known, targets=classes.astype(float), classes=("a", "b", "c")
        ),
        Task(name="valence", labelled=known, targets=classes + draw.normal(0, 0.5, NUM)),
    ]
    rows = np.arange(NUM)
    cuts = [(rows[8:], rows[:4], rows[4:8]), (rows[:16], rows[16:20], rows[20:])]
    parts = [Part(fold=f"f{n}", train=a, dev=b, test=c) for n, (a, b, c) in enumerate(cuts)]
    features = draw.normal(0, 1, (NUM, NUM_LAYERS, NUM_CHANNELS)).astype(np.float32)
    features[:, 1, :3] += 1.5 * np.eye(3, dtype=np.float32)[classes]
    table = pd.DataFrame({"id": [f"u{n:02d}" for n in rows], "speaker": "s", "session": ""})
    return table, tasks, parts, features


def numbers_in(found: Evaluation) -> list[float]:
    """Returns scores and choices, and what was predicted of numbers."""
    scores = [float(line["value"]) for line in found.scores]  # type: ignore[arg-type]
    chosen = [float(line[key]) for line in found.selection for key in ("strength", "dev_score")]  # type: ignore[arg-type]
    told = [
        float(value)
        for frame in found.predictions
        for task, value in zip(frame["task"], frame["prediction"], strict=True)
        if task == "valence"
    ]
    return [*scores, *chosen, *told]


def audio() -> list[float]:
    with TemporaryDirectory() as folder:
        row = written(Path(folder), 1, rate=22_050, channels=2)
        return sampled(normalize_waveform(read_waveform(row)))


def scan() -> list[float]:
    with TemporaryDirectory() as folder:
        facts = vars(look(written(Path(folder), 1, rate=22_050, channels=2).path, 0, -1))
        return [float(value) for value in facts.values() if isinstance(value, int | float)]


def fingerprints() -> list[float]:
    """The share of ones of every bit: single bits of noise are a matter of rounding."""
    bits, heard = fingerprint(sound(1, 48_000))
    ones = (bits[heard][:, None] >> np.arange(32, dtype=np.uint32)) & np.uint32(1)
    return [float(len(bits)), *np.round(ones.mean(axis=0), 1).tolist()]


def layers() -> list[float]:
    with torch.inference_mode():
        return sampled(torch.stack(encoder()(*waves()).layers)[:, 1, :10].numpy())


def features() -> list[float]:
    means = EncoderFeatures(FrozenEncoder(encoder(), name="golden"))(*waves())
    return [*sampled(means.numpy()), *sampled(LogMelFeatures()(*waves()).numpy())]


def acoustic() -> list[float]:
    return sampled(MfccFeatures()(*waves()).numpy())


def frames() -> list[float]:
    states, _ = EncoderFrames(FrozenEncoder(encoder(), name="golden"))(*waves())
    mel, _ = LogMelFrames()(*waves())
    return [*sampled(states[1][:, :10].numpy()), *sampled(mel[0][:, :20].numpy())]


def linear() -> list[float]:
    table, tasks, parts, values = labelled()
    return numbers_in(evaluate(table, values, tasks, parts))


def svm() -> list[float]:
    table, tasks, parts, values = labelled()
    found = [
        evaluate(table, values, tasks, parts, strengths=(0.01, 1.0), solver=solver)
        for solver in (partial(solve_svm, kernel="linear"), partial(solve_svm, kernel="rbf"))
    ]
    return [number for one in found for number in numbers_in(one)]


def superb() -> list[float]:
    _, tasks, parts, values = labelled()
    counts = np.full(NUM, 2, dtype=np.intp)
    shard = torch.from_numpy(values.repeat(2, axis=0).transpose(1, 0, 2).copy()).half()
    kept = Frames(
        shards=[shard], shard=np.zeros(NUM, np.intp), first=np.cumsum(counts) - counts,
        num_frames=counts,
    )  # fmt: skip
    settings = SuperbSettings(hidden_dim=8, lr=1e-2, batch_size=6, epochs=3)
    return numbers_in(evaluate_superb(source_of(kept), tasks, parts, settings))


def finetune() -> list[float]:
    with TemporaryDirectory() as folder:
        table = table_of(Path(folder), 12)
        _, tasks, *_ = labelled()
        few = [
            Task(name=t.name, labelled=t.labelled[:12], targets=t.targets[:12], classes=t.classes)
            for t in tasks
        ]
        rows = np.arange(12)
        part = Part(fold="f", train=rows[:6], dev=rows[6:9], test=rows[9:])
        settings = FinetuneSettings(batch_size=3, epochs=2, max_seconds=0.3)
        frozen = FrozenEncoder(encoder(), name="golden")
        source = RowSource(frozen=frozen, table=table, folder=Path(), device=frozen.device)
        return numbers_in(evaluate_finetuned(source, few, [part], settings))


def attributes() -> list[float]:
    names = [(f"{n:02d}", f"Sentence {k}.") for n in (3, 8, 9, 10) for k in range(6)]
    table = pd.DataFrame(names, columns=["speaker", "text"])
    table["id"], table["session"] = [f"u{n:02d}" for n in range(NUM)], ""
    found, _ = find_attributes(table, "emodb=nowhere")
    values = generator("golden", "attributes").normal(0, 1, (NUM, NUM_LAYERS, NUM_CHANNELS))
    values[:, 1, :4] += np.repeat(np.eye(4), 6, axis=0)
    return numbers_in(evaluate_attributes(table, values.astype(np.float32), found))


def metrics() -> list[float]:
    draw = generator("golden", "metrics")
    classes, answers = draw.integers(0, 3, (2, 40)).astype(str).tolist()
    target, prediction = draw.normal(0, 1, (2, 40))
    pair = target.tolist(), (target + prediction).tolist()
    return [
        *score_task("emotion", classes, answers).values(),
        *score_task("valence", *pair).values(),
    ]


def codes() -> list[float]:
    torch.manual_seed(11)
    quantizer = GumbelQuantizer(SIZES.conv_dim, 2, 4, 8).eval()
    with TemporaryDirectory() as folder:
        row = RowQuantizer(encoder=encoder(), quantizer=quantizer)
        found = frame_codes(table_of(Path(folder), 3), row, "golden", Path(folder))
        counts = np.stack([np.bincount(group, minlength=4) for group in found.codes.T])
        return [*found.drawn_bits.tolist(), *(counts / counts.sum()).round(2).ravel().tolist()]


def alignment() -> list[float]:
    torch.manual_seed(12)
    recognizer = Recognizer(encoder(), CtcHead(16, 4).eval(), Vocabulary((" ", "A", "B")))
    with TemporaryDirectory() as folder:
        classes, num_aligned = align_table(table_of(Path(folder), 3), recognizer, "golden")
    return [float(num_aligned), *np.bincount(classes + 1, minlength=4).tolist()]


def segments() -> list[float]:
    inputs = InputSettings()
    bounds = cut(60_000, inputs, FaultSettings())
    spectra = Spectra(inputs)
    emphasised = spectra.emphasised(torch.from_numpy(sound(2, 20_000)))
    found = spectra.spectrogram(emphasised), spectra.mfcc(emphasised)
    return [*np.ravel(bounds).tolist(), *sampled(found[0].numpy()), *sampled(found[1].numpy())]


def fold() -> FoldData:
    return FoldData(data=MadeUpSegments(12), train=np.arange(8), dev=np.arange(8, 12))


HEAD = HeadSettings(
    image_height=63, image_width=63, channels=(2, 2, 2, 2, 2), pooled=1, spectrogram_dim=4,
    lstm_dim=2, lstm_layers=1, mfcc_pool=30, mfcc_dim=4, stream_dim=4, hidden_dim=8,
)  # fmt: skip
FIT = FitSettings(lr=5e-3, sec_lr=5e-3, batch_size=6, max_epochs=2, patience=5, precision="fp32")


def fusion() -> list[float]:
    network = DerivedNetwork(
        Genotype(level=1, operations=("sum",)), tec_dim=DIM, sec_dim=DIM, num_classes=NUM_CLASSES,
        head=HEAD, fusion=FusionSettings(), seed=0,
    )  # fmt: skip
    found = fit(network, Training(streams=nn.Identity(), fold=fold(), settings=FIT, seed=0))
    return [float(row[key]) for row in found.epochs for key in ("train_loss", "dev_loss")]


def searched() -> list[float]:
    supernet = Supernet(
        tec_dim=DIM, sec_dim=DIM, num_classes=NUM_CLASSES, head=HEAD, fusion=FusionSettings(),
        seed=0,
    )  # fmt: skip
    how = SearchSettings(method="joint", alpha_lr=0.5)
    training = Training(streams=nn.Identity(), fold=fold(), settings=FIT, seed=3)
    found = search(supernet, training, how, layers=(1, 2, 4))
    return [*[float(r["train_loss"]) for r in found.epochs], *[r["weight"] for r in found.alphas]]


def targets() -> list[float]:
    waveforms, _ = waves()
    values, _ = Prosody()(waveforms)
    return [*sampled(LogMel()(waveforms).numpy()), *sampled(values.numpy())]


STAGES: dict[str, Callable[[], list[float]]] = {
    "audio": audio, "scan": scan, "fingerprint": fingerprints, "encoder": layers,
    "features": features, "acoustic": acoustic, "frames": frames, "linear": linear, "svm": svm,
    "superb": superb,
    "finetune": finetune, "attributes": attributes, "metrics": metrics, "codes": codes,
    "alignment": alignment, "segments": segments, "fusion": fusion, "search": searched,
    "targets": targets,
}  # fmt: skip
"""What computes the golden values of each stage."""


def kept() -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def are_close(found: list[float], known: list[float]) -> bool:
    return len(found) == len(known) and np.allclose(
        found, known, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True
    )


def main() -> None:
    """Adds the golden values of versions that have none."""
    golden = kept() if FILE.is_file() else {}
    for stage, version in NUMBERS_VERSION.items():
        known = golden.setdefault(stage, {})
        if str(version) not in known:
            known[str(version)] = [float(f"{value:.7g}") for value in STAGES[stage]()]
            print(f"{stage}: kept the golden values of version {version}")
    FILE.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
