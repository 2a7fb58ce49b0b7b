"""Errors written for users: a sentence that says what is wrong and what to do, without a traceback.

Whatever else is raised is a fault of the program, and shows where it comes from. What a program
must hold by itself is an assert. Nothing heavy is imported here.
"""


class UserError(Exception):
    """Something that a user has to correct; the message names it, its value and the remedy."""


class InputError(UserError, ValueError):
    """A value, a file or a folder that was given and cannot be taken."""


class CommandLineError(InputError):
    """Options that contradict each other, or make no option: wrong whatever the files hold."""


def is_for_users(error: BaseException) -> bool:
    """Tells whether the message is all that users need: a `UserError`, or a file that the system
    refused, which it names."""
    return isinstance(error, UserError) or (
        isinstance(error, OSError) and error.filename is not None
    )
