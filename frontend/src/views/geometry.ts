// Where everything lies in the picture of the network; pure numbers, shared by SVG, Canvas and the tests.
//
// Levels of nodes stand one behind the other. Between two levels the functions of the edges lie as tiles: in one column if
// that leaves them legible, in two with a shift, or in a lattice of more. A wire runs from the node to the tile and on to
// the sum it feeds, and never behind a tile: it passes other columns straight, through the gaps of a shifted column or
// along the lanes between the rows of a lattice.
// Lengths are in CSS pixels at zoom 1. "Along" runs with the signal, "across" is square to it.
import { type EdgeId, levelSize, type Net } from "../model/payload.ts";
import { nodeOfSum } from "../model/wording.ts";

export interface Point {
  x: number;
  y: number;
}

export interface NodeSpot extends Point {
  level: number;
  node: number;
  isProduct: boolean;
}

export interface TileSpot extends Point {
  edge: EdgeId;
  /** The straight parts of its wire, before and after: start and end, or nothing where no column is in the way. */
  lanes: readonly (readonly Point[])[];
}

export interface Scene {
  /** Signal runs from top to bottom, on narrow screens; else from left to right. */
  vertical: boolean;
  width: number;
  height: number;
  /** Half sizes of a tile. */
  tile: { w: number; h: number };
  nodes: NodeSpot[][];
  /** Per layer, where its sums lie: at their node, or before it as a factor of a product. */
  sums: Point[][];
  tiles: TileSpot[];
  /** Room across per node of every level, to decide on labels. */
  spacing: number[];
}

const [SMALLEST, LARGEST] = [7, 84];
/** Tiles in one column may be this small before a second one is opened, in two before a lattice is made. */
const LEAST_PITCH = [42, 32];
/** Tiles of a lattice get no larger. */
const LATTICE_PITCH = 46;
const ASPECT = 1.4; // width over height of a tile's place
const FILL = 0.84; // of its place

/** Lay the network out in a frame of this size; `labels` is the room for names before inputs and after outputs. */
export function layOut(
  net: Net,
  edges: readonly EdgeId[],
  frame: { width: number; height: number },
  labels: readonly [number, number],
): Scene {
  const vertical = frame.width < 0.85 * frame.height;
  const [along, across] = vertical ? [frame.height, frame.width] : [frame.width, frame.height];
  const perLayer = net.layers.map((_, l) => edges.filter((edge) => edge[0] === l));
  const stretch = vertical ? 1 / ASPECT : ASPECT; // of a tile's place along the signal
  const gap = Math.max(26, Math.min(78, along * 0.055));
  const room = along - labels[0] - labels[1] - 2 * gap * net.layers.length;
  const pitch = largestPitch(perLayer.map((own) => own.length), room, across - 16, stretch);
  const rows = Math.max(1, rowsOf(pitch, across - 16));

  const scene: Scene = {
    vertical,
    width: frame.width,
    height: frame.height,
    tile: { w: 0, h: 0 },
    nodes: [],
    sums: [],
    tiles: [],
    spacing: [],
  };
  const long = pitch * stretch;
  const columns = perLayer.map((own) => Math.max(1, Math.ceil(own.length / rows)));
  const used = columns.reduce((sum, c) => sum + c * long, 0);
  const spare = Math.max(0, room - used) / (2 * net.layers.length);
  const step = gap + Math.min(spare, 90);
  const total = used + 2 * step * net.layers.length;
  let position = labels[0] + Math.max(0, (along - labels[0] - labels[1] - total) / 2);
  addLevel(scene, net, 0, position, across);
  perLayer.forEach((own, l) => {
    position += step;
    addTiles(scene, own, columns[l], position, across, pitch, long);
    position += columns[l] * long + step;
    addLevel(scene, net, l + 1, position, across);
    scene.sums.push(sumsBefore(scene, net, l, step));
  });
  const [w, h] = vertical ? [pitch, long] : [long, pitch];
  scene.tile = { w: (w * FILL) / 2, h: (h * FILL) / 2 };
  return vertical ? turned(scene) : scene;
}

/** The largest pitch across at which all lattices fit into the room along, with as few columns as are legible. */
function largestPitch(counts: readonly number[], room: number, across: number, stretch: number): number {
  const most = Math.max(...counts, 1);
  const few = [across / most, across / (Math.ceil(most / 2) + 0.5)].find((pitch, n) => pitch >= LEAST_PITCH[n]);
  const start = few ? Math.min(few, LARGEST) : LATTICE_PITCH;
  for (let pitch = start; pitch > SMALLEST; pitch -= 0.5) {
    const rows = rowsOf(pitch, across);
    if (rows < 1) continue;
    const columns = counts.reduce((sum, count) => sum + Math.max(1, Math.ceil(count / rows)), 0);
    if (columns * pitch * stretch <= room) return pitch;
  }
  return SMALLEST;
}

function rowsOf(pitch: number, across: number): number {
  return Math.floor(across / pitch + 1e-9);
}

