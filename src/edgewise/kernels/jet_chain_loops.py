"""The compiled loops of `chain_rule`: from derivatives of edges to derivatives of sums, and back.

The innermost loops run along the rows, over arrays that lie one after the other, and are vectorized. A coordinate moves
along itself only, so channels that are zero for an input, as most are in the first layer, are left out.
"""

import numpy as np

from edgewise.kernels.compilation import compiled, compiled_for_python


@compiled
def _inner(jet, i, pairs, triples, second, mixed, cubes):
    """What multiplies `phi''` in channels of second and third order, and `phi'''`: `(n, B)` each, for one input."""
    rows = jet.shape[2]
    for n in range(second.shape[0]):
        for b in range(rows):
            second[n, b] = 0.0
    for q in range(pairs.shape[0]):
        n, a, c = pairs[q, 0], pairs[q, 1], pairs[q, 2]
        for b in range(rows):
            second[n, b] += jet[i, a, b] * jet[i, c, b]
    for n in range(triples.shape[0]):
        u, v, w = triples[n, 0], triples[n, 1], triples[n, 2]
        vw, uw, uv = triples[n, 3], triples[n, 4], triples[n, 5]
        for b in range(rows):
            x, y, z = jet[i, u, b], jet[i, v, b], jet[i, w, b]
            mixed[n, b] = x * jet[i, vw, b] + y * jet[i, uw, b] + z * jet[i, uv, b]
            cubes[n, b] = x * y * z


@compiled
def _moving(jet, i, live):
    """How many channels beyond the value are not zero for one input; `live` becomes their numbers."""
    count = 0
    for r in range(1, jet.shape[1]):
        for b in range(jet.shape[2]):
            if jet[i, r, b] != 0:
                live[count] = r
                count += 1
                break
    return count


@compiled_for_python
def chain_forward(edges, jet, seconds, pairs, triples, result, values):
    """Fill `result` `(O, R, B)`, and `values` `(O, B)` with its first channel.

    `edges` is `(order+1 or more, I, O, B)`, `jet` `(I, R, B)`.

    `seconds` is the channel of the first second derivative; third ones follow the last. `pairs` are rows
    `(n, a, b)`: the n-th second derivative has the product of channels a and b; `triples` rows of the channels of
    `i, j, k, jk, ik, ij`.
    """
    inputs, channels, rows = jet.shape
    outputs, kind = result.shape[0], result.dtype
    thirds = channels - len(triples)
    second = np.empty((thirds - seconds, rows), kind)
    mixed, cubes = np.empty((len(triples), rows), kind), np.empty((len(triples), rows), kind)
    live = np.empty(channels, np.int64)
    for i in range(inputs):
        _inner(jet, i, pairs, triples, second, mixed, cubes)
        count = _moving(jet, i, live)
        for o in range(outputs):
            if i == 0:
                for b in range(rows):
                    result[o, 0, b] = edges[0, i, o, b]
                for r in range(1, channels):
                    for b in range(rows):
                        result[o, r, b] = 0.0
            else:
                for b in range(rows):
                    result[o, 0, b] += edges[0, i, o, b]
            for n in range(count):
                r = live[n]
                for b in range(rows):
                    result[o, r, b] += edges[1, i, o, b] * jet[i, r, b]
            for n in range(second.shape[0]):
                for b in range(rows):
                    result[o, seconds + n, b] += edges[2, i, o, b] * second[n, b]
            for n in range(len(triples)):
                for b in range(rows):
                    result[o, thirds + n, b] += edges[2, i, o, b] * mixed[n, b] + edges[3, i, o, b] * cubes[n, b]
    for o in range(outputs):
        for b in range(rows):
            values[o, b] = result[o, 0, b]


@compiled_for_python
def chain_backward(g, g_values, edges, jet, seconds, pairs, triples, dedges, djet):
    """Fill gradients of `edges` and, unless it is empty, of `jet`, whose value channel has none here.

    `g_values` `(O, B)` is added to the value channel of `g` `(O, R, B)`.
    """
    inputs, channels, rows = jet.shape
    outputs, kind = g.shape[0], g.dtype
    thirds, size = channels - len(triples), len(triples)
    second = np.empty((thirds - seconds, rows), kind)
    mixed, cubes = np.empty((size, rows), kind), np.empty((size, rows), kind)
    dsecond, dmixed, dcubes = np.empty_like(second), np.empty_like(mixed), np.empty_like(cubes)
    live = np.empty(channels, np.int64)
    for i in range(inputs):
        _inner(jet, i, pairs, triples, second, mixed, cubes)
        count = _moving(jet, i, live)
        for o in range(outputs):
            for b in range(rows):
                dedges[0, i, o, b] = g[o, 0, b] + g_values[o, b]
            for m in range(1, dedges.shape[0]):
                for b in range(rows):
                    dedges[m, i, o, b] = 0.0
            for n in range(count):
                r = live[n]
                for b in range(rows):
                    dedges[1, i, o, b] += g[o, r, b] * jet[i, r, b]
            for n in range(second.shape[0]):
                for b in range(rows):
                    dedges[2, i, o, b] += g[o, seconds + n, b] * second[n, b]
            for n in range(size):
                for b in range(rows):
                    dedges[2, i, o, b] += g[o, thirds + n, b] * mixed[n, b]
                    dedges[3, i, o, b] += g[o, thirds + n, b] * cubes[n, b]
        if djet.shape[0] == 0:
            continue
        for r in range(channels):
            for b in range(rows):
                djet[i, r, b] = 0.0
        for n in range(second.shape[0]):
            for b in range(rows):
                dsecond[n, b] = 0.0
        for n in range(size):
            for b in range(rows):
                dmixed[n, b], dcubes[n, b] = 0.0, 0.0
        for o in range(outputs):
            for r in range(1, channels):
                for b in range(rows):
                    djet[i, r, b] += g[o, r, b] * edges[1, i, o, b]
            for n in range(second.shape[0]):
                for b in range(rows):
                    dsecond[n, b] += g[o, seconds + n, b] * edges[2, i, o, b]
            for n in range(size):
                for b in range(rows):
                    dmixed[n, b] += g[o, thirds + n, b] * edges[2, i, o, b]
                    dcubes[n, b] += g[o, thirds + n, b] * edges[3, i, o, b]
        for q in range(pairs.shape[0]):
            n, a, c = pairs[q, 0], pairs[q, 1], pairs[q, 2]
            for b in range(rows):
                d, x, y = dsecond[n, b], jet[i, a, b], jet[i, c, b]
                djet[i, a, b] += d * y
                djet[i, c, b] += d * x
        for n in range(size):
            u, v, w = triples[n, 0], triples[n, 1], triples[n, 2]
            vw, uw, uv = triples[n, 3], triples[n, 4], triples[n, 5]
            for b in range(rows):
                d, e, x, y, z = dmixed[n, b], dcubes[n, b], jet[i, u, b], jet[i, v, b], jet[i, w, b]
                yz, xz, xy = jet[i, vw, b], jet[i, uw, b], jet[i, uv, b]
                djet[i, u, b] += d * yz + e * y * z
                djet[i, v, b] += d * xz + e * x * z
                djet[i, w, b] += d * xy + e * x * y
                djet[i, vw, b] += d * x
                djet[i, uw, b] += d * y
                djet[i, uv, b] += d * z
