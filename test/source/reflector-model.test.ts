/**
 * The reflector against a server with a history, under any order of faults: what is visible is always a state that
 * the server really had, at the revision that the reflector would resume from.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StreamEvent } from '../../src/source/reflector/dialect.ts';
import { INITIAL, type Effect, type ReflectorEvent } from '../../src/source/reflector/state.ts';
import { step } from '../../src/source/reflector/reflector.ts';
import { MapSink } from './map-sink.ts';
import { keyOf, keyText, type Pod } from '../../src/model.ts';

/** One revision: names that are put (with a mark that shows the version) or deleted, all at once. */
type Change = { name: string; put: boolean }[];
type Action =
  | { do: 'change'; change: Change }
  /** The server says this many of the events that it has to say. */
  | { do: 'say'; events: number }
  | { do: 'cut' }
  | { do: 'gone' }
  | { do: 'stall' }
  | { do: 'garble' }
  | { do: 'repeat' }
  /** The server gives the full state instead of what it still had to say. */
  | { do: 'again' }
  | { do: 'timer' }
  /** The server starts over with another history, whose revisions are lower. */
  | { do: 'restore' };

const name = fc.constantFrom('a', 'b', 'c', 'd');
const change = fc.uniqueArray(fc.record({ name, put: fc.boolean() }), {
  minLength: 1,
  maxLength: 3,
  selector: (one) => one.name,
});
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('change' as const), change }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('say' as const), events: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'timer' as const }) },
  fc.constantFrom(
    { do: 'cut' as const },
    { do: 'gone' as const },
    { do: 'stall' as const },
    { do: 'garble' as const },
    { do: 'repeat' as const },
    { do: 'again' as const },
    { do: 'restore' as const },
  ),
);

class Model {
  readonly sink = new MapSink();
  /** Every state that the server ever had: `epoch:revision` → its content. */
  private readonly past = new Map<string, string>();
  private state = INITIAL;
  private epoch = 0;
  private revision = 10;
  private content = new Map<string, Pod>();
  private changes: { revision: number; change: Change; pods: Map<string, Pod> }[] = [];
  /** The connection: what the server still has to say on it; undefined without one. */
  private queue: StreamEvent[] | undefined;
  private last: StreamEvent | undefined;
  /** The epoch that the reflector's resume revision belongs to. */
  private resumeEpoch = 0;
  private now = 0;

  constructor() {
    this.remember();
    this.feed({ type: 'start' });
  }

  act(action: Action): void {
    this.now += 1000;
    switch (action.do) {
      case 'change':
        this.change(action.change);
        break;
      case 'say':
        for (let i = 0; i < action.events && this.queue !== undefined; i++) this.say();
        break;
      case 'timer':
        this.feed({ type: 'timer' });
        break;
      case 'cut':
      case 'gone':
        if (this.queue === undefined) break;
        this.queue = undefined;
        this.feed({
          type: 'lost',
          failure: action.do === 'cut' ? 'retry' : 'gone',
          reason: 'x',
          retryAfter: 0,
        });
        break;
      case 'stall':
        if (this.queue !== undefined) this.feed({ type: 'stall', reason: 'silence' });
        break;
      case 'garble':
        if (this.queue !== undefined) this.feed({ type: 'malformed', reason: 'garbled' });
        break;
      case 'repeat':
        if (this.queue !== undefined && this.last !== undefined) this.feed(this.last);
        break;
      case 'again':
        if (this.queue !== undefined) this.queue = this.fullState();
        break;
      case 'restore':
        this.epoch++;
        this.revision = 1;
        this.content = new Map();
        this.changes = [];
        this.remember();
        if (this.queue !== undefined) this.act({ do: 'cut' });
    }
    this.check();
  }

  /** Lets the world become quiet; then both sides must be equal. */
  settle(): void {
    for (let i = 0; i < 6; i++) {
      this.feed({ type: 'timer' });
      while (this.queue !== undefined && this.queue.length > 0) this.say();
    }
    this.check();
    expect(content(this.sink.visible)).toBe(content(this.content));
    expect(this.state).toMatchObject({ phase: 'watching', resume: String(this.revision) });
  }

