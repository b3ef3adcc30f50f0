"""Whether someone watches: then long work says what it does, otherwise it is silent."""

import sys


def watched() -> bool:
    """Whether standard error is a terminal or the code runs in a notebook."""
    if sys.stderr is not None and sys.stderr.isatty():
        return True
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def announce(text: str) -> None:
    """Write a line to standard error if someone watches."""
    if watched():
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
