"""One page in one file: markup, style, script and data, and a policy that lets nothing else in or out."""

from __future__ import annotations

import base64
import hashlib
import html
from importlib.resources import files
from typing import Any

from edgewise.errors import MissingDependencyError
from edgewise.explorer.arrays import to_json

_POLICY = (
    "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; img-src data: blob:; "
    "{connect}base-uri 'none'; form-action 'none'"
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>html{{color-scheme:light dark}}body{{margin:0}}{style}</style></head>
<body><main id="edgewise-explorer" data-host="{host}"></main>
<noscript>This page computes a network in your browser: it needs JavaScript.</noscript>
<script type="application/json" id="edgewise-payload">{data}</script>
<script>{script}</script></body></html>
"""


def static(name: str) -> str:
    """The text of a built file of the front end.

    Args:
        name: `page.js`, `widget.js`, `lessons.js`, `styles.css` or `lessons.css`.

    Returns:
        The text.

    Raises:
        MissingDependencyError: it has not been built.
    """
    path = files("edgewise.explorer") / "static" / name
    if not path.is_file():
        raise MissingDependencyError(
            f"the explorer's {name} is not in this installation. Run `npm ci && npm run build` in `frontend/`, or "
            "install a released version."
        )
    return path.read_text(encoding="utf-8")


def page(data: Any, title: str, host: str = "page", script: str = "page.js", style: str = "styles.css") -> str:
    """A page that needs nothing but itself.

    Args:
        data: what the script finds in the element `edgewise-payload`; text in it is never read as markup.
        title: of the document.
        host: `"page"`: nothing may leave it; `"server"`: it may talk to where it came from.
        script: the built file that runs in it.
        style: the built file that says how it looks.

    Returns:
        HTML.
    """
    code = static(script).replace("</script", "<\\/script").replace("<!--", "<\\!--")
    return _PAGE.format(
        policy=policy(code, host),
        title=html.escape(title),
        style=static(style).replace("</", "<\\/"),
        host=host,
        data=to_json(data),
        script=code,
    )


def policy(code: str, host: str) -> str:
    """The content security policy of a page: this script, inline style, no connection but to its own server."""
    digest = base64.b64encode(hashlib.sha256(code.encode("utf-8")).digest()).decode("ascii")
    return _POLICY.format(hash=digest, connect="connect-src 'self'; " if host == "server" else "")


def frame(document: str, height: int = 640) -> str:
    """A page inside another one: an element that runs it without access to anything around it."""
    return (
        f'<iframe title="KAN explorer" sandbox="allow-scripts allow-downloads" style="width:100%;height:{height}px;'
        f'border:0" srcdoc="{html.escape(document, quote=True)}"></iframe>'
    )
