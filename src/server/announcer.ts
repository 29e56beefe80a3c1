/** Tells the library's user what happens: in a later slice of work, so that a listener that throws harms no change. */
import type { EventEmitter } from 'node:events';
import type { Change } from '../catalog/change.ts';
import type { Problem } from '../model.ts';
import type { ChangesFollower } from '../watch/events.ts';
import type { SourceStatus } from './source-status.ts';

/** Events and their parameters. They come after the change that they tell of, never inside it. */
export interface ServerEvents {
  /** Every source has delivered a whole state, in this run or in the one that saved it. Once. */
  ready: [];
  /** A change is answerable. Of a transaction with more than 1,000, the first 1,000. */
  change: [change: Change];
  /** So many further changes of one transaction are answerable. */
  missed: [changes: number];
  /** A source has another state. */
  source: [status: SourceStatus];
  /** A source has delivered something that is wrong, or the saved view cannot be written. */
  problem: [source: string, problem: Problem];
}

export class Announcer implements ChangesFollower {
  private readonly events: EventEmitter<ServerEvents>;
  private wasReady = false;

  constructor(events: EventEmitter<ServerEvents>) {
    this.events = events;
  }

  get wanted(): boolean {
    return this.events.listenerCount('change') + this.events.listenerCount('missed') > 0;
  }

  committed(changes: readonly Change[], missed: number): void {
    queueMicrotask(() => {
      for (const change of changes) this.events.emit('change', change);
      if (missed > 0) this.events.emit('missed', missed);
    });
  }

  /** `isReady` is asked until it holds. */
  readiness(isReady: () => boolean): void {
    if (this.wasReady || !isReady()) return;
    this.wasReady = true;
    queueMicrotask(() => this.events.emit('ready'));
  }

  /** Nothing is copied where nobody listens. */
  source(status: () => SourceStatus): void {
    if (this.events.listenerCount('source') === 0) return;
    const now = status();
    queueMicrotask(() => this.events.emit('source', now));
  }

  problem(source: string, problem: Problem): void {
    if (this.events.listenerCount('problem') === 0) return;
    queueMicrotask(() => this.events.emit('problem', source, problem));
  }
}
