"""Puts runs of MFSN together that may stand in one table."""

import json
from collections.abc import Sequence

from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import PAPERS_HEAD, MfsnRun
from reports.fusion.read.same_encoders import same_encoders
from reports.read.scores import slug

IGNORED_SETTINGS = ("seeds", "seed")
"""Settings in which runs of one table may differ."""

STRUCTURED = ("derived", "exhaust")
"""Variants whose structure is given: they use the settings of the fusion, but of no search."""


def mfsn_grids(runs: Sequence[MfsnRun], notices: list[str]) -> list[MfsnGrid]:
    """Puts runs together that differ in their variants and seeds only.

    Runs that differ in corpus, folds, encoders, settings or faults get tables of their own, and
    so does a run whose variant and seed another one has already.
    """
    groups: list[list[MfsnRun]] = []
    for run in runs:
        home = next((group for group in groups if all(_alike(run, other) for other in group)), None)
        if home is None:
            groups.append([run])
        else:
            home.append(run)
    # An exhaustive check has no scores of its own: it joins the table of the search it judges.
    for group in [group for group in groups if not any(run.variants for run in group)]:
        homes = [
            other
            for other in groups
            if other is not group
            and all(_judges(run, member) for run in group for member in other)
            and any(run.variants for run in other)
        ]
        if len(homes) == 1:
            homes[0].extend(group)
            groups.remove(group)
    titles = [_title(group[0]) for group in groups]
    found: dict[str, MfsnGrid] = {}
    for group, title in zip(groups, titles, strict=True):
        marked = titles.count(title) > 1
        words = [*title, group[0].folder.name] if marked else title
        name = slug("-".join(word for word in words if word != PAPERS_HEAD))
        while name in found:
            name += "-again"
        found[name] = MfsnGrid(runs=tuple(group), slug=name, marked=marked)
    if any(found[name].marked for name in found):
        notices.append(
            "Runs of MFSN on the same corpus that differ in folds, encoders, settings or faults, "
            "or that repeat a variant, stand in tables of their own and are not compared."
        )
    return list(found.values())


def _title(run: MfsnRun) -> tuple[str, str, str]:
    return str(run.corpus.get("name")), run.protocol, run.pooling


def _same_data(a: MfsnRun, b: MfsnRun) -> bool:
    """Same corpus, protocol, head and faults, and the same encoders in the same places."""
    return (
        _title(a) == _title(b)
        and a.corpus.get("table_hash") == b.corpus.get("table_hash")
        and a.faults == b.faults
        and same_encoders(a, b)
    )


def _alike(a: MfsnRun, b: MfsnRun) -> bool:
    tasks = [
        set(zip(run.tables["scores"]["variant"], run.tables["scores"]["seed"], strict=True))
        if run.variants
        else {("exhaustive", str(run.folder))}
        for run in (a, b)
    ]
    return (
        _same_data(a, b)
        and bool(a.variants) == bool(b.variants)
        and (a.record.get("action") == "evaluate") == (b.record.get("action") == "evaluate")
        and sorted(a.record.get("folds") or []) == sorted(b.record.get("folds") or [])
        and _same_settings(a, b)
        and not tasks[0] & tasks[1]
    )


def _judges(check: MfsnRun, other: MfsnRun) -> bool:
    """Tells whether an exhaustive check belongs to the searches of the other run."""
    return (
        _same_data(check, other)
        and _same_settings(check, other)
        and not _checked(check) & _checked(other)
    )


def _checked(run: MfsnRun) -> set[tuple[str, str]]:
    """Returns seed and fold of what was checked exhaustively."""
    frame = run.tables["exhaustive"]
    return set() if frame.empty else set(zip(frame["seed"], frame["fold"], strict=True))


def _same_settings(a: MfsnRun, b: MfsnRun) -> bool:
    """Compares what both use: the search's settings where both search, the fusion's where both
    have a structure."""
    unused = set(IGNORED_SETTINGS)
    if not (_searches(a) and _searches(b)):
        unused.add("search")
    if not (_fuses(a) and _fuses(b)):
        unused.add("fusion")
    return _settings(a, unused) == _settings(b, unused)


def _searches(run: MfsnRun) -> bool:
    return any(variant.search for variant in run.variants)


def _fuses(run: MfsnRun) -> bool:
    named = {variant.name for variant in run.variants}
    return _searches(run) or bool(named & set(STRUCTURED)) or not run.tables["exhaustive"].empty


def _settings(run: MfsnRun, unused: set[str]) -> str:
    settings = dict(run.record.get("settings") or {})
    kept = {key: value for key, value in settings.items() if key not in unused}
    return json.dumps(kept, sort_keys=True)
