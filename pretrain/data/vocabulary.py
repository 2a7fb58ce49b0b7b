"""Transcripts as class numbers: the characters of the training part and an explicit blank.

Class 0 is CTC's blank, the other classes are the characters in code point order. In the saved file
the space between words is written `|`, as wav2vec 2.0's vocabularies do.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from pretrain.shared.atomic_files import replace_text
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import JsonError, Schema, read_object
from pretrain.shared.normalized_text import WORD_BOUNDARY, single_spaced

FORMAT = 1

VOCABULARY_FILE = "vocabulary.json"

BLANK = 0


class VocabularyError(InputError):
    """Transcripts that make no vocabulary, or a vocabulary file that cannot be read."""


@dataclass(frozen=True)
class Vocabulary:
    """The characters that can be written, in the order of their classes; class 0 is the blank."""

    characters: tuple[str, ...]

    def __post_init__(self) -> None:
        assert all(len(character) == 1 for character in self.characters)
        assert len(set(self.characters)) == len(self.characters)

    @property
    def num_classes(self) -> int:
        """Characters and the blank."""
        return 1 + len(self.characters)

    def encode(self, text: str) -> list[int]:
        """Returns the classes of a normalised text; raises `VocabularyError` on an unknown one."""
        class_of = {character: index + 1 for index, character in enumerate(self.characters)}
        try:
            return [class_of[character] for character in text]
        except KeyError as error:
            raise VocabularyError(
                f"`text` must have known characters only, but {text!r} has {error.args[0]!r}."
            ) from error

    def unknown(self, text: str) -> int:
        """Returns how many characters of a normalised text cannot be written."""
        return sum(character not in self.characters for character in text)

    def decode(self, classes: Iterable[int]) -> str:
        """Returns the text of classes without blanks; spaces at the ends and doubled ones go."""
        return single_spaced("".join(self.characters[index - 1] for index in classes))

    def save(self, folder: Path) -> None:
        """Writes vocabulary.json: a list of classes, the blank first."""
        classes = ["<blank>", *(WORD_BOUNDARY if c == " " else c for c in self.characters)]
        text = json.dumps({"format": FORMAT, "blank": BLANK, "classes": classes}, indent=1)
        replace_text(folder / VOCABULARY_FILE, text + "\n")


def vocabulary_of(texts: Iterable[str]) -> Vocabulary:
    """Returns the vocabulary of normalised training transcripts."""
    characters = sorted(set().union(*map(set, texts)))
    if not characters:
        raise VocabularyError(
            "`texts` must have some character, but no training utterance has a transcript. Give a "
            "corpus with a `text` column."
        )
    return Vocabulary(tuple(characters))


class _File(Schema):
    """vocabulary.json."""

    format: int
    blank: int
    classes: list[str]


def load_vocabulary(folder: Path) -> Vocabulary:
    """Reads what `Vocabulary.save` wrote; raises `VocabularyError` on another file."""
    file = folder / VOCABULARY_FILE
    try:
        content = read_object(file, _File)
    except JsonError as error:
        raise VocabularyError(f"{error} Copy it again.") from error
    if content["format"] != FORMAT or content["blank"] != BLANK:
        raise VocabularyError(f"{file}: must have `format` {FORMAT} and `blank` {BLANK}.")
    characters = tuple(" " if c == WORD_BOUNDARY else c for c in content["classes"][1:])
    if len(set(characters)) < len(characters) or any(len(c) != 1 for c in characters):
        raise VocabularyError(
            f"{file}: `classes` must be the blank and different characters. Copy it again."
        )
    return Vocabulary(characters)


def collapse(path: Sequence[int]) -> list[int]:
    """Returns the classes that a best path over frames stands for: repeats once, no blanks."""
    return [index for index, _ in groupby(path) if index != BLANK]


def frames_needed(text: Sequence[object]) -> int:
    """Returns the fewest frames in which CTC can write `text`: equal neighbours need a blank."""
    return len(text) + sum(a == b for a, b in pairwise(text))
