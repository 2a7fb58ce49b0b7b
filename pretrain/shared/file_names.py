"""Names of people, corpora and folds as names of files."""

from urllib.parse import quote


def file_name(text: str) -> str:
    """Returns a name for a file or folder, another one for any other text; never `.`, `..`, hidden,
    or a path."""
    return quote(text, safe=" ").replace(".", "%2E")
