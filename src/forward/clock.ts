/** The clock of the forwarder: every wait of this room goes through it, so that tests move it by hand. */

export interface Clock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** Returns what `clearTimeout` takes. A timer never keeps the process alive. */
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};
