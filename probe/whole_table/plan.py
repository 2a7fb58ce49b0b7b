"""What a command names of Table 4, read and checked: rows, columns, and the jobs that they make."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrain.engine.arithmetic.precision import BF16, Choice
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.kinds.places import encoder_place
from pretrain.shared.errors import CommandLineError, InputError
from pretrain.shared.paths import runs_folder
from pretrain.shared.processes.job_queue import Board, Job
from probe.corpora.options import specs_of
from probe.heads.settings import Head, check_hears, make_head
from probe.results import check_out_folder
from probe.rows.all_rows import check_corpora, read_corpus
from probe.rows.baselines import keys_of, with_baselines
from probe.rows.comparable import EncoderRun, make_table, read_encoder_run
from probe.rows.evaluate_row import evaluate_row
from probe.rows.precision import choose_for_probe, precision_of_cells
from probe.whole_table.cell_store import Cell, Setting, inputs_of_corpus
from probe.whole_table.command_line import Table4Request
from probe.whole_table.rows import PretrainedRow, plan_rows

Key = tuple[str, str, int, str]
"""Name, group and seed of a row, and the name of a corpus."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CellJob:
    """The computing of one cell."""

    cell: Cell
    needs: Sequence[PretrainedRow]
    features: Path
    board: Board

    @property
    def name(self) -> str:
        run = self.cell.run
        return f"{self.cell.setting}: {run.name}" + self.cell.seed_text

    @property
    def is_finished(self) -> bool:
        return all(row.is_finished for row in self.needs) and self.cell.path.is_file()

    @property
    def lock_files(self) -> Sequence[Path]:
        """Cells of one encoder share its features: two processes would compute them twice."""
        run = self.cell.run
        name = f"features of {run.name}{self.cell.seed_text} on {self.cell.setting.corpus.name}"
        return (self.board.lock_file(name),)

    def compute(self) -> None:
        started = time.monotonic()
        setting = self.cell.setting
        evaluation = evaluate_row(
            self.cell.run, setting.corpus, setting.head, self.features, setting.bf16
        )
        self.cell.write(evaluation, time.monotonic() - started)


@dataclass(frozen=True, kw_only=True, eq=False)
class TablePlan:
    """Everything that a command names."""

    rows: list[PretrainedRow]
    others: list[EncoderRun]
    """Encoders that are there already, such as released ones."""

    settings: list[Setting]
    cells: list[CellJob]
    encoder: EncoderSettings
    """Sizes of the rows."""

    choice: Choice
    """Of the precision that cells are computed in."""

    acoustic: list[str]
    """Baselines of `probe.features.acoustic.ACOUSTIC`."""

    features: Path
    fingerprints: bool
    """Whether contamination is looked for by sound too."""

    results: Path
    """Gets a results folder for each protocol and head."""

    @property
    def jobs(self) -> list[Job]:
        """The longest first, so that no process is alone with one at the end. What is the same at
        every seed is one job."""
        jobs: list[Job] = [*self.rows, *self.cells]
        return list({job.name: job for job in reversed(jobs)}.values())[::-1]

    def missing(self) -> list[Job]:
        return [job for job in self.jobs if not job.is_finished]

    def weights_for(self, jobs: Sequence[Job]) -> list[EncoderRun]:
        """Returns the rows and baselines that these jobs compute with and that are there."""
        cells = [job for job in jobs if isinstance(job, CellJob)]
        return [job.cell.run for job in cells if all(row.is_finished for row in job.needs)]

    def columns(self) -> dict[str, list[Setting]]:
        """Returns the settings of each results folder."""
        columns: dict[str, list[Setting]] = {}
        for setting in self.settings:
            columns.setdefault(setting.folder_name, []).append(setting)
        return columns

    def cells_of(self, settings: Sequence[Setting]) -> dict[Key, Cell]:
        """Returns the cells of these settings by row and corpus."""
        cells = [job.cell for job in self.cells if job.cell.setting in settings]
        return {key_of(cell.run, cell.setting.corpus.name): cell for cell in cells}


def key_of(run: EncoderRun, corpus: str) -> Key:
    """Returns what tells this cell of one column from the others."""
    return run.name, run.group, run.seed, corpus


