"""Refuses unequal comparisons: rows of one table must differ in their target only."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pretrain.shared.errors import InputError
from reports.read.records import ProbeRun, Row


class UnfairComparisonError(InputError):
    """Rows of one table differ in something other than their target."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the check list that the page shows."""

    title: str
    evidence: str


PER_SEED = {
    "initial_weights": "Same initial weights",
    "sample_order": "Same sample order and crops",
    "masks": "Same masks",
}
"""Hashes that must be equal among all rows of one seed."""


def check_rows(rows: Iterable[Row]) -> list[Check]:
    """Compares the controlled rows with each other.

    :returns: What was found equal, for the page. Empty with fewer than two controlled rows.
    :raises UnfairComparisonError: Names every unequal key, its values and their rows.
    """
    controlled = _unique([row for row in rows if row.group == "row"])
    if len({row.name for row in controlled}) < 2:
        return []
    faults = _unequal_settings(controlled) + _unequal_seeds(controlled)
    faults += _unequal("corpus", controlled, "corpus")
    if not faults:
        faults += _unequal("comparison", controlled, "comparison")
    for key in PER_SEED:
        for seed, members in _by_seed(controlled).items():
            faults += _unequal(key, members, f"{key} (seed {seed})")
    if faults:
        raise UnfairComparisonError(
            "Rows of one table must differ in their target only, but these differ instead:\n"
            + "\n".join(f"  {fault}" for fault in faults)
            + "\nPre-train the rows again with equal settings, or report them apart."
        )
    seeds = sorted(_by_seed(controlled))
    num = len({row.name for row in controlled})
    checks = [
        Check(title=title, evidence=f"{num} rows; " + _hashes(key, controlled))
        for key, title in PER_SEED.items()
    ]
    settings = len(controlled[0].comparison)
    tuned = controlled[0].comparison.get("tuned") or ()
    declared = f" ({', '.join(tuned)} tuned for each, by an equal sweep)" if tuned else ""
    checks.append(
        Check(
            title="Same settings",
            evidence=f"{num} rows; {settings} settings other than the target are equal{declared}",
        )
    )
    corpus = controlled[0].hashes["corpus"][:12]
    checks.append(Check(title="Same pre-training corpus", evidence=f"{num} rows; {corpus}"))
    checks.append(
        Check(title="Same seeds", evidence=f"{num} rows; seeds {', '.join(str(s) for s in seeds)}")
    )
    return checks


def check_probes(runs: Sequence[ProbeRun]) -> list[Check]:
    """Compares probe runs that share a corpus: same utterances, labels and folds.

    :raises UnfairComparisonError: When they were scored on unequal tables or folds.
    """
    tables: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    folds: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        for corpus_name, corpus in run.corpora.items():
            tables[corpus_name][str(corpus.get("table_hash"))].append(str(run.folder))
        if run.folds.empty:
            continue
        for (name, protocol), part in run.folds.groupby(["corpus", "protocol"]):
            ordered = part.sort_values(["fold", "id"])[["fold", "id", "part"]]
            digest = str(pd.util.hash_pandas_object(ordered.astype(str), index=False).sum())
            folds[(str(name), str(protocol))][digest].append(str(run.folder))
    for title, groups in [
        (f"the utterance table of corpus {name}", found) for name, found in tables.items()
    ] + [(f"the folds of {name}, {protocol}", f) for (name, protocol), f in folds.items()]:
        if len(groups) > 1:
            where = "; ".join(f"{key[:12]} in {', '.join(at)}" for key, at in groups.items())
            raise UnfairComparisonError(
                f"Probe runs of one table must share {title}, but they differ instead: {where}. "
                "Probe all rows again on one version of the corpus."
            )
    return [
        Check(
            title="Same test utterances"
            + (" and folds" if any(corpus == name for corpus, _ in folds) else ""),
            evidence=f"{name}: table {next(iter(found))[:12]}",
        )
        for name, found in tables.items()
    ]


def _unequal_settings(rows: Sequence[Row]) -> list[str]:
    faults = []
    for key in sorted({key for row in rows for key in row.comparison}):
        groups: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            value = repr(row.comparison[key]) if key in row.comparison else "(not stated)"
            groups[value].append(_name(row))
        if len(groups) > 1:
            faults.append(f"{key}: " + _spread(groups))
    return faults


def _unequal_seeds(rows: Sequence[Row]) -> list[str]:
    seeds: dict[str, set[int | None]] = defaultdict(set)
    for row in rows:
        seeds[row.name].add(row.seed)
    groups: dict[str, list[str]] = defaultdict(list)
    for name, found in seeds.items():
        groups["{" + ", ".join(sorted(map(str, found))) + "}"].append(name)
    return [f"seeds: {_spread(groups)}"] if len(groups) > 1 else []


def _unequal(key: str, rows: Sequence[Row], title: str) -> list[str]:
    groups: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        groups[row.hashes[key]].append(_name(row))
    return [f"hash of {title}: {_spread(groups)}"] if len(groups) > 1 else []


def _spread(groups: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{value} in {', '.join(names)}" for value, names in groups.items())


def _name(row: Row) -> str:
    return f"{row.name} (seed {row.seed})"


def _hashes(key: str, rows: Sequence[Row]) -> str:
    return ", ".join(
        f"seed {seed}: {members[0].hashes[key][:12]}" for seed, members in _by_seed(rows).items()
    )


def _by_seed(rows: Sequence[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[str(row.seed)].append(row)
    return dict(sorted(groups.items()))


def _unique(rows: Sequence[Row]) -> list[Row]:
    """A row probed on two corpora appears twice; identical entries count once."""
    found: list[Row] = []
    for row in rows:
        if not any(
            (row.name, row.seed, row.comparison, row.hashes)
            == (other.name, other.seed, other.comparison, other.hashes)
            for other in found
        ):
            found.append(row)
    return found
