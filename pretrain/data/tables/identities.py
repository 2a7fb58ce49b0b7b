"""What makes two names in a table the same person, session, class or part, in one place.

What differs in Unicode form or kind of space is one. Case and spelling may make two people of one,
so they are only told. Utterance ids are left alone, since draws are keyed by them.
"""

from collections.abc import Iterable

import pandas as pd

from pretrain.shared.normalized_text import canonical, likeness

IDENTITIES = ("speaker", "session", "emotion", "split")

MISSING = frozenset(
    (
        "nan", "NaN", "NAN", "-nan", "-NaN", "<NA>", "<na>", "NA", "N/A", "n/a", "#N/A", "#NA",
        "#N/A N/A", "None", "none", "NONE", "null", "NULL", "Null", "NaT",
    )
)  # fmt: skip
"""What programs write where nothing is known, such as Python's str(float("nan")). Words that are
also names of people (Nan, Na) are not among them."""

NO_TEXT = frozenset(("nan", "NaN", "NAN", "<NA>", "<na>"))
"""The same of transcripts, where somebody may well have said "none" or "null"."""

UNKNOWN = {"speaker": "an unknown speaker", "session": "no session", "emotion": "no label"}
"""What a missing value means. Not of `split`: an empty one is trained on, so it is refused."""

NUM_SHOWN = 5


def canonical_identities(listing: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Makes speakers, sessions, classes and splits canonical, and what says nothing empty.

    Returns:
        - The listing, other columns as they were
        - Sentences: what was merged, what counts as unknown, and which names of one column differ
          only in case, spaces or number form and are kept apart
    """
    listing = listing.copy()
    notes: list[str] = []
    for column in IDENTITIES:
        counts = {
            name: int(count)
            for name, count in listing[column].value_counts().items()
            if isinstance(name, str) and name
        }
        forms = {name: canonical(name) for name in counts}
        notes += _merged(column, forms)
        if column in UNKNOWN:
            unknown = {name for name, form in forms.items() if form in MISSING}
            notes += _unknown(column, UNKNOWN[column], {name: counts[name] for name in unknown})
            forms |= dict.fromkeys(unknown, "")
            notes += _alike(column, forms, counts)
        if any(name != form for name, form in forms.items()):
            listing[column] = listing[column].map(lambda name, forms=forms: forms.get(name, name))
    no_text = listing["text"].isin(NO_TEXT)
    if no_text.any():
        found = listing.loc[no_text, "text"].value_counts().items()
        notes += _unknown("text", "no transcript", {str(name): int(n) for name, n in found})
        listing["text"] = listing["text"].mask(no_text, "")
    return listing, notes


def _merged(column: str, forms: dict[str, str]) -> list[str]:
    groups = _groups(forms, forms)
    if not groups:
        return []
    # They print alike, so their characters are spelled out.
    shown = "; ".join(" = ".join(map(ascii, sorted(group))) for group in groups[:NUM_SHOWN])
    return [
        f"`{column}` has names that differ only in Unicode form or kind of space. Each of these is "
        f"one: {shown}{_more(groups)}."
    ]


def _unknown(column: str, meaning: str, counts: dict[str, int]) -> list[str]:
    if not counts:
        return []
    shown = ", ".join(f"{name!r} ({count})" for name, count in sorted(counts.items()))
    return [
        f"`{column}` counts as {meaning} where it is {shown}. Write another word where that is a "
        "name."
    ]


def _alike(column: str, forms: dict[str, str], counts: dict[str, int]) -> list[str]:
    totals: dict[str, int] = {}
    for name, form in forms.items():
        if form:
            totals[form] = totals.get(form, 0) + counts[name]
    groups = _groups(totals, {name: likeness(name) for name in totals})
    if not groups:
        return []
    shown = "; ".join(
        " and ".join(f"{name!r} ({totals[name]})" for name in sorted(group))
        for group in groups[:NUM_SHOWN]
    )
    return [
        f"`{column}` has names that differ only in case, spaces or number form: "
        f"{shown}{_more(groups)}. They are kept apart; write them alike if they are the same."
    ]


def _more(groups: list[list[str]]) -> str:
    return f"; and {len(groups) - NUM_SHOWN} more" if len(groups) > NUM_SHOWN else ""


def _groups(names: Iterable[str], keys: dict[str, str]) -> list[list[str]]:
    """Returns the names that share their key with another one, by key."""
    by_key: dict[str, list[str]] = {}
    for name in names:
        by_key.setdefault(keys[name], []).append(name)
    return [by_key[key] for key in sorted(by_key) if len(by_key[key]) > 1]