def make_plan(parsed: Table4Request, board: Board, logs: Path) -> TablePlan:
    """Reads and checks all that a command names, before anything is computed.

    Raises:
        ValueError, RunFolderError: Something that the user has to correct.
    """
    for folder in (parsed.runs, parsed.runs / "rows"):
        if folder.exists() and not folder.is_dir():
            raise InputError(f"`--runs` must be a folder, but {folder} is a file instead.")
    heads = make_heads(parsed.head, parsed.head_set)
    check_hears(heads, parsed.baseline)
    for head in heads:
        keys_of(parsed.baseline, head)
    rows = plan_rows(
        parsed.rows,
        parsed.row,
        parsed.seed,
        parsed.runs / "rows",
        config=parsed.config,
        overrides=parsed.set,
        corpus=parsed.pretrain_on,
        logs=logs,
        keep=not parsed.dry_run,
    )
    others = [read_encoder_run(encoder_place(text)) for text in parsed.encoder]
    make_table([row.run for row in rows] + others, allow_uncontrolled=True)
    encoder, cells = rows[0].settings.run.encoder, parsed.runs / "cells"
    choice = choose_for_probe(
        parsed.precision, precision_of_cells(cells), encoder, table=cells, keep=not parsed.dry_run
    )
    specs = specs_of(parsed.corpus, parsed.columns, incomplete=parsed.allow_incomplete)
    # Curves by layer need layers, which not every head tells apart.
    attributes = parsed.attributes and any(head.kind.tells_layers_apart for head in heads)
    settings: list[Setting] = []
    for protocol in parsed.protocol:
        corpora = [read_corpus(spec, protocol, with_attributes=attributes) for spec in specs]
        check_corpora(corpora)
        for head in heads:
            probed = (
                corpora
                if head.kind.tells_layers_apart
                else [one.without_attributes() for one in corpora]
            )
            settings += [
                Setting(corpus=corpus, protocol=protocol, head=head, bf16=choice.precision == BF16)
                for corpus in probed
            ]
    features = parsed.features or runs_folder() / "features"
    plan = TablePlan(
        rows=rows,
        others=others,
        settings=settings,
        cells=_cell_jobs(rows, others, parsed.baseline, settings, cells, features, board),
        encoder=encoder,
        choice=choice,
        acoustic=parsed.baseline,
        features=features,
        fingerprints=parsed.fingerprints,
        results=parsed.runs / "probe",
    )
    for name, column in plan.columns().items():
        if len({setting.protocol for setting in column}) > 1:
            raise CommandLineError(f"Two --protocol have the same name, {name}: give one of them.")
        check_out_folder(plan.results / name, option="--runs")
    return plan


def make_heads(names: Sequence[str], overrides: Sequence[str]) -> list[Head]:
    """Returns the heads, each with the overrides that begin with its name."""
    for text in overrides:
        if text.partition(".")[0].strip() not in names:
            raise CommandLineError(
                f"--head-set {text}: must be HEAD.KEY=VALUE with a HEAD of this command "
                f"({', '.join(names)})."
            )
    return [
        make_head(
            name,
            [text for text in overrides if text.partition(".")[0].strip() == name],
            option="--head-set",
        )
        for name in names
    ]


def _cell_jobs(
    rows: Sequence[PretrainedRow],
    others: Sequence[EncoderRun],
    acoustic: Sequence[str],
    settings: Sequence[Setting],
    folder: Path,
    features: Path,
    board: Board,
) -> list[CellJob]:
    """Returns the cells of all rows and baselines in all settings."""
    by_folder = {row.run.folder: row for row in rows}
    jobs = []
    for setting in settings:
        corpus_inputs = inputs_of_corpus(setting.corpus)
        for run in with_baselines([*(row.run for row in rows), *others], setting.head, acoustic):
            row = by_folder.get(run.folder)
            jobs.append(
                CellJob(
                    cell=Cell(run=run, setting=setting, corpus_inputs=corpus_inputs, folder=folder),
                    needs=(row,) if row else (),
                    features=features,
                    board=board,
                )
            )
    return jobs
