"""The folder that a registered study leaves: its file, tables and record, all at once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.engine.provenance import command_line, git_state, package_versions
from pretrain.shared.atomic_files import replaced_folder
from pretrain.shared.json_files import FILES, digests_of
from pretrain.shared.run_record import RUN_FILE
from probe.results import write_csv
from probe.study.study_file import REGISTERED, RegisteredFile


def keep_study(
    folder: Path,
    study: RegisteredFile,
    tables: Mapping[str, pd.DataFrame],
    said: Mapping[str, Any],
) -> None:
    """Replaces what is in `folder`, which holds the registered file of `study`.

    Args:
        folder: Of the study.
        study: As it was registered.
        tables: Name of a CSV file without its ending -> what it holds.
        said: What run.json says beside the study itself and what made it.
    """
    record = {
        "status": "finished",
        "study": study.model_dump(mode="json"),
        "hashes": {"study": study.hash},
        **said,
        "command": command_line(),
        "packages": package_versions(),
        "git": git_state(),
    }
    registered = (folder / REGISTERED).read_text(encoding="utf-8")
    with replaced_folder(folder) as beside:
        for name, table in tables.items():
            write_csv(beside / f"{name}.csv", table)
        (beside / REGISTERED).write_text(registered, encoding="utf-8")
        record[FILES] = digests_of(beside, [f"{name}.csv" for name in tables])
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        (beside / RUN_FILE).write_text(text + "\n", encoding="utf-8")
