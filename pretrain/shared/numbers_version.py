"""The version of the numbers that each stage computes. No torch.

Files that keep numbers are found again under the versions of the stages that made them: another
wording of the code computes nothing again, and other numbers are never mixed. Whoever changes what
a stage computes, by more than rounding, raises its version here and keeps its golden values beside
the new one: `python -m tests.golden_stages`. `tests/test_numbers_version.py` fails until then.
"""

NUMBERS_VERSION = {
    "audio": 1,  # decoding, mixing, resampling to 16 kHz and normalizing
    "scan": 2,  # lengths, hashes and loudness of the files of a corpus
    "fingerprint": 1,  # acoustic fingerprints, by which contamination is found
    "encoder": 1,  # layers of an encoder of given weights
    "targets": 1,  # frames of a corpus in a target space, and their codebooks
    "features": 2,  # means and deviations over frames, of encoders and of log-mel bands
    "acoustic": 1,  # statistics of baselines without learning
    "frames": 1,  # layers of every frame, of encoders and of log-mel bands
    "linear": 1,  # heads of the probe, with choice of layer, strength and epoch
    "svm": 1,
    "superb": 1,
    "finetune": 1,
    "attributes": 1,  # folds and scores of speaker and gender
    "metrics": 1,  # scores of predictions
    "codes": 1,  # codes of frames, and what a drawn code tells of its frame
    "alignment": 1,  # characters over frames
    "segments": 1,  # of MFSN: cutting, spectrograms and MFCC
    "fusion": 1,  # training of MFSN's networks
    "search": 1,  # search of MFSN's structure
}
"""By stage; one that is not named here has version 1."""


def versions_of(*stages: str) -> dict[str, int]:
    """Returns the versions of these stages, to stand among the inputs of what they make."""
    return {stage: NUMBERS_VERSION.get(stage, 1) for stage in stages}


def raised(*stages: str) -> dict[str, int]:
    """Returns the versions above 1 as `numbers.STAGE`: what was written before there were versions
    has the first of each, and stays as it is."""
    return {
        f"numbers.{name}": number for name, number in versions_of(*stages).items() if number > 1
    }


def kept_as(*stages: str) -> str:
    """Returns what a file name says of the versions of the stages that made the file.

    Versions only rise, so the sum differs whenever one of them does.
    """
    return str(1 + sum(version - 1 for version in versions_of(*stages).values()))
