"""Layers and small nets against public peers: forward, and forward + backward, in one process.

    python -m benchmarks.layers [--quick] [--rows "256->256"] [--peers inkan,pykan]

"step" is forward + backward with fresh gradients and a fixed cotangent. The gradient with respect to the
input is included, because a layer inside a network needs it; the variant without it (a first layer in
training) is a table of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from benchmarks import harness, peers
from benchmarks.harness import Timing

MODES = {
    "step": "Step: forward + backward, with the input's gradient",
    "step-first": "Step of a first layer: forward + backward, no gradient of the input",
    "forward": "Forward without gradients",
}
QUICK_ROWS = ["[2,5,1]", "64->64", "256->256 G5", "784->64"]


def measure(
    rows: Sequence[peers.Row] = peers.ROWS,
    competitors: Sequence[peers.Peer] = (),
    modes: Sequence[str] = tuple(MODES),
    **timing: Any,
) -> dict[str, dict[str, dict[str, Timing]]]:
    """`{mode: {row: {competitor: Timing}}}`."""
    results: dict[str, dict[str, dict[str, Timing]]] = {mode: {} for mode in modes}
    # A peer that compiles gets a kernel for the very shape it is timed on.
    torch._dynamo.config.automatic_dynamic_shapes = False
    for row in rows:
        torch._dynamo.reset()
        for mode in modes:
            harness.log(f"{mode:>10} {row.name}")
            calls = _calls(row, competitors, mode)
            results[mode][row.name] = harness.interleave(calls, **timing)
    return results


def _calls(row: peers.Row, competitors: Sequence[peers.Peer], mode: str) -> dict[str, Any]:
    calls = {}
    for peer in competitors:
        try:
            case = peer.make(row, input_grad=mode != "step-first")
            call = case.forward if mode == "forward" else case.step
            call()
        except Exception as error:  # noqa: PERF203  a peer's failure is a result, not ours to raise
            if peer.kind == "ours":
                raise
            harness.log(f"failed: {peer.name} on {row.name}: {type(error).__name__}: {str(error)[:200]}")
        else:
            calls[peer.name] = call
    return calls


def exactness(competitors: Sequence[peers.Peer]) -> dict[str, dict[str, float]]:
    """`{competitor: {"float64": error, "float32": error}}` against scipy's B-splines."""
    errors = {}
    for peer in competitors:
        if peer.read is None:
            continue
        torch._dynamo.reset()
        try:
            errors[peer.name] = {
                "float64": peers.compare_with_scipy(peer, torch.float64),
                "float32": peers.compare_with_scipy(peer, torch.float32),
            }
        except Exception as error:
            harness.log(f"failed: {peer.name} against scipy: {type(error).__name__}: {str(error)[:200]}")
    return errors


def as_text(results: dict[str, dict[str, dict[str, Timing]]], errors: dict[str, dict[str, float]]) -> str:
    """Markdown."""
    parts = []
    for mode, by_row in results.items():
        parts += [
            f"## {MODES[mode]}",
            f"Time over {peers.REFERENCE}'s time in the same rounds (medians, ± interquartile range of the "
            "competitor's own times); smaller is faster.",
            harness.ratio_table(by_row, peers.REFERENCE),
            cost_in_grid(by_row, mode),
        ]
    if errors:
        rows = [[name, f"{e['float64']:.1e}", f"{e['float32']:.1e}"] for name, e in errors.items()]
        parts += [
            "## The same function?",
            "Largest error against `scipy.interpolate.BSpline`, relative to the largest output, inside the domain.",
            harness.table(["", "float64", "float32"], rows),
        ]
    return "\n\n".join(part for part in parts if part)


def cost_in_grid(by_row: dict[str, dict[str, Timing]], mode: str) -> str:
    """The line that says how cost grows with G."""
    low, high = by_row.get("256->256 G5"), by_row.get("256->256 G100")
    if not low or not high:
        return ""
    ratios = {name: high[name].median / low[name].median for name in high if name in low}
    return f"{mode} at G=100 over {mode} at G=5, 256->256: " + ", ".join(
        f"{name} {harness.number(ratio, 2)}" for name, ratio in sorted(ratios.items(), key=lambda item: item[1])
    )


def main() -> None:
    options = harness.parser(__doc__)
    options.add_argument("--rows", help="comma-separated parts of row names")
    options.add_argument("--peers", help="comma-separated parts of competitor names")
    options.add_argument("--modes", default=",".join(MODES), help="comma-separated, of " + ", ".join(MODES))
    args = options.parse_args()
    torch.set_num_threads(args.threads)
    names = [*args.peers.split(","), peers.OURS, peers.REFERENCE, peers.FLOOR, peers.LINEAR] if args.peers else None
    # A named peer is wanted even if it compiles.
    competitors = peers.find_peers(names, compiled=bool(args.peers) or not args.quick)
    rows = peers.find_rows(split_rows(args.rows)) if args.rows else peers.ROWS
    if args.quick and not args.rows:
        rows = peers.find_rows(QUICK_ROWS)
    modes = args.modes.split(",")
    timing = {"rounds": args.rounds or (5 if args.quick else 15), "budget_sec": 2.0 if args.quick else 15.0}
    results = measure(rows, competitors, modes, **timing)
    errors = exactness(competitors)
    numbers = {
        mode: {row: {name: t.as_dict() for name, t in timings.items()} for row, timings in by_row.items()}
        for mode, by_row in results.items()
    }
    harness.finish(args, {"times": numbers, "errors": errors}, as_text(results, errors))


def split_rows(text: str) -> list[str]:
    """Split at commas that are not inside brackets: `[2,5,1] f64,64->64`."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


if __name__ == "__main__":
    main()
