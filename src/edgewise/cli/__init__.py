"""The command line. Nothing here imports torch or pandas before a command needs them."""

from edgewise.cli.entry import main

__all__ = ["main"]
