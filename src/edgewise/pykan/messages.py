"""What pykan prints along the way."""

import sys


def say(text: str) -> None:
    """Write a line to stderr: results are returned, this only comments on them."""
    sys.stderr.write(text + "\n")


def say_r2(r2: float) -> None:
    """Write how well a function fits an edge, with a doubt where it does not."""
    say(f"r2 is {r2:.10g}" + ("" if r2 > 0.9 else ": not very high; is it the right function?"))
