/**
 * The services of a swarm, where the engine is a manager. They are few, so all are listed whenever something has
 * happened to one of them.
 */
import type { Clock } from '../../base/clock.ts';
import type { EngineClient } from './client.ts';
import { serviceFacts, type ServiceFacts } from './facts.ts';

export interface ServicesOptions {
  client: Pick<EngineClient, 'listOfSwarm'>;
  clock: Clock;
  /** The services as the engine lists them now; each list began after the one before had been reported. */
  report: (services: readonly ServiceFacts[]) => void;
}

/** Milliseconds after the last event of a service until one more list: the swarm gives addresses out after some events. */
const AFTER_EVENT = 500;

export class Services {
  private readonly options: ServicesOptions;
  private last: Promise<void> = Promise.resolve();
  /** A list that has not begun yet, for all who have asked for one meanwhile. */
  private next: Promise<void> | undefined;
  private timer: unknown;
  private closed = false;

  constructor(options: ServicesOptions) {
    this.options = options;
  }

  /** Resolves when a list that began after this call has been reported, or has failed; never rejects. */
  read(): Promise<void> {
    this.next ??= this.last.then(() => {
      this.next = undefined;
      return this.list();
    });
    this.last = this.next;
    return this.next;
  }

  /** Something has happened to a service. */
  changed(): void {
    if (this.closed) return;
    const { clock } = this.options;
    void this.read();
    clock.clearTimeout(this.timer);
    this.timer = clock.setTimeout(() => void this.read(), AFTER_EVENT);
  }

  close(): void {
    this.closed = true;
    this.options.clock.clearTimeout(this.timer);
  }

  private async list(): Promise<void> {
    const services: ServiceFacts[] = [];
    try {
      await this.options.client.listOfSwarm('/services', (value) => {
        const facts = serviceFacts(value);
        if (typeof facts !== 'string') services.push(facts);
      });
    } catch {
      // A swarm without a leader, for one: what it said last stays until the next list.
      return;
    }
    if (!this.closed) this.options.report(services);
  }
}
