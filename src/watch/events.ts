/**
 * Tells listeners of every change as it becomes answerable; a listener that does not keep up misses some, and is told
 * so.
 */
import type { Change } from '../catalog/change.ts';
import { eventLine } from './watch-encoding.ts';
import type { WatchOutput } from './watch-reader.ts';

/** Changes of one revision that are told one by one; of a larger one the rest is only counted. */
const MOST = 1000;

interface Listener {
  output: WatchOutput;
  blocked: boolean;
  missed: number;
}

/** What the owner of a listener's connection calls. */
export interface EventListener {
  /** The connection takes octets again. */
  drained(): void;
  /** The connection is closed. */
  left(): void;
}

/** Is told of changes as they are, not as lines. */
export interface ChangesFollower {
  /** False: changes need not be kept for it. */
  readonly wanted: boolean;
  /** What has become visible; `missed` counts what is not among `changes`. */
  committed(changes: readonly Change[], missed: number): void;
}

export class Events {
  private readonly listeners = new Set<Listener>();
  private readonly follower: ChangesFollower | undefined;
  private readonly wallClock: () => number;
  private lines: Change[] = [];
  private count = 0;

  /** Milliseconds since 1970. */
  constructor(wallClock: () => number, follower?: ChangesFollower) {
    this.wallClock = wallClock;
    this.follower = follower;
  }

  get size(): number {
    return this.listeners.size;
  }

  listen(output: WatchOutput): EventListener {
    const listener: Listener = { output, blocked: false, missed: 0 };
    this.listeners.add(listener);
    return {
      drained: () => {
        listener.blocked = false;
        if (listener.missed === 0) return;
        listener.blocked = !output.write(Buffer.from(missedLine(listener.missed)));
        listener.missed = 0;
      },
      left: () => void this.listeners.delete(listener),
    };
  }

  /** One change of a revision that is not visible yet. */
  change(change: Change): void {
    if (this.listeners.size === 0 && this.follower?.wanted !== true) return;
    this.count++;
    if (this.lines.length < MOST) this.lines.push(change);
  }

  /** The revision is visible. */
  commit(): void {
    const { count, lines } = this;
    if (count === 0) return;
    this.count = 0;
    this.lines = [];
    this.follower?.committed(lines, count - lines.length);
    if (this.listeners.size === 0) return;
    const now = this.wallClock();
    let text = lines.map((change) => eventLine(change, now)).join('');
    if (count > lines.length) text += missedLine(count - lines.length);
    const bytes = Buffer.from(text);
    for (const listener of this.listeners) {
      if (listener.blocked) listener.missed += count;
      else listener.blocked = !listener.output.write(bytes);
    }
  }

  /** Something else that has happened, told at once; `time` is added. */
  tell(event: { type: string } & Record<string, unknown>): void {
    if (this.listeners.size === 0) return;
    const { type, ...rest } = event;
    const time = new Date(this.wallClock()).toISOString();
    const bytes = Buffer.from(`${JSON.stringify({ type, time, ...rest })}\n`);
    for (const listener of this.listeners) {
      if (listener.blocked) listener.missed++;
      else listener.blocked = !listener.output.write(bytes);
    }
  }

  close(): void {
    for (const { output } of this.listeners) output.cut();
    this.listeners.clear();
  }
}

function missedLine(changes: number): string {
  return `{"type":"missed","changes":${changes}}\n`;
}