function addLevel(scene: Scene, net: Net, level: number, along: number, across: number): void {
  const count = levelSize(net.nodes[level]);
  const spacing = Math.min(across / count, 130);
  const start = across / 2 - ((count - 1) / 2) * spacing;
  scene.spacing.push(spacing);
  scene.nodes.push(
    Array.from({ length: count }, (_, node) => ({
      level,
      node,
      isProduct: node >= net.nodes[level][0],
      x: along,
      y: start + node * spacing,
    })),
  );
}

/** Row by row, so that edges of one input stay together and near its height. */
function addTiles(
  scene: Scene, own: readonly EdgeId[], columns: number, along: number, across: number, pitch: number, long: number,
): void {
  const rows = Math.ceil(own.length / columns);
  const halfRows = columns === 2 ? 0.5 : 0; // the second of two columns lies in the gaps of the first
  const roomy = Math.min(across / (rows + halfRows), pitch * 1.3);
  const start = across / 2 - ((rows - 1 + halfRows) / 2) * roomy;
  const [half, free] = [(pitch * FILL) / 2, columns > 2 ? (roomy - pitch * FILL) / 2 : 0];
  own.forEach((edge, n) => {
    const column = n % columns;
    const y = start + (Math.floor(n / columns) + column * halfRows) * roomy;
    const lane = (from: number, to: number, side: number): Point[] => {
      const passed = Math.abs(to - from); // columns; who passes more keeps farther from the row, so that lanes do not cross
      const across = y + (free && side * (half + (free * passed) / columns));
      return passed ? [from, to].map((end) => ({ x: along + end * long, y: across })) : [];
    };
    scene.tiles.push({ edge, x: along + (column + 0.5) * long, y, lanes: [lane(0, column, -1), lane(column + 1, columns, 1)] });
  });
}

function sumsBefore(scene: Scene, net: Net, l: number, step: number): Point[] {
  const nodes = scene.nodes[l + 1];
  const reach = Math.min(26, step * 0.45);
  const spread = Math.min(16, scene.spacing[l + 1] / (net.arity + 1));
  return Array.from({ length: net.layers[l].O }, (_, j) => {
    const { node, factor } = nodeOfSum(net, l, j);
    const { x, y } = nodes[node];
    return factor < 0 ? { x, y } : { x: x - reach, y: y + (factor - (net.arity - 1) / 2) * spread };
  });
}

/** The same picture with the signal running downwards. */
function turned(scene: Scene): Scene {
  const turn = <P extends Point>(p: P): P => ({ ...p, x: p.y, y: p.x });
  return {
    ...scene,
    nodes: scene.nodes.map((level) => level.map(turn)),
    sums: scene.sums.map((layer) => layer.map(turn)),
    tiles: scene.tiles.map((tile) => ({ ...turn(tile), lanes: tile.lanes.map((lane) => lane.map(turn)) })),
  };
}

/** The parts of a wire, as points: start, end and the two that bend it. */
export function wireOf(scene: Scene, { edge: [l, i, j], x, y, lanes: [first, second] }: TileSpot): [Point, Point, Point, Point][] {
  const { w, h } = scene.tile;
  const [before, after] = scene.vertical ? [{ x, y: y - h }, { x, y: y + h }] : [{ x: x - w, y }, { x: x + w, y }];
  const stops = [scene.nodes[l][i], ...first, before, after, ...second, scene.sums[l][j]];
  const tile = stops.indexOf(before);
  return stops.slice(1).flatMap((to, n) => (n === tile ? [] : [bend(scene, stops[n], to)]));
}

function bend({ vertical }: Scene, from: Point, to: Point): [Point, Point, Point, Point] {
  if (vertical) {
    const middle = (from.y + to.y) / 2;
    return [from, { x: from.x, y: middle }, { x: to.x, y: middle }, to];
  }
  const middle = (from.x + to.x) / 2;
  return [from, { x: middle, y: from.y }, { x: middle, y: to.y }, to];
}

/** Edges on paths through a node, in both directions. */
export function through(net: Net, level: number, node: number): (edge: EdgeId) => boolean {
  const reached = net.nodes.map((size) => new Array<boolean>(levelSize(size)).fill(false));
  reached[level][node] = true;
  const present = (l: number, i: number, j: number) => net.layers[l].mask[i * net.layers[l].O + j] !== 0;
  for (let l = level - 1; l >= 0; l--) {
    for (let i = 0; i < net.layers[l].I; i++) {
      for (let j = 0; j < net.layers[l].O; j++) {
        if (present(l, i, j) && reached[l + 1][nodeOfSum(net, l, j).node]) reached[l][i] = true;
      }
    }
  }
  for (let l = level; l < net.layers.length; l++) {
    for (let i = 0; i < net.layers[l].I; i++) {
      if (!reached[l][i]) continue;
      for (let j = 0; j < net.layers[l].O; j++) if (present(l, i, j)) reached[l + 1][nodeOfSum(net, l, j).node] = true;
    }
  }
  return ([l, i, j]) => reached[l][i] && reached[l + 1][nodeOfSum(net, l, j).node];
}
