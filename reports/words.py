"""Words and numbers that all parts of the report write alike."""

from collections.abc import Sequence

from reports.read.scores import ATTRIBUTES

TITLES = {
    "mse_valence": "V",
    "mse_arousal": "A",
    "mse_dominance": "D",
    "ccc_valence": "V",
    "ccc_arousal": "A",
    "ccc_dominance": "D",
    "ua": "UA",
    "wa": "WA",
    "macro_f1": "F1",
}
PERCENT = ("ua", "wa", "macro_f1")
PARTS = {
    "row": "Pre-trained: same weights, samples, masks and settings, other target",
    "baseline": "Baselines",
    "released": "Released: other data, sizes and budgets; not a controlled comparison",
    "uncontrolled": "Uncontrolled: no hashes, so nothing says that only the target differs",
}


def number(metric: str, value: float | None) -> str:
    """Returns a score as the tables show it: classes in percent, errors and CCC as they are."""
    if value is None or value != value:
        return ""
    return f"{100 * value:.1f}" if metric in PERCENT + ATTRIBUTES else f"{value:.3f}"


def percent(value: object) -> str:
    """Returns a fraction in percent with one digit; nothing for what is no number."""
    if not isinstance(value, int | float) or value != value:
        return ""
    return f"{100 * value:.1f}"


def p_words(p_value: float) -> str:
    """Returns a p-value, not more exact than it is."""
    return "< .001" if p_value < 0.001 else f"{p_value:.3f}".removeprefix("0")


def joined(words: Sequence[str], last: str = "and") -> str:
    """Returns words as a sentence lists them: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def too_few(speakers: int, first: str, second: str) -> str:
    """Says that so many speakers cannot tell one from the other."""
    are = "speaker is" if speakers == 1 else "speakers are"
    return f"{speakers} {are} too few to tell {first} from {second} by UA, whatever the difference"
