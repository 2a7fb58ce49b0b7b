"""Whether two runs of MFSN have the same encoders, whatever names they give to their roles.

`ablate` calls the SEC encoder beside the TEC encoder `sec-continuous`, the other actions `sec`.
"""

from collections.abc import Iterator

from mfsn.roles import SEC, TEC
from reports.fusion.read.runs import MfsnRun


def same_encoders(a: MfsnRun, b: MfsnRun) -> bool:
    """Tells whether one table may hold both runs.

    A role that both have must be the same encoder, and so must the pair (TEC, SEC) of all networks
    of two streams. A lone `sec` must be one of the other run's SEC encoders.
    """
    shared = set(a.encoders) & set(b.encoders)
    return (
        all(_weights(a, role) == _weights(b, role) for role in shared)
        and len({*_pairs(a), *_pairs(b)}) <= 1
        and _is_known(a, b)
        and _is_known(b, a)
    )


def _weights(run: MfsnRun, role: str) -> str:
    """Returns the hash of an encoder's files, or all that an older folder says of its weights."""
    hashes = run.encoders.get(role, {}).get("hashes") or {}
    return str(hashes.get("files") or sorted(hashes.items()))


def _pairs(run: MfsnRun) -> Iterator[tuple[str, ...]]:
    """Yields the encoders of every network of two streams, those of an exhaustive check, too."""
    for variant in run.record.get("variants") or ():
        roles = [str(role) for role in variant.get("streams") or ()]
        if len(roles) == 2:
            yield tuple(_weights(run, role) for role in sorted(roles, key=lambda r: r != TEC))


def _is_known(run: MfsnRun, other: MfsnRun) -> bool:
    theirs = {_weights(other, role) for role in other.encoders if role != TEC}
    return SEC not in run.encoders or not theirs or _weights(run, SEC) in theirs
