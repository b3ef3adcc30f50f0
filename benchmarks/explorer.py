"""How fast the explorer's page is: `python -m benchmarks.explorer` (needs the extra `browser`, and Chromium).

For networks of some sizes: bytes of the file, milliseconds from navigation to the first edge, milliseconds of work for
moving a coefficient (handling, redraw, paint), frames per second while zooming (median of five times, from rest), and
milliseconds of the longest frame of these and of a third of a second more (at rest the picture is drawn anew), a hitch
that a mean hides. Software rendering: a GPU is faster.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from edgewise import KAN
from edgewise.explorer import to_html

WIDTHS = ([4, 5, 1], [8, 8, 4, 1], [10, 36, 1], [30, 32, 1], [40, 60, 1])
_FRAMES, _ZOOMS, _REST = 60, 5, 20
_ZOOM = """frames => new Promise(done => {
  const stage = document.querySelector('.stage'), box = stage.getBoundingClientRect();
  const where = {clientX: box.x + box.width / 2, clientY: box.y + box.height / 2};
  let n = 0, longest = 0, last, rate; const start = performance.now();
  const step = now => {  // `now` is when the frame began
    longest = Math.max(longest, now - (last ?? now)); last = now;
    if (n++ === frames) rate = 1000 * frames / (performance.now() - start);
    if (n > frames + REST) return done([rate, longest]);
    if (n > frames) return requestAnimationFrame(step);
    const turn = {deltaY: n % 2 ? 40 : -40, bubbles: true, cancelable: true, ctrlKey: true, ...where};
    stage.dispatchEvent(new WheelEvent('wheel', turn));
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""
_SLIDE = """() => new Promise(async done => {
  const sliders = [...document.querySelectorAll('aside input[type=range]')], slider = sliders[0];
  if (!slider) return done(NaN);
  const times = [];
  for (let n = 0; n < 20; n++) {
    await new Promise(requestAnimationFrame);
    const start = performance.now();
    slider.value = String(Number(slider.value) + (n % 2 ? 1 : -1) * Number(slider.step || 0.01));
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    const handled = performance.now() - start;
    const frame = await new Promise(requestAnimationFrame);  // the redraw is in this frame; waiting for it is not work
    await new Promise(ready => { const c = new MessageChannel(); c.port1.onmessage = ready; c.port2.postMessage(0); });
    times.push(handled + performance.now() - frame);
  }
  done(times.sort((a, b) => a - b)[10]);
})"""


def measured(browser: Any, width: list[int], folder: Path) -> list[str]:
    """One row of the table."""
    path = folder / "page.html"
    to_html(KAN(width, seed=0), path)
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.goto(path.as_uri())
    page.wait_for_function("() => document.querySelector('.stage svg path, .stage canvas')")
    first = page.evaluate("performance.now()")
    zooms = []
    for _ in range(_ZOOMS):
        page.wait_for_timeout(400)  # painted, and at rest: the first step is measured too
        zooms.append(page.evaluate(_ZOOM.replace("REST", str(_REST)), _FRAMES))
    rate, longest = map(median, zip(*zooms, strict=True))
    page.locator(".stage").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    slide = page.evaluate(_SLIDE)
    page.close()
    edges = sum(a * b for a, b in pairwise(width))
    size = f"{path.stat().st_size:,}"
    return [str(width), f"{edges}", size, f"{first:.0f}", f"{slide:.1f}", f"{rate:.0f}", f"{longest:.0f}"]


def main() -> None:
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    heads = ["network", "edges", "bytes", "first edge, ms", "slider, ms", "frames per s", "longest frame, ms"]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for width in WIDTHS:
            print("| " + " | ".join(measured(browser, width, Path(folder))) + " |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
