"""Which files are audio, by the ending of their names."""

SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3",
    ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".sph", ".nist", ".voc", ".sf", ".ircam",
    ".avr", ".paf", ".pvf", ".svx", ".8svx",
)  # fmt: skip
"""Endings, in lower case, of the files that count as audio: libsndfile decodes them."""

CONVERTED_FIRST = (
    ".m4a", ".m4b", ".mp4", ".aac", ".alac", ".wma", ".asf", ".amr", ".awb", ".3gp", ".3g2",
    ".webm", ".weba", ".mka", ".mkv", ".mov", ".avi", ".ac3", ".eac3", ".ape", ".wv", ".tta",
    ".spx", ".ra", ".rm", ".shn", ".dsf", ".dff", ".mpc", ".mp2", ".qcp", ".dts", ".gsm",
)  # fmt: skip
"""Endings of files with sound that cannot be decoded here."""


def ending_of(name: str) -> str:
    """Returns the ending in lower case, with its point, "" where there is none."""
    stem, point, ending = name.rpartition(".")
    return f".{ending.lower()}" if point and stem else ""
