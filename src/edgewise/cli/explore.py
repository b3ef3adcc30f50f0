"""Show a model on a local page: its functions, what they do to predictions, and what happens when they are changed.

The page is served to this machine only, at an address that is printed; it ends with Ctrl-C. Nothing is sent anywhere.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewise.cli.console import OK, Console, InputError, add_flags, suggestion
from edgewise.cli.models import Opened, open_model
from edgewise.cli.tables import counted, read_table

if TYPE_CHECKING:
    import pandas as pd

    from edgewise.explorer.live import Live
    from edgewise.explorer.server import ExplorerServer

NAME, HELP = "explore", "show a model on a local page"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("model", metavar="MODEL", help="a file that `edgewise fit` or a model's save() wrote")
    parser.add_argument("--data", metavar="TABLE", help="rows to show the model on; with the target, also its losses")
    parser.add_argument("--target", metavar="COLUMN", help="column of TABLE that the model predicts (default: by name)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the model with the page's changes at the end")
    add_page_flags(parser)
    add_flags(parser)


def add_page_flags(parser: argparse.ArgumentParser) -> None:
    """Flags on the page, shared with `fit --explore`."""
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port of the page (default: any free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")


def run(args: argparse.Namespace) -> int:
    """Serve `args.model`.

    Args:
        args: the parsed flags.

    Returns:
        The exit code.

    Raises:
        InputError: the table does not fit the model.
    """
    from edgewise.explorer.live import Live
    from edgewise.explorer.subject import subject_of

    console = Console(args.json, args.quiet)
    folder = Path(args.output or ".").parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):  # else the changes are lost at the end
        raise InputError(f"--output {args.output}: {folder} cannot be written in. Create it, or take another folder.")
    opened = open_model(args.model)
    rows = (None, None) if args.data is None else _rows(opened, args.data, args.target)
    subject = subject_of(opened.estimator or opened.network, *rows)
    source = f"{opened.kind}.load({args.model!r})"
    live = Live(subject, args.port, title=Path(args.model).name, source=source)
    try:
        with until_ctrl_c(console):
            console.result(live.server.url, {"url": live.server.url, "port": live.server.port})
            open_in_browser(live.server, console, args.no_browser)
            wait(console)
        if args.output:
            live.edited().save(args.output)
            console.note(f"The model with {counted(len(live.edits), 'change')} is written to {args.output}.")
        else:
            note_lost(live, console)
    finally:
        live.close()
    return OK


def open_in_browser(server: ExplorerServer, console: Console, no_browser: bool) -> None:
    """Open the page where there is a browser; over SSH say how to reach it."""
    remote = os.getenv("SSH_CONNECTION", "").split()
    if len(remote) == 4:
        user = os.getenv("USER", "user")
        console.note(f"from your own machine: ssh -L {server.port}:127.0.0.1:{server.port} {user}@{remote[2]}")
    elif not no_browser:
        import webbrowser

        webbrowser.open(server.ticket())


@contextmanager
def until_ctrl_c(console: Console) -> Iterator[None]:
    """Ctrl-C ends what is done here, not the command."""
    try:
        yield
    except KeyboardInterrupt:
        console.note("")


def wait(console: Console) -> None:
    """For ever: see `until_ctrl_c`."""
    console.note("Ctrl-C ends the page.")
    while True:
        time.sleep(3600)


def note_lost(live: Live, console: Console) -> None:
    """Say so where changes of the page end with it."""
    if live.edits:
        console.note(f"{counted(len(live.edits), 'change')} of the page not written. Copy as Python there, or use -o.")


class Watch:
    """Training on a local page, for `fit --explore`.

    Args:
        console: where the address is said.
        port: of the page; 0 for any free one.
        no_browser: open nothing.
    """

    def __init__(self, console: Console, port: int, no_browser: bool) -> None:
        self.console, self.port, self.no_browser = console, port, no_browser
        self.live: Live | None = None

    def trainer(self, estimator: Any) -> Callable[..., Any]:
        """What `estimator.fit` takes to be watched."""
        from edgewise.explorer.live import trainer

        return trainer(estimator, self._opened, self.port)

    def _opened(self, live: Live) -> None:
        self.live = live
        sys.stderr.write(f"{live.server.url}\n")  # also with --quiet: nothing else says where
        open_in_browser(live.server, self.console, self.no_browser)

    def end(self, at_once: bool) -> None:
        """Leave the page open until Ctrl-C, or end it."""
        if self.live is not None:
            if not at_once:
                with until_ctrl_c(self.console):
                    wait(self.console)
            note_lost(self.live, self.console)
            self.live.close()


def _rows(opened: Opened, path: str, target: str | None) -> tuple[Any, Any]:
    """The inputs of a table, and its target where the table has it."""
    from edgewise.cli.predict import inputs

    frame, name = read_table(path), Path(path).name
    if target is not None and target not in frame.columns:
        raise InputError(f"{name}: there is no column {target!r} (--target). {suggestion(target, frame.columns)}")
    known = getattr(opened.estimator, "feature_names_in_", getattr(opened.network, "input_names", []))
    if target is not None and target in known:
        raise InputError(f"{name}: --target {target!r} is an input of the model. Give the column that it predicts.")
    targets = _targets(opened) if target is None else [target]
    has_target = set(targets) <= set(frame.columns)
    if has_target:
        frame = frame.dropna(subset=targets)
    if opened.estimator is None:
        return _network_rows(opened, frame, name), frame[targets].to_numpy() if has_target else None
    y = None if not has_target else frame[targets].to_numpy() if len(targets) > 1 else frame[targets[0]].to_numpy()
    return inputs(opened, frame, name), y


def _network_rows(opened: Opened, frame: pd.DataFrame, name: str) -> pd.DataFrame:
    names = getattr(opened.network, "input_names", [])
    missing = [column for column in names if column not in frame.columns]
    if missing:
        raise InputError(f"{name}: the model needs column {missing[0]!r}. {suggestion(missing[0], frame.columns)}")
    return frame.loc[:, list(names)]


def _targets(opened: Opened) -> list[str]:
    """Names of the columns that the model predicts, as far as it knows them."""
    names = list(getattr(opened.network, "output_names", []))
    if not hasattr(opened.estimator, "classes_"):
        return names
    return [names[0].rpartition("=")[0]] if len(names) == 1 else ["(unknown)"]
