"""Makes the embedded synthetic corpus: a folder of FLAC files with a manifest.

The corpus goes in rounds: every speaker says its sentence k before any says k + 1, and `hours`
sets the number of rounds. So a smaller corpus is a prefix of a larger one of the same seed and
part, sample for sample.
"""

import json
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.data.synthetic.emotions import AXES, LABELS, NUM_RATERS, rater_ceiling
from pretrain.data.synthetic.espeak import ESPEAK_RATE_HZ, speak
from pretrain.data.synthetic.oracle import oracle
from pretrain.data.synthetic.plan import Plan, SyntheticSettings, mean_ratings, plan_part
from pretrain.data.synthetic.prosody import PARAMETERS, to_request
from pretrain.data.synthetic.speakers import Speaker, speakers_of
from pretrain.shared.atomic_files import writing
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import read_object

MAX_HOURS = 1000.0
FORMAT = 1
"""Raise it with every change of what a corpus of given settings contains."""
MEAN_SECONDS = {"pretrain": 2.48, "probe": 2.43}
"""Mean length of an utterance, as measured; turns hours into rounds."""
KEPT_SILENCE_SECONDS = 0.1
SILENCE = 0.01
"""Samples below this share of the utterance's peak at either end count as silence."""
MARKER = "finished.json"


def make_synthetic_corpus(
    folder: Path,
    *,
    hours: float,
    seed: int,
    part: str,
    settings: SyntheticSettings | None = None,
) -> Path:
    """Makes the corpus of `part` ("pretrain" or "probe") in `folder`, and returns `folder`.

    Contents: `manifest.csv`, `README.txt`, a marker, and 16 kHz 16-bit FLAC files. The corpus lasts
    about `hours` (within some percent: the number of rounds follows from the mean length). A
    finished corpus of the same settings is left as it is. The folder appears at once or not at
    all. Raises ValueError for wrong arguments and for a folder that holds something else.
    """
    settings = settings or SyntheticSettings()
    num_rounds = rounds_of(hours, part=part)
    wanted = {
        "format": FORMAT,
        "espeakng_loader": version("espeakng-loader"),
        "synthetic": True,
        "part": part,
        "seed": seed,
        "num_rounds": num_rounds,
        "settings": asdict(settings),
    }
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        check_finished(folder, wanted)
        return folder
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.making-", dir=folder.parent))
        try:
            manifest = write_audio(making, part, num_rounds, seed, settings)
            finish(making, manifest, wanted, settings)
            making.chmod(0o755)
            try:
                os.replace(making, folder)
            except OSError:
                if not folder.is_dir():
                    raise
                # Another process made the corpus meanwhile: its folder must be what we wanted.
                check_finished(folder, wanted)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return folder


def rounds_of(hours: float, *, part: str) -> int:
    """Returns the number of rounds that last about `hours`."""
    if not 0 < hours <= MAX_HOURS:
        raise InputError(f"`hours` must be above 0 and at most {MAX_HOURS:g}, but is {hours:g}.")
    return ceil(hours * 3600 / (len(speakers_of(part)) * MEAN_SECONDS[part]))


def check_finished(folder: Path, wanted: dict[str, Any]) -> None:
    """Raises ValueError unless `folder` holds the whole corpus `wanted`."""
    remedy = "Remove the folder or choose another one."
    try:
        marker = read_object(folder / MARKER)
        manifest = (folder / "manifest.csv").read_bytes()
    except (OSError, ValueError):
        raise InputError(
            f"{folder} exists, but holds no finished synthetic corpus. {remedy}"
        ) from None
    for key, value in wanted.items():
        if marker.get(key) != value:
            raise InputError(
                f"{folder} holds a synthetic corpus with `{key}` = {marker.get(key)!r}, but "
                f"{value!r} is wanted. {remedy}"
            )
    if sha256(manifest).hexdigest() != marker.get("manifest_sha256"):
        raise InputError(f"{folder / 'manifest.csv'} was changed after it was made. {remedy}")
    paths = pd.read_csv(folder / "manifest.csv", usecols=["path"], dtype=str)["path"]
    missing = [path for path in paths if not (folder / path).is_file()]
    if missing:
        raise InputError(f"{folder} lacks {len(missing)} files, the first: {missing[0]}. {remedy}")


