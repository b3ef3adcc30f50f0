"""One self-contained HTML page: what was done, how good it is, what the network looks like.

The page carries everything inside itself (figures as inline SVG, a style sheet, no script), so it
opens from a mail or an archive years later, prints, and follows the reader's light or dark setting.
Every text is escaped: column names come from other people's tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from numbers import Integral
from typing import TYPE_CHECKING, Any

from edgewise.errors import ParameterError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Section:
    """One part of a report; every part but the heading may be absent, and they appear in this order.

    Args:
        heading: title of the section.
        text: a paragraph, or several.
        table: a pandas frame, a list of rows (mappings with the same keys), or one mapping shown as
            name and value.
        figure: a matplotlib figure, or several that stand side by side where there is room.
        caption: a line under the figures; also what a screen reader says of them.
        code: preformatted text, e.g. the command that reproduces the run.
        best: index of the table row to print bold.
    """

    heading: str
    text: str | Sequence[str] | None = None
    table: Any = None
    figure: Figure | Sequence[Figure] | None = None
    caption: str | None = None
    code: str | None = None
    best: int | None = None


def html_report(title: str, sections: Sequence[Section], *, subtitle: str | None = None) -> str:
    """Compose a report.

    Args:
        title: heading of the page and of the browser's tab.
        sections: the parts, in order.
        subtitle: a line under the title.

    Returns:
        A complete HTML document. It loads nothing: no script, style sheet, font or picture from elsewhere.

    Raises:
        ParameterError: a section's table or its `best` row is not of the documented form.
    """
    figures = _Figures()
    body = "\n".join(_section(section, figures) for section in sections)
    under = f'<p class="subtitle">{escape(subtitle)}</p>' if subtitle else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<header><h1>{escape(title)}</h1>{under}</header>\n{body}\n</main>\n</body>\n</html>\n"
    )


def figure_svg(figure: Figure, label: str | None = None, prefix: str = "") -> str:
    """A figure as an `<svg>` element for an HTML page.

    Args:
        figure: any matplotlib figure.
        label: what a screen reader says of it.
        prefix: put before every id inside, so that several pictures can share a page.

    Returns:
        The element alone: no XML prologue, no document type, no metadata.
    """
    from matplotlib import rc_context

    stream = StringIO()
    # Text stays text (small, searchable); the fixed salt makes the same figure the same string.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "edgewise", "svg.image_inline": True}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    if prefix:
        svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", svg)
    name = f' role="img" aria-label="{escape(label)}"' if label else ' role="img"'
    return svg.replace("<svg", "<svg" + name, 1).strip()


class _Figures:
    """Hands out a different id prefix for every picture on the page."""

    def __init__(self) -> None:
        self.count = 0

    def html(self, figure: Figure, label: str | None) -> str:
        self.count += 1
        return f'<div class="picture">{figure_svg(figure, label, f"p{self.count}-")}</div>'


def _section(section: Section, figures: _Figures) -> str:
    parts = [f"<h2>{escape(section.heading)}</h2>"]
    paragraphs = [section.text] if isinstance(section.text, str) else section.text or []
    parts += [f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs]
    if section.table is not None:
        parts.append(_table(section))
    if section.figure is not None:
        several = list(section.figure) if isinstance(section.figure, Sequence) else [section.figure]
        pictures = "".join(figures.html(figure, section.caption or section.heading) for figure in several)
        caption = f"<figcaption>{escape(section.caption)}</figcaption>" if section.caption else ""
        parts.append(f'<figure><div class="pictures">{pictures}</div>{caption}</figure>')
    if section.code:
        parts.append(f"<pre><code>{escape(section.code)}</code></pre>")
    return "<section>\n" + "\n".join(parts) + "\n</section>"


def _table(section: Section) -> str:
    header, rows = _rows(section)
    if section.best is not None and not 0 <= section.best < len(rows):
        raise ParameterError(
            f"Section {section.heading!r}: `best` must be a row of the table, 0 to {len(rows) - 1}; got {section.best}."
        )
    columns = [list(column) for column in zip(*rows, strict=True)]
    # Name-value tables mix kinds; columns of a real table line up at the decimals.
    numeric = [bool(header) and any(_is_number(value) for value in column) for column in columns]
    decimals = [_decimals(column) if number else None for column, number in zip(columns, numeric, strict=True)]
    lines = []
    if header:
        right = numeric or [False] * len(header)
        cells = [f'<th scope="col"{_right(r)}>{escape(str(name))}</th>' for name, r in zip(header, right, strict=True)]
        lines.append(f"<thead><tr>{''.join(cells)}</tr></thead>")
    lines.append("<tbody>")
    for r, row in enumerate(rows):
        texts = [escape(_cell(value, places)) for value, places in zip(row, decimals, strict=True)]
        cells = [f'<th scope="row"{_right(numeric[0])}>{texts[0]}</th>']
        cells += [f"<td{_right(n)}>{text}</td>" for text, n in zip(texts[1:], numeric[1:], strict=True)]
        lines.append(f"<tr{' class=best' if r == section.best else ''}>{''.join(cells)}</tr>")
    lines.append("</tbody>")
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def _rows(section: Section) -> tuple[list[Any], list[list[Any]]]:
    """Header (empty for a name-value table) and rows of a section's table."""
    table = section.table
    if hasattr(table, "itertuples"):  # a pandas frame; its index only when it says something
        named = table.index.name is not None or not _counts(list(table.index))
        header = ([table.index.name or ""] if named else []) + list(table.columns)
        return header, [list(row) for row in table.itertuples(index=named, name=None)]
    if isinstance(table, Mapping):
        return [], [[str(name), value] for name, value in table.items()]
    if isinstance(table, Sequence) and not isinstance(table, str) and all(isinstance(row, Mapping) for row in table):
        header = list(table[0]) if table else []
        if all(list(row) == header for row in table):
            return header, [list(row.values()) for row in table]
    raise ParameterError(
        f"Section {section.heading!r}: `table` must be a pandas frame, a mapping, or a list of mappings with the "
        f"same keys; got {type(table).__name__}."
    )


