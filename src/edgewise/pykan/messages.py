"""What pykan prints along the way."""

import sys


def say(text: str) -> None:
    """Write a line to stderr: results are returned, this only comments on them."""
    sys.stderr.write(text + "\n")
