"""Speaks one speaker's sentences with espeak-ng: the only file that touches the library.

espeak-ng does not repeat itself within a process: the same text and voice give other samples at
every call. Fresh processes repeat the same sequence, but only if the seed of the breath noise that
some voices have is set as well: the library starts it from the clock, in whole seconds.
So this file is run as a script, one fresh process per speaker, which sets that seed and speaks the
speaker's sentences in order from the first one. It imports nothing of the project, to start fast.

Script: JSON on stdin, `{"voice": "en-us+f2", "requests": [{"text": ..., "rate": ...}, ...]}`;
on stdout, for each request, the number of samples (uint32) and the samples (int16), little-endian.
"""

import ctypes
import json
import signal
import struct
import subprocess
import sys
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path

ESPEAK_RATE_HZ = 22_050

SYNCHRONOUS = 2
DO_NOT_EXIT = 0x8000
UTF8 = 1
PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3, "range": 4, "word_gap": 7}
"""Numbers of `espeak_PARAMETER` in espeak-ng's `speak_lib.h`."""

CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_int16), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One sentence, with the settings of espeak-ng to speak it with."""

    text: str
    rate: int
    """Words per minute, 80 to 450."""
    volume: int
    """0 to 100, 100 being espeak-ng's normal loudness."""
    pitch: int
    """0 to 100, 50 being the voice's own; 50 more is one octave up."""
    range: int
    """0 to 100, 50 being the voice's own pitch range; proportional."""
    word_gap: int
    """Pause between words, in units of 10 ms at normal rate."""


def speak(voice: str, requests: list[Request]) -> Generator[bytes, None, None]:
    """Yields the speech of each request, in order: int16 samples, mono, at `ESPEAK_RATE_HZ`.

    Starts a fresh process, so equal arguments give equal bytes, and the speech of the first
    requests does not depend on those that follow. Raises RuntimeError when espeak-ng fails.
    """
    work = {"voice": voice, "requests": [asdict(request) for request in requests]}
    # -P keeps this folder off the child's import path.
    command = [sys.executable, "-P", str(Path(__file__).resolve())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(work).encode())
            child.stdin.close()
        except BrokenPipeError:
            pass  # the child died early: the read below finds its output missing
        for request in requests:
            header = child.stdout.read(4)
            size = 2 * struct.unpack("<I", header)[0] if len(header) == 4 else 0
            samples = child.stdout.read(size)
            if size == 0 or len(samples) < size:
                raise RuntimeError(
                    f"espeak-ng gave no speech for {request.text!r} with voice {voice!r}; its own "
                    "message stands above. Is the package espeakng-loader installed completely?"
                )
            yield samples
    if child.returncode != 0:
        raise RuntimeError(f"espeak-ng ended with status {child.returncode} for voice {voice!r}.")


class Synthesizer:
    """The library within this process. Use it in a fresh process only (see the top)."""

    def __init__(self, voice: str) -> None:
        import espeakng_loader

        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path()
        if self.library.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), DO_NOT_EXIT) <= 0:
            raise RuntimeError(
                f"espeak-ng cannot use its data in {data}; it takes paths of at most some 150 "
                "characters: move the virtual environment to a shorter path."
            )
        self.library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # else the clock's (see the top)
        self.chunks: list[bytes] = []
        self.callback = CALLBACK(self.collect)
        self.library.espeak_SetSynthCallback(self.callback)
        if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise RuntimeError(f"espeak-ng has no voice {voice!r}.")

    def collect(self, samples: "ctypes._Pointer[ctypes.c_int16]", count: int, _: int) -> int:
        if samples and count > 0:
            self.chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    def samples(self, request: Request) -> bytes:
        self.chunks.clear()
        for name, number in PARAMETERS.items():
            if self.library.espeak_SetParameter(number, getattr(request, name), 0) != 0:
                raise RuntimeError(f"espeak-ng refused {name} = {getattr(request, name)}.")
        text = request.text.encode()
        status = self.library.espeak_Synth(
            text, ctypes.c_size_t(len(text) + 1), 0, 0, 0, UTF8, None, None
        )
        if status != 0:
            raise RuntimeError(f"espeak-ng cannot speak {request.text!r}: status {status}.")
        return b"".join(self.chunks)


def main() -> None:
    """Speaks what standard input asks for, in the process of its own."""
    # Ctrl-C stops whoever asked. In `collect` its exception would be lost, and samples with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work = json.load(sys.stdin)
    synthesizer = Synthesizer(work["voice"])
    for request in work["requests"]:
        samples = synthesizer.samples(Request(**request))
        sys.stdout.buffer.write(struct.pack("<I", len(samples) // 2) + samples)


if __name__ == "__main__":
    main()
