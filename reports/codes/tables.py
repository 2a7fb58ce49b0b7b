"""The tables of what codes know: use, bits per frame, information on labels."""

from collections.abc import Mapping

import pandas as pd

from reports.codes.knowledge import Knowledge, units_words
from reports.codes.runs import Codes
from reports.palette import colours
from reports.read.records import Row, row_words
from reports.read.scores import slug
from reports.table_data import Cell, Column, Line, Table

PART = "Quantized rows"


def usage_table(codes: Codes, corpus: str, rows: Mapping[str, Row], title: str) -> Table:
    """Returns one line per row: centres in use, perplexity, bits per frame."""
    titles = {
        "row": ("row", ""),
        "seeds": ("seeds", ""),
        "dead": ("dead entries", ""),
        "centres": ("possible", "centres"),
        "centres_used": ("used", "centres"),
        "perplexity": ("perplexity", "centres"),
        "nominal_bits": ("nominal", "bits per frame"),
        "bits": ("joint code", "bits per frame"),
        "held_out_bits": ("predicted", "bits per frame"),
        "rate_bits": ("given the frame before", "bits per frame"),
        "drawn_bits": ("drawn with noise, at most", "bits per frame"),
        "seen_once": ("seen once, %", ""),
    }
    palette = colours(rows.values())
    lines = []
    for name, row in rows.items():
        own = _of(codes.codes, corpus, name)
        if own.empty:
            continue
        mean = own.mean(numeric_only=True)
        dead = _of(codes.groups, corpus, name).groupby("seed")["dead"].sum().mean()
        entries = mean["codebooks"] * mean["entries"]
        texts = {
            "row": row_words(row),
            "seeds": str(own["seed"].nunique()),
            "dead": f"{dead:.3g} of {entries:.0f}",
            "centres": f"{mean['centres']:.0f}",
            "centres_used": f"{mean['centres_used']:.0f}",
            "perplexity": f"{mean['perplexity']:.1f}",
            "seen_once": f"{100 * mean['seen_once']:.1f}",
        }
        for key in ("nominal_bits", "bits", "held_out_bits", "rate_bits", "drawn_bits"):
            texts[key] = "" if mean[key] != mean[key] else f"{mean[key]:.2f}"
        cells = {key: Cell(text=text) for key, text in texts.items()}
        lines.append(Line(part=PART, cells=cells, colour=palette[name]))
    return Table(
        name=f"codes-{slug(corpus)}",
        title=f"Codes of the frames of {title}",
        columns=[
            Column(key=key, title=words, group=group, text=key == "row")
            for key, (words, group) in titles.items()
        ],
        lines=lines,
        notes=[
            "Codes without noise (the likeliest entries), 50 frames per second. Dead: entries that "
            "no frame of this corpus chose. Perplexity: 2 to the entropy of the joint code. "
            "Entropies are corrected for bias after Grassberger; the more frames have a centre "
            "that occurs once, the less they are worth.",
            "Predicted: what a code really costs by frequencies counted on "
            f"{_others(codes, corpus)}, and given the frame before by a mixture of predictors. "
            "Both are upper bounds of what no count can give, the entropy and the entropy rate.",
            "Drawn with noise: what the codes tell of their frame when they are drawn as in "
            "training, summed over codebooks.",
        ],
    )


def _others(codes: Codes, corpus: str) -> str:
    """Says on what the frequencies of the predicted bits were counted."""
    found = set(codes.codes["held_out_over"][codes.codes["corpus"] == corpus])
    if found == {"speakers"}:
        return "other speakers"
    return "other utterances, perhaps of the same speakers"


def group_table(codes: Codes, corpus: str, rows: Mapping[str, Row], title: str) -> Table:
    """Returns one line per row and codebook."""
    palette = colours(rows.values())
    lines = []
    for name, row in rows.items():
        own = _of(codes.groups, corpus, name)
        for group, part in own.groupby("group"):
            mean = part.mean(numeric_only=True)
            texts = {
                "row": row_words(row),
                "group": str(int(str(group)) + 1),
                "used": f"{mean['used']:.3g} of {mean['entries']:.0f}",
                "dead": f"{mean['dead']:.3g}",
                "perplexity": f"{mean['perplexity']:.2f}",
                "bits": f"{mean['bits']:.2f}",
            }
            cells = {key: Cell(text=text) for key, text in texts.items()}
            lines.append(Line(part=PART, cells=cells, colour=palette[name]))
    titles = {"row": "row", "group": "codebook", "used": "entries used", "dead": "dead"}
    titles |= {"perplexity": "perplexity", "bits": "bits"}
    return Table(
        name=f"codebooks-{slug(corpus)}",
        title=f"Each codebook on {title}",
        columns=[Column(key=k, title=words, text=k == "row") for k, words in titles.items()],
        lines=lines,
        notes=["Means over seeds. Codebooks of different seeds have nothing but the number alike."],
    )


def information_table(
    found: list[Knowledge], corpus: str, rows: Mapping[str, Row], title: str
) -> Table:
    """Returns one line per row and label, the excess over shuffled labels first."""
    titles = {
        "row": ("row", ""),
        "seeds": ("seeds", ""),
        "excess": ("excess", "bits per frame"),
        "units": ("units", ""),
        "share": ("excess, % of the label", ""),
        "bits": ("as labelled", "bits per frame"),
        "shuffled": ("shuffled", "bits per frame"),
        "p": ("p", ""),
    }
    palette = colours(rows.values())
    lines = []
    for item in found:
        known = item.low == item.low
        cells = {
            "row": Cell(text=row_words(rows[item.row])),
            "seeds": Cell(text=str(item.num_seeds)),
            "excess": Cell(
                text=f"{item.excess:.4f}",
                low=f"{item.low:.4f}" if known else "",
                high=f"{item.high:.4f}" if known else "",
            ),
            "units": Cell(text=str(item.num_blocks) if known else "none"),
            "share": Cell(text=f"{100 * item.share:.2f}"),
            "bits": Cell(text=f"{item.bits:.4f}"),
            "shuffled": Cell(text=f"{item.shuffled_bits:.4f}"),
            "p": Cell(text=f"{item.p_value:.3f}"),
        }
        part = f"{item.label} ({item.label_bits:.2f} bits), shuffled among {item.shuffled_over}"
        lines.append(Line(part=part, cells=cells, colour=palette[item.row]))
    return Table(
        name=f"code-information-{slug(corpus)}",
        title=f"What a frame's code tells of its label on {title}",
        columns=[
            Column(
                key=key, title=words, group=group, text=key == "row", limits_beside=key == "excess"
            )
            for key, (words, group) in titles.items()
        ],
        lines=lines,
        notes=[
            "Mutual information of the joint code of one frame and the label, bias-corrected; "
            "shuffled: the mean over label shuffles, which keep whole utterances together. "
            "What is known is the excess.",
            f"Limits: 95 % interval over {units_words(found)} (jackknife, t), as many as under "
            '"units" (none below three), for these seeds. With no information at all the interval '
            "is conservative (it covers about 1.00): read the p-value there.",
            "p: share of shuffles that reach the labelled value, the largest of the seeds, not "
            "corrected for the number of lines.",
            "One frame tells little of a label that lasts a whole utterance; the probe sees all "
            "frames. Sentences that go with an emotion are in the excess.",
        ],
    )


def _of(frame: pd.DataFrame, corpus: str, row: str) -> pd.DataFrame:
    return frame[(frame["corpus"] == corpus) & (frame["row"] == row)]
