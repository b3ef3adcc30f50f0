// What training has shown so far: every loss, and as many networks as fit in memory.
import { decodeNet, type Net } from "../model/payload.ts";

/** Networks kept; when there are more, every second old one goes. */
const MOST_NETS = 240;

export interface Moment {
  readonly step: number;
  readonly train: number | null;
  readonly validation: number | null;
  readonly event: string | null;
  /** As it came; decoded when looked at. */
  model: unknown;
}

export class History {
  readonly moments: Moment[] = [];
  #nets = 0;

  /** A message of the host; false if it is no frame. */
  receive(message: unknown): boolean {
    const frame = message as Record<string, unknown> | null;
    if (typeof frame !== "object" || frame === null || frame.type !== "frame" || typeof frame.step !== "number") return false;
    const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);
    const last = this.moments[this.moments.length - 1];
    if (last && frame.step < last.step) this.moments.length = this.#nets = 0; // another run
    this.moments.push({
      step: frame.step,
      train: number(frame.train_loss),
      validation: number(frame.validation_loss),
      event: typeof frame.event === "string" ? frame.event : null,
      model: frame.model,
    });
    this.#nets += 1;
    if (this.#nets > MOST_NETS) this.#thin();
    return true;
  }

  /** The network of the moment, or of the nearest one before it that is kept. */
  netAt(index: number): Net | null {
    for (let n = Math.min(index, this.moments.length - 1); n >= 0; n--) {
      if (this.moments[n].model != null) return decodeNet(this.moments[n].model);
    }
    return null;
  }

  #thin(): void {
    let every = 0;
    for (const moment of this.moments.slice(0, -1)) {
      if (moment.model != null && moment.event === null && every++ % 2) {
        moment.model = null;
        this.#nets -= 1;
      }
    }
  }
}
