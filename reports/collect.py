"""Reads run folders: pre-training, probe and MFSN runs, tolerant about optional files.

A folder that cannot be used is named in the collection's notices; nothing is left out in silence.
"""

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfsn.study.study_columns import KIND as FUSION_STUDY
from pretrain.shared.errors import InputError
from probe.results import COLUMNS, NUMBERS
from reports.codes.runs import CodesRun, read_codes
from reports.fusion.read.collect import read_mfsn
from reports.fusion.read.runs import FinetuneRun, MfsnRun
from reports.read.csv_tables import read_table
from reports.read.folders import FORMAT, read_pretrain, read_run_record
from reports.read.records import PretrainRun, ProbeRun, Row, row_from
from reports.study.fusion_read import FusionStudyRun, read_fusion_study
from reports.study.read import KIND as STUDY
from reports.study.read import StudyRun, read_study_run

_TEXT: dict[str, Any] = {
    "dtype": {name: str for columns in COLUMNS.values() for name in columns if name not in NUMBERS},
    "na_values": {"value": ["", "nan"]},
}
"""How tables of probes are read."""


def find_folders(paths: Iterable[str], *, skip: Path | None = None) -> list[Path]:
    """Expands paths and globs to folders, sorted and without repeats.

    :param skip: The report's own folder, which a glob over all runs also matches.
    :raises ValueError: When a path or glob matches nothing.
    """
    folders: dict[Path, None] = {}
    for path in paths:
        matches = sorted(glob.glob(path)) or ([path] if Path(path).exists() else [])
        if not matches:
            raise InputError(
                f"`--runs` must name run folders, but nothing is found at {path} instead. "
                "Give the folders that pretrain/run.py, probe/run.py and mfsn/run.py wrote, or a "
                "glob of them."
            )
        for match in map(Path, matches):
            inside = skip is not None and match.resolve().is_relative_to(skip.resolve())
            if match.is_dir() and not inside:
                folders[match] = None
    return list(folders)


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Everything that was found under the given paths."""

    pretrain: tuple[PretrainRun, ...]
    probe: tuple[ProbeRun, ...]
    notices: tuple[str, ...]
    """What is missing or partial, each with the name of its folder."""

    mfsn: tuple[MfsnRun, ...] = ()
    finetune: tuple[FinetuneRun, ...] = ()
    codes: tuple[CodesRun, ...] = ()
    studies: tuple[StudyRun, ...] = ()
    fusion_studies: tuple[FusionStudyRun, ...] = ()


def collect(paths: Iterable[str], *, skip: Path | None = None) -> Collection:
    """Reads every run folder under `paths`.

    :raises ValueError: When no folder holds a run, or two runs claim the same row and seed.
    """
    notices: list[str] = []
    pretrain: list[PretrainRun] = []
    probe: list[ProbeRun] = []
    mfsn: list[MfsnRun] = []
    finetune: list[FinetuneRun] = []
    codes: list[CodesRun] = []
    studies: list[StudyRun] = []
    fusion_studies: list[FusionStudyRun] = []
    folders = find_folders(paths, skip=skip)
    for folder in folders:
        record = read_run_record(folder, notices)
        if record is None:
            continue
        kind = record.get("kind")
        if record.get("format") != FORMAT:
            notices.append(
                f"{folder}: left out, run.json has the format {record.get('format')!r}, but this "
                f"version reads {FORMAT}. Run it again."
            )
            continue
        try:
            if kind == "pretrain":
                pretrain.append(read_pretrain(folder, record, notices))
            elif kind == "probe":
                run = _read_probe(folder, record, notices)
                probe += [run] if run else []
            elif kind == "mfsn":
                searched = read_mfsn(folder, record, notices)
                mfsn += [searched] if searched else []
            elif kind == "finetune":
                finetune.append(FinetuneRun(folder=folder, record=record))
            elif kind == STUDY:
                studies.append(read_study_run(folder, record))
            elif kind == FUSION_STUDY:
                fusion_studies.append(read_fusion_study(folder, record))
            elif kind == "codes":
                measured = read_codes(folder, record, notices)
                for entry in record["rows"] if measured else ():
                    row_from(entry, source=str(folder))
                codes += [measured] if measured else []
            else:
                notices.append(f"{folder}: left out, run.json has the unknown kind {kind!r}.")
        except (KeyError, TypeError, AttributeError) as error:
            notices.append(f"{folder}: left out, run.json lacks or garbles {error}.")
        except ValueError as error:
            notices.append(f"{folder}: left out, {error}.")
    studied = [*studies, *fusion_studies]
    if not pretrain and not probe and not mfsn and not studied:
        notices += [f"{run.folder}: kind codes (shown beside a probe only)." for run in codes]
        seen = "\n  ".join(notices) or "no folder at all"
        raise InputError(
            "`--runs` must name at least one folder with a run.json of kind pretrain, probe, "
            "mfsn or study (kind codes is shown only beside a probe of the same rows), but there "
            f"is none instead:\n  {seen}"
        )
    _refuse_repeats(run.row for run in pretrain)
    if not probe and not mfsn and not studied:
        notices.append("No probe run was given: the report has training curves, but no tables.")
    notices += _unmatched(pretrain, probe)
    notices += _other_codes(codes, probe)
    return Collection(
        pretrain=tuple(pretrain),
        probe=tuple(probe),
        notices=tuple(notices),
        mfsn=tuple(mfsn),
        finetune=tuple(finetune),
        codes=tuple(codes),
        studies=tuple(studies),
        fusion_studies=tuple(fusion_studies),
    )


def _read_probe(folder: Path, record: dict[str, Any], notices: list[str]) -> ProbeRun | None:
    scores = read_table(folder / "scores.csv", **_TEXT)
    if scores.empty:
        notices.append(f"{folder}: left out, scores.csv is missing or empty (probe not finished?).")
        return None
    lacking = [column for column in COLUMNS["scores"] if column not in scores]
    if lacking:
        notices.append(f"{folder}: left out, scores.csv lacks the columns {', '.join(lacking)}.")
        return None
    for name, loss in (
        ("predictions.csv", "no confusion matrices"),
        ("folds.csv", "equal folds cannot be checked"),
    ):
        if not (folder / name).is_file():
            notices.append(f"{folder}: {name} is missing, {loss}.")
    notices += [f"{folder}: {note}" for note in record.get("notes") or []]
    rows = tuple(row_from(entry, source=str(folder)) for entry in record["rows"])
    unknown = sorted(set(scores["row"]) - {row.name for row in rows})
    if unknown:
        notices.append(
            f"{folder}: scores of rows that run.json does not name are left out: "
            f"{', '.join(unknown)}."
        )
    return ProbeRun(
        folder=folder,
        record=record,
        rows=rows,
        corpora={str(entry["name"]): entry for entry in record.get("corpora") or []},
        scores=scores,
        predictions=read_table(folder / "predictions.csv", **_TEXT),
        folds=read_table(folder / "folds.csv", **_TEXT),
        selection=read_table(folder / "selection.csv", **_TEXT),
    )


def _refuse_repeats(rows: Iterable[Row]) -> None:
    seen: dict[tuple[str, int | None], Row] = {}
    for row in rows:
        first = seen.setdefault((row.name, row.seed), row)
        if first is not row:
            raise InputError(
                f"A row and seed must come from one run, but {row.name} with seed {row.seed} is "
                f"in both {first.source} and {row.source} instead. Give one of them."
            )


def _unmatched(pretrain: list[PretrainRun], probe: list[ProbeRun]) -> list[str]:
    """Names rows whose pre-training run was not given, or has other weights by now."""
    runs = {(run.row.name, run.row.seed): run for run in pretrain}
    probed = {(row.name, row.seed): row for run in probe for row in run.rows if row.group == "row"}
    notices = []
    for key, row in probed.items():
        if key not in runs:
            notices.append(
                f"{row.name} (seed {row.seed}): its pre-training run was not given, so its "
                "training curves and command are missing."
            )
            continue
        now, then = runs[key].row.hashes.get("final_weights"), row.hashes.get("final_weights")
        if now and then and now != then:
            notices.append(
                f"{row.name} (seed {row.seed}): the weights in {runs[key].folder} are not those "
                "that were probed. Probe again."
            )
    if probed:
        notices += [
            f"{run.folder}: {run.row.name} (seed {run.row.seed}) was not probed; it is in the "
            "list of runs only."
            for key, run in runs.items()
            if key not in probed and not any(key == (r.name, r.seed) for p in probe for r in p.rows)
        ]
    return notices


def _other_codes(codes: list[CodesRun], probe: list[ProbeRun]) -> list[str]:
    """Names codes of other weights than were probed."""
    probed = {
        (row.name, row.seed): row.hashes.get("final_weights", "")
        for run in probe
        for row in run.rows
        if row.group == "row"
    }
    notices = []
    for run in codes:
        lines = run.codes[["row", "seed", "final_weights"]].drop_duplicates()
        for name, seed, weights in lines.itertuples(index=False):
            if (name, seed) in probed and (not weights or weights != probed[name, seed]):
                notices.append(
                    f"{name} (seed {seed}): the weights of the codes in {run.folder} were not "
                    "those that were probed, so Table 4 is not drawn against their bits. Run "
                    "probe/code_knowledge.py again."
                )
    return notices
