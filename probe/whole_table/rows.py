"""The rows of Table 4 by seed: their settings, and the run folders that they are pre-trained in."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

from pretrain.config.files import SettingsError, read_tree
from pretrain.config.settings import DEFAULT_CONFIG, ROW_MODE_REMEDY, ResolvedSettings, resolve
from pretrain.data.readers.registry import READERS, parse_spec, unknown_corpus
from pretrain.engine.arithmetic.kept_precision import settle
from pretrain.engine.launch import training_device
from pretrain.engine.pretrain_run import widths_of
from pretrain.engine.run_folder import WEIGHTS_FILE, RunFolder
from pretrain.shared.errors import InputError, UserError
from pretrain.shared.paths import PROJECT
from pretrain.shared.processes.locks import lock
from pretrain.shared.processes.stopping import for_child
from probe.features.acoustic import ACOUSTIC
from probe.features.baselines import CONSTANT, LOG_MEL, UNTRAINED
from probe.rows.comparable import ROW, EncoderRun, read_encoder_run, with_equal_comparison

BASELINES = (CONSTANT, LOG_MEL, UNTRAINED, *ACOUSTIC)
"""No row can be called so."""


class RowError(InputError):
    """Rows that cannot be pre-trained, or not for one table."""


class PretrainingError(UserError):
    """A pre-training ended early; the message says where its output is."""


@dataclass(frozen=True, kw_only=True)
class PretrainedRow:
    """One row at one seed; as a job, its pre-training."""

    row: str
    seed: int
    folder: Path
    """The one that pretrain/grid.py gives it."""

    settings: ResolvedSettings
    arguments: tuple[str, ...]
    """Of pretrain/run.py."""

    log: Path
    """Gets what pretrain/run.py says."""

    @property
    def name(self) -> str:
        return f"pre-training {self.row}, seed {self.seed}"

    @property
    def needs(self) -> Sequence["PretrainedRow"]:
        return ()

    @property
    def is_finished(self) -> bool:
        description = RunFolder(self.folder, option="--runs").description()
        is_there = (self.folder / WEIGHTS_FILE).is_file()
        return is_there and description is not None and description.get("status") == "finished"

    @property
    def lock_files(self) -> Sequence[Path]:
        return ()

    @property
    def run(self) -> EncoderRun:
        """What a cell needs to know, before there is an encoder too."""
        return EncoderRun(name=self.row, group=ROW, seed=self.seed, folder=self.folder.resolve())

    def compute(self) -> None:
        """Pre-trains in a process of its own: it sets things up that would change a probe's sums.
        A pretrain/grid.py or run.py that is at work in the folder is waited for.

        Raises:
            PretrainingError: It failed.
            KeyboardInterrupt: It was stopped; the same command continues it.
        """
        if self.folder.is_dir():
            with lock(self.folder / ".lock", wait=True):
                pass  # held by whoever trains there; now the process below takes it
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(PROJECT / "pretrain" / "run.py"), *self.arguments]
        with self.log.open("a") as log:
            process = subprocess.Popen(
                command, env=for_child(os.environ), stdout=log, stderr=subprocess.STDOUT
            )
            try:
                status = process.wait()
            except BaseException:
                # It ends after the update at work, with a checkpoint.
                if process.poll() is None:
                    process.send_signal(SIGTERM)
                process.wait()
                raise
        if status:
            raise PretrainingError(f"{last_lines(self.log)}\n(all that it said: {self.log})")

    def progress(self) -> float | None:
        """Returns which share of its updates is done, by the last line of its metrics."""
        return _progress(self.folder / "metrics.jsonl")


def plan_rows(
    rows: Path,
    chosen: Sequence[str],
    seeds: Sequence[int],
    runs: Path,
    *,
    config: Sequence[Path],
    overrides: Sequence[str],
    corpus: str | None,
    logs: Path,
    keep: bool = True,
) -> list[PretrainedRow]:
    """Returns all rows at all seeds, those of one seed together.

    Args:
        rows: Folder of TOML files, one per row.
        chosen: Names of the rows wanted; none for all.
        seeds: Seeds wanted.
        runs: Gets a folder NAME-seedK for each.
        config: As for pretrain/grid.py.
        overrides: As for pretrain/grid.py.
        corpus: What to pre-train on, or None for what the settings say.
        logs: Folder of what the pre-trainings say.
        keep: Whether a precision that is decided here is kept for others, see `settle`.

    Raises:
        ValueError, RunFolderError: Settings are wrong, differ between rows in more than their
            target, or differ from those of a run that is there.
    """
    files = sorted(rows.glob("*.toml"))
    if not files:
        raise RowError(
            f"`--rows` must be a folder of TOML files, one per row, but {rows} is not one."
        )
    given = [*(config or [DEFAULT_CONFIG])]

    def folder_of(settings: ResolvedSettings) -> Path:
        return runs / f"{settings.name}-seed{settings.run.seed}"

    read: list[tuple[Path, ResolvedSettings]] = []
    for seed in seeds:
        for file in files:
            tree = read_tree([*given, file], overrides)
            if corpus is not None:
                tree.put("data.corpus", corpus, f"--pretrain-on {corpus}")
            tree.put("seed", seed, f"--seed {seed}")
            read.append((file, resolve(tree, remedy=ROW_MODE_REMEDY)))
    settled = settle(
        [settings for _, settings in read],
        folder_of,
        lambda: widths_of(read[0][1]),
        training_device(),
        table=runs,
        keep=keep,
        option="--runs",
    )
    planned: list[PretrainedRow] = []
    for (file, _), settings in zip(read, settled, strict=True):
        if settings.name in BASELINES:
            raise SettingsError(
                f"{file}: `name` must be none of {', '.join(BASELINES)}, which a table "
                f"may have as baselines, but is {settings.name}."
            )
        seed, folder = settings.run.seed, folder_of(settings)
        if any(other.folder == folder for other in planned):
            raise SettingsError(
                f"{file}: `name` must differ between rows, but {settings.name} is taken."
            )
        arguments = [part for path in (*given, file) for part in ("--config", str(path))]
        arguments += [part for text in overrides for part in ("--set", text)]
        arguments += ["--corpus", corpus] if corpus is not None else []
        arguments += ["--set", f"training.precision={settings.run.training.precision}"]
        arguments += ["--set", f"seed={seed}", "--out", str(folder)]
        planned.append(
            PretrainedRow(
                row=settings.name,
                seed=seed,
                folder=folder,
                settings=settings,
                arguments=tuple(arguments),
                log=logs / f"pretrain-{settings.name}-seed{seed}.txt",
            )
        )
    known = list(dict.fromkeys(row.row for row in planned))
    if unknown := sorted(set(chosen) - set(known)):
        raise RowError(
            f"`--row` must be one of {', '.join(known)} (those of {rows}), but is {unknown[0]!r} "
            "instead."
        )
    planned = [row for row in planned if not chosen or row.row in chosen]
    _check_comparable(planned)
    for row in planned:
        RunFolder(row.folder, option="--runs").open(row.settings, resume=True)
    check_finished(planned)
    check_corpora(planned)
    return planned


def _check_comparable(rows: Sequence[PretrainedRow]) -> None:
    """Raises `RowError` when settings that all rows must share differ, before hours of training."""
    first = rows[0].settings.compared()
    for row in rows[1:]:
        now = row.settings.compared()
        unequal = [
            f"  {key}: {first.get(key, 'absent')!r}, here {now.get(key, 'absent')!r}"
            for key in sorted({*first, *now})
            if first.get(key) != now.get(key)
        ]
        if unequal:
            raise RowError(
                f"{row.row} cannot stand in one table with {rows[0].row}, because their settings "
                "differ in more than their target:\n" + "\n".join(unequal)
            )


def check_finished(rows: Sequence[PretrainedRow]) -> None:
    """Raises `EncoderError` when encoders that are there, of any seeds, are not comparable: another
    corpus, or, at one seed, other initial weights, another order of samples, other masks."""
    there = [read_encoder_run(row.folder) for row in rows if row.is_finished]
    with_equal_comparison(there, allow_uncontrolled=False)


def check_corpora(rows: Sequence[PretrainedRow]) -> None:
    """Raises ValueError when there is no corpus where rows are to be pre-trained on one; what is
    finished does not need it any more."""
    known = tuple(READERS)
    for spec in dict.fromkeys(row.settings.run.data.corpus for row in rows if not row.is_finished):
        corpus = parse_spec(spec, known=known)
        if corpus.path is None:
            continue
        if corpus.name not in known and corpus.manifest(known) is None:
            raise unknown_corpus(corpus, known=known)
        if not corpus.path.exists():
            raise RowError(
                f"Rows are to be pre-trained on {spec!r}, but {corpus.path} does not exist. "
                "Correct --pretrain-on (or `data.corpus` of the settings)."
            )


def last_lines(log: Path, count: int = 6) -> str:
    """Returns how a pre-training ended; what it calls --out is under this command's --runs."""
    said = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
    return said.replace("another --out", "another --runs")


def _progress(metrics: Path) -> float | None:
    try:
        with metrics.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            end = file.read().decode("utf-8", errors="replace")
    except OSError:
        return None
    _, found, text = end.rpartition('"progress": ')
    try:
        return float(text.partition(",")[0].rstrip("}\n")) if found else None
    except ValueError:
        return None
