"""The report that compares runs; in Python: `reports.build`."""

from collections.abc import Sequence
from pathlib import Path


def build(
    runs: Sequence[str | Path],
    out: str | Path,
    *,
    sweep: Sequence[str | Path] = (),
    published: Sequence[str | Path] = (),
) -> Path:
    """Writes the report to `out`, as `reports/run.py` does.

    Args:
        runs: Folders of pre-training, probe and MFSN runs, or globs of them.
        out: The folder to write: index.html, tables, figures.
        sweep: Folders of the equal tuning's runs, or globs of them, if it is to be shown.
        published: TOML files of published numbers, beside those that come with this package.

    Returns:
        The path of the page.

    Raises:
        ValueError: There is nothing to report, or the comparison is unfair.
    """
    import shlex

    from reports import assemble

    given = {"runs": runs, "sweep": sweep, "published": published, "out": [out]}
    options = {name: [str(one) for one in values] for name, values in given.items() if values}
    words = [word for name, values in options.items() for word in (f"--{name}", *values)]
    return assemble.build(
        options["runs"],
        Path(out),
        command=f"python reports/run.py {shlex.join(words)}",
        sweep=options.get("sweep", []),
        published=[Path(file) for file in published],
    )
