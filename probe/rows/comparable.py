"""Which encoders may stand in one table: run folders, and whether their comparison is fair."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pretrain.model.kinds.places import EncoderPlace
from pretrain.model.kinds.registry import (
    RUN,
    EncoderFolder,
    EncoderFolderError,
    read_encoder_folder,
)
from pretrain.objectives.known_rows import presentation_in
from pretrain.objectives.presentation import Presentation

ROW = "row"
BASELINE = "baseline"
UNCONTROLLED = "uncontrolled"
RELEASED = "released"

HASHES_EQUAL_PER_SEED = ("initial_weights", "corpus", "sample_order", "masks")
"""What all rows of one seed must share besides `comparison`."""


class EncoderError(EncoderFolderError):
    """An encoder cannot stand in this table."""


@dataclass(frozen=True, kw_only=True)
class EncoderRun:
    """One row of the table for one seed."""

    name: str
    group: str
    """`row`, `baseline`, `uncontrolled` or `released`."""

    seed: int
    folder: Path | None = None
    kind: str = RUN
    """Of folder, see `pretrain.model.kinds.registry.KINDS`."""

    mode: str = ""
    row: dict[str, Any] = field(default_factory=dict)
    """What distinguishes the row, for example {"codebooks": 2, "entries": 8, "centres": 64}."""

    presentation: dict[str, Any] | None = None
    """How it is shown; None where its run was written before that was said."""

    comparison: dict[str, Any] = field(default_factory=dict)
    """Everything that must be equal between rows."""

    hashes: dict[str, Any] = field(default_factory=dict)

    num_parameters: int | None = None
    """Of the encoder; None if not known."""

    def described(self) -> dict[str, Any]:
        """Returns the entry of `rows` in run.json."""
        return {
            "name": self.name,
            "group": self.group,
            "encoder_run": str(self.folder) if self.folder else "",
            "comparison": self.comparison,
            "hashes": self.hashes,
            "mode": self.mode,
            "row": self.row,
            "presentation": self.presentation,
            "seed": self.seed,
            "num_parameters": self.num_parameters,
        }


def read_encoder_run(place: EncoderPlace | Path) -> EncoderRun:
    """Reads the description of an encoder of any kind; without hashes it is uncontrolled.

    Raises:
        EncoderFolderError: The folder is missing, is no encoder's, or its training is not finished.
        EncoderError: It was fine-tuned by us.
    """
    if isinstance(place, Path):
        place = EncoderPlace(folder=place)
    held = read_encoder_folder(place.folder)
    said, run = held.described, held.described.record
    if said.made_by == "finetune":
        raise EncoderError(
            f"{held.path} is not a pre-training run: its run.json says kind {said.made_by!r}."
        )
    if held.kind != RUN:
        return _released(held, place)
    comparison, hashes = run.get("comparison") or {}, run.get("hashes") or {}
    return EncoderRun(
        name=place.name or said.name,
        group=ROW if comparison and hashes else UNCONTROLLED,
        seed=int(run.get("seed", 0)),
        folder=held.path,
        mode=said.mode,
        row=dict(run.get("row") or {}),
        presentation=run.get("presentation"),
        comparison=comparison,
        hashes=hashes or {"files": held.digest()},
        num_parameters=said.num_parameters,
    )


def _released(held: EncoderFolder, place: EncoderPlace) -> EncoderRun:
    """Describes an encoder that others trained, on what they had: its hashes are its own only."""
    said = held.described
    family = presentation_in({"mode": said.mode}).family
    revision = {"revision": place.revision} if place.revision else {}
    name = place.name or said.name
    return EncoderRun(
        name=name,
        group=RELEASED,
        seed=0,
        folder=held.path,
        kind=held.kind,
        mode=said.mode,
        presentation=Presentation(
            family=family, label=f"{name}, CTC-tuned" if said.finetuned else ""
        ).model_dump(mode="json"),
        hashes={"files": held.digest(), **revision},
        num_parameters=said.num_parameters,
    )


def make_table(
    runs: Sequence[EncoderRun], *, seeds: Iterable[int] | None = None, allow_uncontrolled: bool
) -> list[EncoderRun]:
    """Decides which runs stand in the table, and in which group.

    Args:
        runs: As they were read.
        seeds: Only these seeds, or all.
        allow_uncontrolled: Runs that differ from most of the others become uncontrolled instead of
            being refused.

    Raises:
        EncoderError: Runs differ in what must be equal, the same row is given twice, or rows do
            not have the same set of seeds.
    """
    wanted = None if seeds is None else set(seeds)
    kept = [run for run in runs if wanted is None or run.seed in wanted]
    if not kept:
        raise EncoderError("No --encoder is left: none has one of the seeds given with --seed.")
    doubles = Counter((run.name, run.seed) for run in kept)
    for (name, seed), count in doubles.items():
        if count > 1:
            folders = ", ".join(str(r.folder) for r in kept if (r.name, r.seed) == (name, seed))
            raise EncoderError(f"{count} encoders are row {name!r} at seed {seed}: {folders}.")
    kept = with_equal_comparison(kept, allow_uncontrolled)
    _check_seeds([run for run in kept if run.group == ROW])
    return kept


def with_equal_comparison(runs: Sequence[EncoderRun], allow_uncontrolled: bool) -> list[EncoderRun]:
    """Returns the runs, of any rows and seeds; those that differ from most of the others in what
    must be equal are uncontrolled, or raise `EncoderError`."""
    rows = [run for run in runs if run.group == ROW]
    if not rows:
        return list(runs)
    # The comparison that most rows have (ties: the first given) is the table's.
    texts = [json.dumps(run.comparison, sort_keys=True) for run in rows]
    reference = rows[texts.index(Counter(texts).most_common(1)[0][0])]
    by_seed = {run.seed: run for run in reversed(rows) if run.comparison == reference.comparison}
    checked = []
    for run in runs:
        unequal = [] if run.group != ROW else _unequal(run, reference, by_seed)
        if unequal and not allow_uncontrolled:
            raise EncoderError(
                f"{run.folder} cannot stand in one table with {reference.folder}, because they "
                "differ in more than their target:\n  "
                + "\n  ".join(unequal)
                + "\nPre-train them with the same settings, or give probe/run.py "
                "--allow-uncontrolled to put it in a part of the table of its own."
            )
        checked.append(replace(run, group=UNCONTROLLED) if unequal else run)
    return checked


def _unequal(run: EncoderRun, reference: EncoderRun, by_seed: dict[int, EncoderRun]) -> list[str]:
    """Returns a line per key in which the run differs from the table's."""
    pairs = [
        (key, reference.comparison.get(key, "absent"), run.comparison.get(key, "absent"))
        for key in sorted({*reference.comparison, *run.comparison})
    ]
    peer = by_seed.get(run.seed, run)
    pairs += [
        (f"hashes.{key}", peer.hashes.get(key, "absent"), run.hashes.get(key, "absent"))
        for key in HASHES_EQUAL_PER_SEED
    ]
    return [f"{key}: {theirs!r}, here {ours!r}" for key, theirs, ours in pairs if theirs != ours]


def _check_seeds(rows: Sequence[EncoderRun]) -> None:
    seeds: dict[str, set[int]] = {}
    for run in rows:
        seeds.setdefault(run.name, set()).add(run.seed)
    if len({frozenset(present) for present in seeds.values()}) > 1:
        lines = "\n  ".join(f"{name}: {sorted(present)}" for name, present in seeds.items())
        raise EncoderError(
            "All rows need the same seeds, or their means cannot be compared, but they have\n  "
            f"{lines}\nPre-train what is missing, or leave out the seeds that not all rows have."
        )