  private check(): void {
    expect(this.sink.violations).toEqual([]);
    if (!this.state.synced) {
      expect(this.sink.visible.size).toBe(0);
    } else if (this.state.resume !== undefined) {
      const key = `${this.resumeEpoch}:${this.state.resume}`;
      expect(content(this.sink.visible)).toBe(this.past.get(key));
    } else {
      expect([...this.past.values()]).toContain(content(this.sink.visible));
    }
  }

  private change(change: Change): void {
    this.revision += 1 + (this.revision % 3);
    const pods = new Map(change.map(({ name }) => [name, this.pod(name)]));
    for (const { name, put } of change) {
      if (put) this.content.set(`pod v/n/${name}`, pods.get(name)!);
      else this.content.delete(`pod v/n/${name}`);
    }
    const entry = { revision: this.revision, change, pods };
    this.changes.push(entry);
    this.remember();
    this.queue?.push(...this.eventsOf(entry));
  }

  private pod(name: string): Pod {
    const aid = `p${this.epoch}-${this.revision}`;
    return {
      kind: 'pod',
      vpc: 'v',
      namespace: 'n',
      name,
      aid,
      names: [],
      overlays: [],
      ports: [],
      ready: true,
    };
  }

  private eventsOf(entry: { revision: number; change: Change; pods: Map<string, Pod> }): StreamEvent[] {
    const revision = String(entry.revision);
    return entry.change.map(({ name, put }, i): StreamEvent => {
      const more = i < entry.change.length - 1;
      const resource = entry.pods.get(name)!;
      if (put) return { type: 'put', revision, resource, more };
      return { type: 'delete', revision, key: keyOf(resource), more };
    });
  }

  private remember(): void {
    this.past.set(`${this.epoch}:${this.revision}`, content(this.content));
  }

  private connect(resume: string | undefined): void {
    if (resume !== undefined && this.resumeEpoch !== this.epoch) {
      // Proving the history is the dialect's part: it says "gone".
      this.feed({ type: 'lost', failure: 'gone', reason: 'another history', retryAfter: 0 });
      return;
    }
    this.queue = [{ type: 'connected', resumed: resume !== undefined }];
    if (resume === undefined) {
      this.queue.push(...this.fullState());
    } else {
      const later = this.changes.filter((entry) => entry.revision > Number(resume));
      this.queue.push(...later.flatMap((entry) => this.eventsOf(entry)));
    }
    this.queue.push({ type: 'bookmark', revision: String(this.revision) });
  }

  private fullState(): StreamEvent[] {
    const revision = String(this.revision);
    const puts = [...this.content.values()].map((resource): StreamEvent => ({
      type: 'put',
      revision,
      resource,
      more: false,
    }));
    return [{ type: 'snapshot', revision }, ...puts, { type: 'synced', revision }];
  }

  private say(): void {
    const event = this.queue!.shift();
    if (event === undefined) return;
    this.last = event;
    this.feed(event);
    if (event.type === 'synced') this.resumeEpoch = this.epoch;
  }

  private feed(event: ReflectorEvent): void {
    const effects: Effect[] = [];
    this.state = step(this.state, event, this.now, effects);
    for (const effect of effects) this.perform(effect);
  }

  private perform(effect: Effect): void {
    if (effect.type === 'begin') this.sink.begin(effect.full, effect.revision);
    else if (effect.type === 'put') this.sink.put(effect.resource);
    else if (effect.type === 'delete') this.sink.delete(effect.key);
    else if (effect.type === 'keep') this.sink.keep(effect.key);
    else if (effect.type === 'commit') void this.sink.commit();
    else if (effect.type === 'rollback') this.sink.rollback();
    else if (effect.type === 'bookmark') this.sink.bookmark(effect.revision);
    else if (effect.type === 'connect') this.connect(effect.resume);
    else if (effect.type === 'disconnect') this.queue = undefined;
  }
}

function content(resources: Map<string, unknown>): string {
  const pods = [...resources.values()] as Pod[];
  return pods
    .map((pod) => `${keyText(keyOf(pod))}=${pod.aid}`)
    .sort()
    .join(' ');
}

test('under any faults the view is a state that was, and in the end the state that is', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const model = new Model();
      for (const one of actions) model.act(one);
      model.settle();
    }),
    { numRuns: 1500 },
  );
});
