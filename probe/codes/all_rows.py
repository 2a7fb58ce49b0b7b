"""All quantized rows on all corpora: usage, bits per frame, information on labels."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array

from pretrain.data.audio.waveforms import check_whole
from pretrain.engine.provenance import git_state, package_versions
from pretrain.model.kinds.registry import RUN
from pretrain.recognition.recognizer import Recognizer
from probe.codes.alignment import NO_CHARACTER, kept_alignment
from probe.codes.entropy import entropy_bits, perplexity
from probe.codes.frames import CodesError, FrameCodes, RowQuantizer, frame_codes, load_quantizer
from probe.codes.information import (
    MAX_BLOCKS,
    Information,
    blocks_of,
    frame_information,
    utterance_information,
)
from probe.codes.results import COLUMNS, Lines
from probe.codes.usage import rates, usage
from probe.corpora.read import read_probe_corpus
from probe.folds.leaks import drop_duplicates
from probe.rows.all_rows import describe
from probe.rows.comparable import EncoderRun

IntArray = npt.NDArray[np.int64]


@dataclass(kw_only=True)
class LabelledCorpus:
    """A corpus with what its codes are compared to."""

    name: str
    table: pd.DataFrame
    described: dict[str, Any]
    blocks: IntArray
    """(N,) groups of speakers, see `blocks_of`."""

    characters: IntArray | None = None
    """(F,) class of each frame, or `NO_CHARACTER`; None without aligner."""


def read_labelled_corpora(specs: Sequence[str]) -> list[LabelledCorpus]:
    """Reads corpora without their exact copies.

    Raises:
        ValueError: A corpus cannot be read, has too long utterances, or two have one name.
    """
    corpora = []
    for spec in specs:
        table, notes = drop_duplicates(read_probe_corpus(spec))
        check_whole(table)
        described: dict[str, Any] = {**describe(table, spec), "notes": notes}
        name, blocks = str(described["name"]), blocks_of(table["speaker"].astype(str).tolist())
        corpora.append(LabelledCorpus(name=name, table=table, described=described, blocks=blocks))
        for note in notes:
            print(f"{name}: {note}")
    names = [corpus.name for corpus in corpora]
    if len(set(names)) < len(names):
        raise CodesError(f"Every --corpus needs a name of its own, but they are {names}.")
    return corpora


def add_characters(corpus: LabelledCorpus, recognizer: Recognizer, folder: Path) -> None:
    """Lays the transcripts of the corpus over its frames; `folder` keeps that."""
    characters, aligned = kept_alignment(corpus.table, recognizer, corpus.name, folder)
    if left_out := len(corpus.table) - aligned:
        note = (
            f"{left_out} of {len(corpus.table)} utterances have no transcript that the recognizer "
            "can write; characters are of the others."
        )
        print(f"{corpus.name}: {note}")
        corpus.described["notes"].append(note)
    corpus.described["aligned"] = {"utterances": aligned, "left_out": left_out}
    corpus.characters = characters if aligned else None


def quantized_rows(runs: Sequence[EncoderRun]) -> list[tuple[EncoderRun, RowQuantizer]]:
    """Loads the quantizers of the quantized rows among `runs`, before anything is computed.

    Raises:
        CodesError: There are none, or a checkpoint is gone.
    """
    chosen = [run for run in runs if run.mode == "quantized" and run.kind == RUN]
    left_out = [
        f"{run.name}, seed {run.seed}: {run.mode or 'no'} targets, so it has no codes"
        if run.kind == RUN
        else f"{run.name}: not a run of this project, whose codebooks alone are read"
        for run in runs
        if run not in chosen
    ]
    if not chosen:
        raise CodesError(
            "`--encoder` must name at least one quantized run, but there is none instead "
            f"({'; '.join(left_out)})."
        )
    for text in left_out:
        print(f"{text}.")
    return [(run, load_quantizer(run)) for run in chosen]


def code_knowledge(
    rows: Sequence[tuple[EncoderRun, RowQuantizer]],
    corpora: Sequence[LabelledCorpus],
    folder: Path,
) -> tuple[dict[str, Any], Lines]:
    """Measures every row on every corpus; `folder` keeps the codes of frames.

    Returns run.json, but for command and aligner, and the lines of the CSV files.
    """
    lines: Lines = {name: [] for name in COLUMNS}
    started, total = time.monotonic(), len(rows) * len(corpora)
    for number, (corpus, (run, row)) in enumerate(product(corpora, rows)):
        spent = (time.monotonic() - started) / max(number, 1) * (total - number)
        left = f", about {spent:.0f} s left" if number else ""
        print(f"{corpus.name}: {number + 1}/{total} {run.name}, seed {run.seed}{left}", flush=True)
        key = {"row": run.name, "seed": run.seed, "corpus": corpus.name}
        codes = frame_codes(corpus.table, row, run.name, folder)
        _add_usage(lines, key, codes, corpus)
        _add_information(lines, key, codes, corpus)
    described = {
        "rows": [run.described() for run, _ in rows],
        "corpora": [corpus.described for corpus in corpora],
        "packages": package_versions(),
        "git": git_state(),
    }
    return described, lines


def _add_usage(
    lines: Lines, key: dict[str, object], codes: FrameCodes, corpus: LabelledCorpus
) -> None:
    counts = usage(codes)
    for group, own in enumerate(counts):
        lines["usage"] += [
            {**key, "group": group, "entry": entry, "frames": int(frames)}
            for entry, frames in enumerate(own)
        ]
        lines["groups"].append(
            {
                **key,
                "group": group,
                "entries": len(own),
                "used": int((own > 0).sum()),
                "dead": int((own == 0).sum()),
                "perplexity": perplexity(own),
                "bits": entropy_bits(own),
                "drawn_bits": float(codes.drawn_bits[group]),
            }
        )
    found = rates(codes, corpus.blocks)
    num_codebooks = codes.codes.shape[1]
    lines["codes"].append(
        {
            **key,
            "frames": len(codes.codes),
            "codebooks": num_codebooks,
            "entries": codes.num_entries,
            "nominal_bits": num_codebooks * math.log2(codes.num_entries),
            "centres": codes.num_entries**num_codebooks,
            "perplexity": 2.0**found.bits,
            "drawn_bits": float(codes.drawn_bits.sum()),
            **asdict(found),
        }
    )


def _add_information(
    lines: Lines, key: dict[str, object], codes: FrameCodes, corpus: LabelledCorpus
) -> None:
    many = corpus.table["speaker"].nunique() > MAX_BLOCKS
    for label, (found, among) in _information(codes, corpus).items():
        of_label = {**key, "label": label}
        lines["information"].append(
            {
                **of_label,
                "shuffled_over": among,
                "units": "groups of speakers" if many else "speakers",
                "excess_bits": found.excess,
                **asdict(found),
            }
        )
        lines["blocks"] += [
            {**of_label, "block": block, "excess_bits": value}
            for block, value in enumerate(found.blocks)
        ]


def _information(codes: FrameCodes, corpus: LabelledCorpus) -> dict[str, tuple[Information, str]]:
    """Returns, by label, what was found, and among what the labels were shuffled."""
    compact, utterances = _numbered(codes.centres), codes.utterances
    table = corpus.table
    columns = {name: table[name].astype(str).to_numpy() for name in ("emotion", "speaker")}
    found = {}
    for label, other in (("emotion", "speaker"), ("speaker", "emotion")):
        known = columns[label] != ""
        if len(set(columns[label][known])) < 2:
            continue
        counts = csr_array(
            (np.ones(len(compact), dtype=np.int64), (utterances, compact)),
            shape=(len(table), int(compact.max()) + 1),
        )[np.flatnonzero(known)]
        counts.sum_duplicates()
        strata = _numbered(columns[other][known])
        information = utterance_information(
            counts, _numbered(columns[label][known]), strata, corpus.blocks[known]
        )
        among = f"utterances of one {other}" if strata.any() else "all utterances"
        found[label] = information, among
    if corpus.characters is not None:
        assert len(corpus.characters) == len(compact)
        said = corpus.characters != NO_CHARACTER
        information = frame_information(
            compact[said], corpus.characters[said], utterances[said], corpus.blocks
        )
        found["character"] = information, "frames of one utterance (shifted)"
    return found


def _numbered(values: npt.NDArray[Any]) -> IntArray:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)