def _counts(index: list[Any]) -> bool:
    return index == list(range(len(index)))


def _is_number(value: Any) -> bool:
    return (
        hasattr(value, "__float__")
        and not isinstance(value, (bool, str))
        and type(value).__name__ not in ("bool", "bool_")
    )


def _decimals(column: list[Any]) -> int | None:
    """Decimal places that give the column's largest number four digits; None if a small one then lost its own."""
    sizes = [abs(float(value)) for value in column if _is_number(value)]
    sizes = [size for size in sizes if size and math.isfinite(size)]
    if not sizes:
        return None
    places = 3 - math.floor(math.log10(max(sizes)))
    return places if 0 <= places <= 6 and min(sizes) >= 10.0 ** (1 - places) else None


def _cell(value: Any, places: int | None) -> str:
    """Whole numbers in full, others with that many places or else four digits, a dash for nothing."""
    if value is None or (_is_number(value) and math.isnan(float(value))):
        return "\N{EN DASH}"
    if not _is_number(value):
        return str(value)
    number = float(value)
    if isinstance(value, Integral) or 1e4 <= abs(number) < 1e9:
        text = f"{round(number):,}".replace(",", "\N{THIN SPACE}")
    else:
        text = f"{number:.4g}" if places is None else f"{number:.{places}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def _right(number: bool) -> str:
    return " class=number" if number else ""


_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --page: #ffffff;
  --tint: #f6f8fa; --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa4af; --line: #3d444d; --page: #14181d;
  --tint: #1f252c; --accent: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header { border-bottom: 3px solid var(--accent); padding-bottom: .6rem; margin-bottom: 1rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
.subtitle { color: var(--soft); margin: .35rem 0 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
p { margin: .5rem 0; max-width: 46rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .93rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .32rem 1.4rem .32rem 0; vertical-align: top; }
thead th { border-bottom: 1.5px solid var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 400; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 1px solid var(--line); }
tr.best > * { font-weight: 700; }
.number { text-align: right; white-space: nowrap; }
figure { margin: 1rem 0; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; }
.picture { flex: 1 1 20rem; min-width: 0; background: #ffffff; border: 1px solid var(--line); border-radius: 6px;
  padding: .8rem; display: flex; justify-content: center; align-items: center; }
.picture svg { max-width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .45rem; max-width: 46rem; }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: 6px; padding: .75rem 1rem;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .88rem; }
@media print { :root { --ink: #000000; --soft: #444444; --line: #bbbbbb; --page: #ffffff; --tint: #ffffff; }
  main { max-width: none; padding: 0; } section, figure, tr { break-inside: avoid; } h2 { break-after: avoid; }
  .picture { border: 0; padding: 0; } }
"""
