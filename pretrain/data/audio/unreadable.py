"""Why a file cannot be decoded, in words that say what to do."""

import os

from pretrain.data.audio.containers import sound_of

TO_FLAC = "convert it, for example with ffmpeg, to FLAC"

SIGNATURES = (
    (0, b"version https://git-lfs", "is a git-lfs pointer, not the recording itself: run `git lfs "
     "pull` in the repository that it came from (an archive made without git-lfs has no sound)"),
    (0, b"/annex/objects/", "is a git-annex pointer, not the recording itself: run `git annex get` "
     "in the repository that it came from"),
    (4, b"ftyp", f"is an MP4 file (AAC or ALAC): {TO_FLAC}"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", f"is a WMA file: {TO_FLAC}"),
    (0, b"#!AMR", f"is an AMR file: {TO_FLAC}"),
    (0, b"\x1a\x45\xdf\xa3", f"is a Matroska or WebM file: {TO_FLAC}"),
    (0, b"\xff\xf1", f"is an AAC file: {TO_FLAC}"),
    (0, b"\xff\xf9", f"is an AAC file: {TO_FLAC}"),
    (0, b"ajkg", f"is compressed by shorten: {TO_FLAC}"),
    (0, b"PK\x03\x04", "is a zip archive: unpack it"),
    (0, b"\x1f\x8b", "is a gzip archive: unpack it"),
)  # fmt: skip
"""Place, bytes there, and what that means."""

WEB_PAGES = (b"<!doctype", b"<html", b"<?xml")


def why_unreadable(path: str, error: Exception) -> str:
    """Returns the reason why opening or decoding `path` failed with `error`."""
    if not os.path.exists(path):
        return "file not found"
    if os.path.isdir(path):
        return "is a folder, not a file"
    if os.path.getsize(path) == 0:
        return "empty file (0 bytes)"
    if not os.access(path, os.R_OK):
        return "no permission to read it"
    try:
        with open(path, "rb") as file:
            start = file.read(1024)
    except OSError as failed:
        return f"cannot be read: {failed.strerror}"
    for at, signature, meaning in SIGNATURES:
        if start[at:].startswith(signature):
            return meaning
    if start.lstrip().lower().startswith(WEB_PAGES):
        return "is a web page or an answer of a server, not a recording: download it again"
    if start.startswith(b"NIST_1A") and b"shorten" in start:
        return "is a NIST SPHERE file compressed by shorten: unpack it with sph2pipe"
    if isinstance(error, TypeError):
        return "has no header that says what its samples are"
    if (sound := sound_of(path)) is not None and sound.is_joined():
        return (
            "several files are joined in it, which a decoder does not understand: take them apart"
        )
    text = str(getattr(error, "error_string", "") or error)
    return f"cannot be decoded: {' '.join(text.split()).rstrip('.')}"