def write_audio(
    folder: Path, part: str, num_rounds: int, seed: int, settings: SyntheticSettings
) -> pd.DataFrame:
    """Speaks everything into `folder`; returns the manifest, ordered by round, then speaker."""
    speakers = speakers_of(part)
    plans = plan_part(part, num_rounds=num_rounds, seed=seed, settings=settings)
    progress = tqdm(
        total=num_rounds * len(speakers), desc="synthetic corpus", unit="utt", disable=None
    )

    def write(speaker: Speaker) -> list[dict[str, Any]]:
        """Speaks one speaker's utterances in order and returns their manifest rows."""
        (folder / speaker.name).mkdir()
        rows = []
        requests = [to_request(plan.text, plan.prosody) for plan in plans[speaker.name]]
        spoken = speak(speaker.voice, requests)
        for plan, sound in zip(plans[speaker.name], spoken, strict=True):
            samples = to_16k(sound)
            path = f"{speaker.name}/{speaker.name}-{plan.number:05d}.flac"
            try:
                soundfile.write(folder / path, samples, SAMPLE_RATE_HZ, subtype="PCM_16")
            except soundfile.SoundFileError as error:
                raise OSError(str(error)) from error  # of the disk: the samples are fine
            rows.append(manifest_row(path, speaker, plan, len(samples)))
            progress.update()
        return rows

    with progress, ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 8)) as pool:
        made = list(pool.map(write, speakers))
    return pd.DataFrame([row for spoken in zip(*made, strict=True) for row in spoken])


def to_16k(spoken: bytes) -> NDArray[np.int16]:
    """Turns espeak-ng's samples into (S,) int16 at 16 kHz without long silence at the ends.

    The loudness is left as it is: it is part of the prosody.
    """
    loud = np.frombuffer(spoken, dtype="<i2").astype(np.float32) / 32768
    resampled = soxr.resample(loud, ESPEAK_RATE_HZ, SAMPLE_RATE_HZ)
    sounding = np.flatnonzero(np.abs(resampled) > SILENCE * np.abs(resampled).max())
    kept = round(KEPT_SILENCE_SECONDS * SAMPLE_RATE_HZ)
    first, last = (sounding[0], sounding[-1]) if len(sounding) else (0, len(resampled))
    trimmed = resampled[max(first - kept, 0) : last + kept]
    samples: NDArray[np.int16] = np.clip(np.rint(trimmed * 32768), -32768, 32767).astype(np.int16)
    return samples


def manifest_row(path: str, speaker: Speaker, plan: Plan, num_samples: int) -> dict[str, Any]:
    """Returns the line of manifest.csv of one file."""
    arousal, valence, dominance = mean_ratings(plan)
    row: dict[str, Any] = {
        "path": path,
        "speaker": speaker.name,
        "session": speaker.session,
        "emotion": plan.emotion,
        "valence": valence,
        "arousal": arousal,
        "dominance": dominance,
        "text": plan.text,
        "split": speaker.part,
        "word_emotion": plan.word_emotion,
        "contradicted": int(plan.contradicted),
        "gender": speaker.gender,
        "voice": speaker.voice,
        "duration_s": round(num_samples / SAMPLE_RATE_HZ, 4),
    }
    for rater in range(NUM_RATERS):
        for column, label in enumerate(LABELS):
            row[f"{label}_rater{rater + 1}"] = float(plan.ratings[rater, column])
    row |= {name: round(float(plan.point[i]), 3) for i, name in enumerate(AXES)}
    row |= {name: round(float(plan.prosody[i]), 3) for i, name in enumerate(PARAMETERS)}
    return row


def finish(
    folder: Path, manifest: pd.DataFrame, wanted: dict[str, Any], settings: SyntheticSettings
) -> None:
    """Writes manifest, README and, last, the marker; prints what the best listener would score."""
    text = manifest.to_csv(index=False, lineterminator="\n")
    (folder / "manifest.csv").write_text(text)
    scores = oracle(settings)
    ceiling = {}
    for label in LABELS:
        said = manifest[[f"{label}_rater{rater + 1}" for rater in range(NUM_RATERS)]]
        ceiling[label] = round(rater_ceiling(said.to_numpy(dtype=np.float64)), 4)
    hours = manifest["duration_s"].sum() / 3600
    (folder / "README.txt").write_text(
        "SYNTHETIC speech, spoken by the program espeak-ng; no human voice is in it. Emotion is\n"
        "put on by rule (M. Schroeder, ADS 2004). Results on it say nothing about people.\n"
        f"{hours:.2f} h, {len(manifest)} utterances, {manifest['speaker'].nunique()} voices, part "
        f"{wanted['part']}, seed {wanted['seed']}.\n{scores}\n"
        "agreement of one rater with the others (CCC): "
        + ", ".join(f"{label} {value:.2f}" for label, value in ceiling.items())
        + "\n"
    )
    marker = wanted | {
        "manifest_sha256": sha256(text.encode()).hexdigest(),
        "hours": round(hours, 4),
        "oracle_ua": asdict(scores),
        "rater_ceiling_ccc": ceiling,
    }
    (folder / MARKER).write_text(json.dumps(marker, indent=1) + "\n")
    tqdm.write(str(scores), file=sys.stderr)
