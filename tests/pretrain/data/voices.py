"""Made-up voices, WAV headers that say what one wants, and whole files as they are decoded."""

import struct

import numpy as np

from pretrain.data.audio.sound_file import AudioFile, Waveform


def voice(seed: int, seconds: float = 2.0, rate: int = 16_000) -> Waveform:
    """Returns a buzz with moving pitch and syllables, and a little noise; peak 0.5."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    pitch = rng.uniform(90, 240) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(1, 3) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = sum(np.sin(k * phase) / k for k in range(1, 12))
    sound = sound * (0.15 + np.abs(np.sin(2 * np.pi * rng.uniform(2, 4) * time)))
    sound += 0.005 * rng.normal(size=len(time))
    waveform: Waveform = (0.5 * sound / np.abs(sound).max()).astype(np.float32)
    return waveform


def pcm(waveform: Waveform) -> bytes:
    """Returns 16-bit little-endian samples."""
    return (waveform * 32767).astype("<i2").tobytes()


def wav_header(data_size: int, riff_size: int, *, rate: int = 16_000) -> bytes:
    """Returns the 44 bytes before mono 16-bit sound, with these sizes whatever follows."""
    fmt = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    sizes = struct.pack("<I", riff_size), struct.pack("<I", data_size)
    return b"RIFF" + sizes[0] + b"WAVEfmt " + fmt + b"data" + sizes[1]


def with_flac_length(flac: bytes, frames: int) -> bytes:
    """Returns a FLAC file whose STREAMINFO says another length; 0 is "unknown"."""
    assert flac[:4] == b"fLaC"
    length = bytes([flac[21] & 0xF0 | frames >> 32]) + (frames & 0xFFFF_FFFF).to_bytes(4, "big")
    return flac[:21] + length + flac[26:]


def decode(path: str) -> tuple[Waveform, int]:
    """Returns samples (F, H) and rate in Hz of a whole file."""
    with AudioFile(path) as file:
        none = np.empty((0, file.num_channels), np.float32)
        return np.concatenate([none, *file.blocks()]), file.sample_rate
