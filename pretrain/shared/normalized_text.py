"""Every way in which two texts count as one: names, sentences, transcripts, columns, files.

Unicode has several forms of one word, and spaces come in many kinds: these never make two of one.
What else makes no difference depends on what the text is.
"""

import re
import unicodedata

WORD_BOUNDARY = "|"
"""The space between words in wav2vec 2.0's vocabulary files, so no character of a transcript."""


def composed(text: str) -> str:
    """Returns the text in Unicode's composed form (NFC), as names of files are compared."""
    return unicodedata.normalize("NFC", text)


def single_spaced(text: str) -> str:
    """Returns the text with single spaces of the plain kind inside and none at its ends."""
    return " ".join(text.split())


def canonical(name: str) -> str:
    """Returns a name of a person, session, class or part: composed and single-spaced, its case and
    spelling as they are, since they may tell two people apart."""
    return single_spaced(composed(name))


def likeness(name: str) -> str:
    """Returns what is left of a name without case, spaces and number form: equal ones look like
    two spellings of one (Neutral and neutral; 3, 03 and 3.0; very happy and very_happy)."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = re.sub(r"(?<=\d)\.0+(?![\d.])", "", text)
    text = re.sub(r"(?<![\d.])0+(?=\d)", "", text)
    text = re.sub(r"(?<=\d)[\s_-]+(?=\d)", "_", text)  # 1-1 and 11 are two
    return re.sub(r"(?<=[^\W\d_])[\s_-]+(?=\w)|(?<=\w)[\s_-]+(?=[^\W\d_])", "", text)


def sentence_key(text: str) -> str:
    """Returns by what transcripts of the same words are known: without case and punctuation; "" for
    one without words."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\W_]+", " ", text).strip()


def transcript(text: str) -> str:
    """Returns what is to be recognised: upper case, composed, single spaces between words; `|`
    counts as a space."""
    return single_spaced(composed(text.upper()).replace(WORD_BOUNDARY, " "))


def bare(name: str) -> str:
    """Returns the letters and digits of a name without case, such as that of a table's column."""
    return re.sub(r"[\W_]+", "", name.casefold())
