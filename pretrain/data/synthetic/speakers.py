"""The speakers: espeak-ng's English accents combined with its voice variants.

No variant is used twice, so no voice of one part is heard in the other.
"""

from dataclasses import dataclass

from pretrain.shared.errors import InputError

PARTS = ("pretrain", "probe")

ACCENTS = (
    "en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-us-nyc", "en-gb-x-gbclan",
    "en-gb-x-gbcwmd", "en-029",
)  # fmt: skip

WOMEN = {
    "probe": ("f1", "f2", "f5", "Andrea", "belinda"),
    "pretrain": ("f3", "f4", "Alicia", "Annie", "aunty", "linda", "steph", "grandma"),
}
MEN = {
    "probe": ("m1", "m3", "m7", "ian", "victor"),
    "pretrain": ("m2", "m4", "m6", "m8", "Denis", "Lee", "quincy", "travis"),
}


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """One voice. Two speakers, a woman and a man, make a session, as in IEMOCAP."""

    name: str
    """For example `probe-s03-f`: part, session, gender."""
    part: str
    session: str
    gender: str
    voice: str
    """espeak-ng's name of the voice, for example `en-us+f2`."""
    place: int
    """Number of the speaker among those of all parts, from 0."""


def all_speakers() -> tuple[Speaker, ...]:
    """Returns the speakers of all parts, session by session."""
    speakers: list[Speaker] = []
    for part in PARTS:
        for number, pair in enumerate(zip(WOMEN[part], MEN[part], strict=True)):
            session = f"{part}-s{number + 1:02d}"
            for index, (gender, variant) in enumerate(zip(("female", "male"), pair, strict=True)):
                accent = ACCENTS[(2 * number + index) % len(ACCENTS)]
                speakers.append(
                    Speaker(
                        name=f"{session}-{gender[0]}",
                        part=part,
                        session=session,
                        gender=gender,
                        voice=f"{accent}+{variant}",
                        place=len(speakers),
                    )
                )
    return tuple(speakers)


def speakers_of(part: str) -> tuple[Speaker, ...]:
    """Returns the speakers of `part`. Raises ValueError for an unknown part."""
    if part not in PARTS:
        raise InputError(f"`part` must be 'pretrain' or 'probe', but is {part!r} instead.")
    return tuple(speaker for speaker in all_speakers() if speaker.part == part)
