"""Puts runs of MFSN together that may stand in one table."""

import json
from collections.abc import Sequence

from reports.fusion.grid import MfsnGrid
from reports.fusion.runs import MfsnRun
from reports.scores import slug

IGNORED_SETTINGS = ("seeds", "seed")
"""Settings in which runs of one table may differ."""


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
            and all(_same_data(run, member) for run in group for member in other)
            and any(run.variants for run in other)
        ]
        if len(homes) == 1:
            homes[0].extend(group)
            groups.remove(group)
    titles = [_title(group[0]) for group in groups]
    found: dict[str, MfsnGrid] = {}
    for group, title in zip(groups, titles, strict=True):
        marked = titles.count(title) > 1
        name = slug("-".join([*title, group[0].folder.name] if marked else title))
        while name in found:
            name += "-again"
        found[name] = MfsnGrid(runs=tuple(group), slug=name, marked=marked)
    if any(found[name].marked for name in found):
        notices.append(
            "Runs of MFSN on the same corpus that differ in folds, encoders, settings or faults, "
            "or that repeat a variant, stand in tables of their own and are not compared."
        )
    return list(found.values())


def _title(run: MfsnRun) -> tuple[str, str]:
    return str(run.corpus.get("name")), run.protocol


def _same_data(a: MfsnRun, b: MfsnRun) -> bool:
    """Same corpus, protocol and faults, and the same encoders in the roles that both have."""
    shared = set(a.encoders) & set(b.encoders)
    return (
        _title(a) == _title(b)
        and a.corpus.get("table_hash") == b.corpus.get("table_hash")
        and a.faults == b.faults
        and all(a.encoders[role].get("hashes") == b.encoders[role].get("hashes") for role in shared)
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
        and _settings(a) == _settings(b)
        and not tasks[0] & tasks[1]
    )


def _settings(run: MfsnRun) -> str:
    settings = dict(run.record.get("settings") or {})
    kept = {key: value for key, value in settings.items() if key not in IGNORED_SETTINGS}
    return json.dumps(kept, sort_keys=True)
