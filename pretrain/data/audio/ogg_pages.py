"""Pages of Ogg files (RFC 3533)."""

import os


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
