"""Reads a corpus by its spec, such as `librispeech=PATH`, into an utterance table."""

from pathlib import Path

import pandas as pd

from pretrain.data.readers.assemble import assemble
from pretrain.data.readers.folder import list_folder
from pretrain.data.readers.librispeech import list_librispeech
from pretrain.data.readers.manifest import FILE_NAME, list_manifest
from pretrain.data.readers.spec import Lister, parse_spec, unknown_corpus
from pretrain.data.readers.synthetic import make_synthetic
from pretrain.data.scan.quarantine import MIN_SECONDS

LISTERS: dict[str, Lister] = {"folder": list_folder, "librispeech": list_librispeech}
"""Corpora read from their own layout: name to lister."""


def read_corpus(
    spec: str,
    *,
    min_seconds: float = MIN_SECONDS,
    max_bad_share: float = 0.05,
    quarantine_file: Path | None = None,
    listers: dict[str, Lister] = LISTERS,
    synthetic_part: str = "pretrain",
) -> pd.DataFrame:
    """Returns the utterance table of the corpus that `spec` names.

    - `synthetic` or `synthetic:hours=0.5,seed=0,part=pretrain`: the embedded synthetic corpus,
      made when it is not there yet; without a `part` it is `synthetic_part`;
    - `folder=PATH`: any folder of audio files;
    - `librispeech=PATH`: LibriSpeech's layout;
    - `NAME=FILE.csv`, `NAME=FILE.tsv` or `NAME=FOLDER` with a `manifest.csv` in it: any corpus with
      a manifest; `NAME[path=file,emotion=label]=FILE.csv` says what it calls its columns.

    Unusable files, among them those shorter than `min_seconds`, are set aside in
    `quarantine_file` (see `pretrain.data.scan.quarantine`); more than `max_bad_share` of them raise
    `QuarantineError`. Other wrong input raises `ValueError`.
    """
    parsed = parse_spec(spec, known=tuple(listers))
    if parsed.path is None:
        folder = make_synthetic({"part": synthetic_part} | parsed.options)
        listing = list_manifest(folder / FILE_NAME, parsed.name)
    elif (manifest := parsed.manifest(listers)) is not None:
        # A folder may be called x.csv.
        manifest = manifest / FILE_NAME if manifest.is_dir() else manifest
        folder, listing = manifest.parent, list_manifest(manifest, parsed.name, parsed.columns)
    elif parsed.name in listers:
        folder, listing = parsed.path, listers[parsed.name](parsed.path, parsed.name)
    else:
        raise unknown_corpus(parsed, known=tuple(listers))
    return assemble(
        listing,
        source=parsed.name,
        folder=folder,
        min_seconds=min_seconds,
        max_bad_share=max_bad_share,
        quarantine_file=quarantine_file,
    )
