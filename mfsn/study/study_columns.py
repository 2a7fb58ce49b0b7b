"""What stands in the folder of a study of fusion. Reports share it: no torch."""

KIND = "fusion-study"
FORMAT = 1

STUDY = "study"
"""The folder's name in --out."""

COLUMNS = {
    "counts": (
        "head", "network", "seed", "speaker", "emotion", "contradicted", "utterances", "right",
        "follows_words",
    ),
    "structures": ("head", "seed", "fold", "level", "operations", "dev_ua", "test_ua"),
    "alpha": ("head", "seed", "fold", "epoch", "entropy", "leading"),
    "trace": ("head", "network", "seed", "fold", "place", "knows", "ua"),
}  # fmt: skip
"""Columns of the CSV files, by the name of the file. `contradicted`: whether the words express
another emotion than the label, and not neutral; 0 and no word is followed where what the words
express is not known. `trace` is of the first seed, see `mfsn/study/trace.py`."""
