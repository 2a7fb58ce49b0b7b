"""CTC fine-tuning: whether the TEC encoders read, beside those that cannot."""

from collections.abc import Sequence

from reports.fusion.read.runs import FinetuneRun
from reports.table_data import Cell, Column, Line, Table
from reports.words import percent

TITLES = {
    "name": "run",
    "encoder": "encoder",
    "start": "starts from",
    "corpus": "transcripts of",
    "updates": "updates",
    "cer": "CER, %",
    "constant_cer": "constant, CER, %",
    "wer": "WER, %",
    "constant_wer": "constant, WER, %",
    "status": "status",
    "folder": "folder",
}
WORDS = ("name", "encoder", "start", "corpus", "status", "folder")


def recognition_table(runs: Sequence[FinetuneRun]) -> Table:
    """Returns one line per run, on its own dev part."""
    lines = []
    for run in sorted(runs, key=lambda run: (str(run.record.get("name")), str(run.folder))):
        record = run.record
        texts = {
            "name": str(record.get("name") or run.folder.name),
            "encoder": str((record.get("encoder") or {}).get("name") or ""),
            "start": str(record.get("start") or ""),
            "corpus": str(record.get("finetuned_on") or ""),
            "updates": str(record.get("updates") or ""),
            "status": str(record.get("status") or ""),
            "folder": str(run.folder),
        }
        rates = ("cer", "constant_cer", "wer", "constant_wer")
        texts |= {key: percent(record.get(key)) for key in rates}
        cells = {key: Cell(text=texts[key]) for key in TITLES}
        for rate in ("cer", "wer"):
            own, constant = record.get(rate), record.get(f"constant_{rate}")
            if isinstance(own, int | float) and isinstance(constant, int | float):
                cells[rate] = Cell(text=texts[rate], worse_than_constant=own >= constant)
        lines.append(Line(part="Runs", cells=cells))
    return Table(
        name="recognition",
        title="CTC fine-tuning: error rates on the dev part",
        columns=[
            Column(key=k, title=t, text=k in WORDS, in_files_only=k == "folder")
            for k, t in TITLES.items()
        ],
        lines=lines,
        notes=[
            "Greedy decoding. Constant: the best single answer to every utterance, found on the "
            "training transcripts. A dagger marks a rate that is no better. Only runs of equal "
            "updates on the same transcripts may be compared."
        ],
    )
