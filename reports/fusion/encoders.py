"""Which encoders fed the networks, and how well those that read text read it."""

from collections.abc import Sequence

from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.encoder_health import Doubt, role_words
from reports.fusion.table5 import encoder_words
from reports.table_data import Cell, Column, Line, Table
from reports.words import percent

TITLES = {
    "role": "role",
    "name": "encoder",
    "mode": "target",
    "finetuned_on": "CTC on",
    "cer": "CER, %",
    "wer": "WER, %",
    "released": "origin",
    "weights": "weights",
    "folder": "folder",
}
NUMBERS = ("cer", "wer")


def encoder_table(grid: MfsnGrid, found: Sequence[Doubt]) -> Table:
    """Returns one line per role."""
    lines = []
    for role, entry in grid.encoders.items():
        hashes = entry.get("hashes") or {}
        weights = hashes.get("final_weights") or hashes.get("files")
        texts = {
            "role": role_words(role),
            "name": encoder_words(grid, role).removesuffix(", CTC"),
            "mode": str(entry.get("mode") or ""),
            "finetuned_on": _words(entry.get("finetuned_on")),
            "cer": percent(entry.get("cer")),
            "wer": percent(entry.get("wer")),
            "released": "released" if entry.get("released") else "this project",
            "weights": str(weights or "")[:12],
            "folder": str(entry.get("folder") or ""),
        }
        cells = {key: Cell(text=text) for key, text in texts.items()}
        flags = dict.fromkeys(doubt.flag for doubt in found if doubt.role == role)
        cells["name"] = Cell(text=texts["name"], flag=", ".join(flags))
        lines.append(Line(part="Encoders", cells=cells))
    return Table(
        name=f"encoders-{grid.slug}",
        title=f"Encoders behind {grid.title}",
        columns=[
            Column(key=k, title=t, text=k not in NUMBERS, in_files_only=k == "folder")
            for k, t in TITLES.items()
        ],
        lines=lines,
        notes=["CER and WER: on the dev part of the corpus of the CTC fine-tuning."],
    )


def _words(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("name") or "")
    return str(value or "")
