"""Encoders in run folders of our own: of pre-training, or fine-tuned on transcripts. No torch."""

from pathlib import Path
from typing import TYPE_CHECKING

from pretrain.model.kinds.registry import Described
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import JsonError
from pretrain.shared.run_record import RUN_FILE, has_record, read_record

if TYPE_CHECKING:
    from pretrain.model.encoder import Encoder

MADE_BY = ("pretrain", "finetune")


class RunFolderKind:
    """See `EncoderKind`. A copy without run.json is taken, too, and says nothing of itself."""

    weights = ("encoder.safetensors",)
    settings = ("encoder.json",)
    words = "the folder of a finished pretrain/run.py or pretrain/finetune.py"

    def is_in(self, folder: Path) -> bool:
        return any((folder / name).is_file() for name in (RUN_FILE, *self.weights, *self.settings))

    def describe(self, folder: Path) -> Described:
        if not has_record(folder):
            return Described(name=folder.name)
        try:
            run = read_record(folder)
        except JsonError as error:
            raise InputError(f"{error} Copy the encoder's folder again.") from error
        made_by, status = run.get("kind"), run.get("status", "finished")
        if made_by not in MADE_BY:
            raise InputError(
                f"{folder} is not an encoder's folder: its run.json says kind {made_by!r}."
            )
        if status != "finished":
            raise InputError(
                f"the training in {folder} is {status!r}, not finished. Give the command that "
                "started it again, or choose another encoder."
            )
        return Described(
            name=str(run.get("name") or folder.name),
            made_by=made_by,
            mode=str(run.get("mode") or ""),
            finetuned=made_by == "finetune",
            num_parameters=(run.get("parameters") or {}).get("encoder"),
            record=run,
        )

    def load(self, folder: Path, *, initial: bool = False) -> "Encoder":
        from pretrain.model.weights import load_encoder

        return load_encoder(folder, initial=initial)


KIND = RunFolderKind()
