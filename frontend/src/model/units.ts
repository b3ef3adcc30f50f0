// Between what the user knows and what the network sees.
import type { Variable } from "./payload.ts";

/** How near to the ends of a bent scale one gets: they stand for infinity. */
const NEAREST = 1 - 1e-9;

/** From the network's unit to the user's. */
export function toUser({ shift, scale, bend }: Variable, seen: number): number {
  if (bend === null) return seen * scale + shift;
  const share = Math.min(Math.max(seen / bend, -NEAREST), NEAREST);
  return (seen / Math.sqrt(1 - share ** 2)) * scale + shift;
}

/** From the user's unit to the network's; `bend` softens outliers: `z / sqrt(1 + (z / bend)^2)`. */
export function toNetwork({ shift, scale, bend }: Variable, value: number): number {
  const z = (value - shift) / scale;
  return bend === null ? z : z / Math.sqrt(1 + (z / bend) ** 2);
}
