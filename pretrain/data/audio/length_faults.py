"""Headers that are wrong about the length: a decoder misses sound, or sound is not there."""

import mmap
import os

import soundfile

from pretrain.data.audio.containers import sound_of
from pretrain.data.audio.mp3_frames import has_index, num_samples
from pretrain.data.audio.sound_file import AudioFile, FileView, SequentialFile

MAX_HIDDEN_SECONDS = 0.25
"""More than this beyond what was decoded cannot be filling or the delay of a codec."""

MP3_FILLING_SAMPLES = 4 * 1152
"""Delay of encoder and decoder and the rest of the last frame, which an index has cut off."""

FIRST_OGG_PAGE = b"OggS\x00\x02"
"""Only the first page of a stream carries this flag (RFC 3533)."""

FLAC_START = b"fLaC\x00\x00\x00\x22"
"""A STREAMINFO block, which is 34 bytes long, always comes first (RFC 9639)."""

REWRITE = "Write it anew, for example with ffmpeg"


def length_fault(file: AudioFile, frames: int) -> str:
    """Returns why a file holds much more than the `frames` that were decoded from its start to its
    end, or much less than its header says; the empty string where neither is so."""
    path, sample_rate = file.path, file.sample_rate
    if file.format == "OGG":
        return _joined_ogg(path)
    if file.format == "MP3":
        return _mp3(path, frames, sample_rate)
    if file.format == "FLAC":
        return _flac(path, frames, sample_rate)
    sound = sound_of(path)
    if sound is None:
        return ""
    seconds = frames / sample_rate
    if sound.is_joined():
        return (
            f"several files are joined in it, of which only the first ({seconds:.2f} s) can be "
            "decoded: take them apart"
        )
    if not sound.size:
        if frames or not sound.followed_by_sound():
            return ""
        return (
            f"the header's size is 0, but {sound.num_bytes_behind} bytes follow that may be sound. "
            f"{REWRITE}"
        )
    if not frames:
        return ""
    # A decoder that read beyond the header's size was right to do so.
    size_read = max(sound.size, frames * file.bytes_per_frame)
    size_there = sound.file_size - sound.start
    seconds_per_byte = seconds / min(size_read, size_there)
    if (size_read - size_there) * seconds_per_byte > MAX_HIDDEN_SECONDS:
        return f"truncated: {size_there} of {sound.size} bytes of sound are there"
    hidden = (size_there - size_read) * seconds_per_byte
    if hidden <= MAX_HIDDEN_SECONDS or not sound.followed_by_sound():
        return ""
    return (
        f"the header covers {seconds:.2f} s only, but the file holds {seconds + hidden:.2f} s. "
        f"{REWRITE} (of WAV: ffmpeg -ignore_length 1 -i FILE NEW.wav)"
    )


def _flac(path: str, frames: int, sample_rate: int) -> str:
    """Asks a decoder that is told that the length is unknown whether there is more."""
    with open(path, "rb") as file:
        start = file.read(26)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            is_joined = start.startswith(FLAC_START) and data.find(FLAC_START, 1) >= 0
    if is_joined:
        return f"several FLAC files are joined in it, of which only the first is decoded. {REWRITE}"
    total = int.from_bytes(start[21:26], "big") & (1 << 36) - 1
    if not start.startswith(b"fLaC") or not 0 < total <= frames:
        return ""
    length_unknown = bytes([start[21] & 0xF0, 0, 0, 0, 0])
    with FileView(path, patch_at=21, patch=length_unknown) as view:
        try:
            with SequentialFile(view) as decoder:
                decoder.seek(frames)
                hidden = len(decoder.read(round(MAX_HIDDEN_SECONDS * sample_rate) + 1))
        except (soundfile.SoundFileError, RuntimeError):
            return ""
    if hidden <= MAX_HIDDEN_SECONDS * sample_rate:
        return ""
    return (
        f"the header (STREAMINFO) covers {frames / sample_rate:.2f} s only, but the sound goes on. "
        f"{REWRITE}"
    )


def _mp3(path: str, frames: int, sample_rate: int) -> str:
    held = num_samples(path)
    if held - frames <= MAX_HIDDEN_SECONDS * sample_rate + MP3_FILLING_SAMPLES:
        return ""
    said = "its index covers" if has_index(path) else "its length is guessed (no index) as"
    return (
        f"{said} {frames / sample_rate:.2f} s, but its frames hold {held / sample_rate:.2f} s. "
        f"{REWRITE} (-c copy keeps the sound)"
    )


def _joined_ogg(path: str) -> str:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        # The first pages of streams that run side by side stand together at the start.
        at = 0
        while data[at : at + 6] == FIRST_OGG_PAGE:
            at = data.find(b"OggS", at + 1)
            if at < 0:
                return ""
        if data.find(FIRST_OGG_PAGE, at) < 0:
            return ""
    return (
        f"several Ogg streams are joined in it, of which only the first can be decoded. {REWRITE}"
    )


def ogg_is_cut(path: str) -> bool:
    """Tells whether the last page of an Ogg file (RFC 3533) is incomplete.

    libsndfile plays a cut Vorbis stream as a shorter one, without a word. False for other files.
    """
    max_page_bytes = 27 + 255 + 255 * 255
    with open(path, "rb") as file:
        if file.read(4) != b"OggS":
            return False
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - max_page_bytes))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    num_lengths = page[26]
    return len(page) < 27 + num_lengths + sum(page[27 : 27 + num_lengths])
