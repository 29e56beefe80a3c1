/** The same line again is counted, and said again at growing distance: a fault that repeats must not fill a disk. */
import type { Logger } from './logger.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

/** So often the same line is said as it comes. */
const FREELY = 3;
/** Milliseconds until it is said again, doubled up to the most. */
const FIRST = 60_000;
const MOST = 3_600_000;
/** Different lines that are remembered. */
const LINES = 1000;

interface Said {
  times: number;
  /** Not said since. */
  kept: number;
  next: number;
  distance: number;
  last: number;
}

/** `now`: milliseconds that only go on. */
export function quietLogger(logger: Logger, now: () => number): Required<Logger> {
  const lines = new Map<string, Said>();

  const say = (level: Level, details: object, text: string): void => {
    const key = `${level} ${text}`;
    const time = now();
    let line = lines.get(key);
    // What has not come for as long as it would have been kept back is new.
    if (line === undefined || time - line.last >= Math.max(FIRST, line.distance))
      line = { times: 0, kept: 0, next: 0, distance: FIRST, last: time };
    line.last = time;
    lines.delete(key);
    lines.set(key, line);
    if (lines.size > LINES) lines.delete(lines.keys().next().value!);
    line.times++;
    if (line.times <= FREELY) {
      if (line.times === FREELY) line.next = time + line.distance;
      logger[level]?.(details, text);
    } else if (time < line.next) line.kept++;
    else {
      const repeated = line.kept + 1;
      line.kept = 0;
      line.distance = Math.min(MOST, 2 * line.distance);
      line.next = time + line.distance;
      logger[level]?.({ ...details, repeated }, text);
    }
  };
  return {
    debug: (details, text) => say('debug', details, text),
    info: (details, text) => say('info', details, text),
    warn: (details, text) => say('warn', details, text),
    error: (details, text) => say('error', details, text),
  };
}
