/** Control planes that only have a state, nodes that hear of it in different ways, and what each of them says. */
import { encodeQuery } from '../harness/build.ts';
import { parseWire } from '../harness/wire.ts';
import { PLACED, type Operation, type Step } from '../catalog/model.ts';
import type { Clock } from '../../src/base/clock.ts';
import { ServerCore } from '../../src/server.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import { keyOf, keyText, type Resource, type Source } from '../../src/model.ts';
import { changeEvent, putEvent } from '../../src/source/etcd/events.ts';
import { StreamError, type Dialect, type StreamEvent } from '../../src/source/reflector/dialect.ts';
import { reflectorSource } from '../../src/source/reflector/run.ts';
import { eventOfLine } from '../../src/source/watch/protocol.ts';

/** Time stands still; what is due at once runs in the next turn. */
const CLOCK: Clock = {
  now: () => 0,
  setTimeout: (run, ms) => (ms > 0 ? undefined : setImmediate(run)),
  clearTimeout: (timer) => clearImmediate(timer as NodeJS.Immediate | undefined),
};

/** What is done to one object: `again` writes what is there, `break` something that is not valid. */
export interface Deed {
  object: Resource;
  how: 'put' | 'again' | 'break' | 'delete';
  /** For the plane that gives stamps where it likes; undefined: none. */
  stamp: string | undefined;
}

interface Entry {
  created: bigint;
  revision: bigint;
  stamp: string | undefined;
  object: object;
  /** As it was last valid: what a node that has heard of it keeps. */
  good: { resource: Resource; revision: bigint; stamp: string | undefined } | undefined;
}

/** The events of one connection. */
class Wire {
  private batches: (StreamEvent[] | undefined)[] = [];
  private wake: (() => void) | undefined;

  push(batch: StreamEvent[] | undefined): void {
    this.batches.push(batch);
    this.wake?.();
  }

  /** Until undefined was pushed. */
  async *read(signal: AbortSignal): AsyncGenerator<StreamEvent[]> {
    signal.addEventListener('abort', () => this.wake?.(), { once: true });
    for (;;) {
      while (this.batches.length > 0) {
        const batch = this.batches.shift();
        if (batch === undefined) throw new StreamError('gone', 'list again');
        yield batch;
      }
      if (signal.aborted) return;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

const PREFIX = '/podns/';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

export class Plane {
  readonly entries = new Map<string, Entry>();
  readonly kind: 'etcd' | 'ages' | 'order';
  private readonly wires = new Set<Wire>();
  /** All that happened since, for those who go on where they were. */
  private history: { revision: bigint; events: StreamEvent[] }[] = [];
  private since = 0n;
  revision: bigint;

  /** `ages`: a watch stream with the stamps of VPCs; `order`: one without. `start`: the revision before the first. */
  constructor(kind: 'etcd' | 'ages' | 'order', start: bigint) {
    this.kind = kind;
    this.revision = start;
  }

  /** `resumes`: one that goes on after a restart where it was. */
  source(name: string, resumes = false): { source: Source; again(): void } {
    let wire = new Wire();
    const connect = async function* (
      plane: Plane,
      from: string | undefined,
      signal: AbortSignal,
    ): AsyncGenerator<StreamEvent[]> {
      plane.wires.delete(wire);
      wire = new Wire();
      plane.wires.add(wire);
      yield from === undefined ? plane.list() : plane.after(from);
      yield* wire.read(signal);
    };
    const dialect: Dialect = {
      stallAfter: 0,
      connect: (from, signal) => connect(this, from, signal),
      proof: () => (resumes ? 'whatever it was' : undefined),
      resume: () => resumes,
    };
    const source = reflectorSource(name, dialect, { clock: CLOCK, random: () => 0 });
    return { source, again: () => wire.push(undefined) };
  }

  /** One revision. */
  change(deeds: Deed[]): void {
    const wanted = deeds.filter(
      ({ object, how }) => how === 'put' || how === 'break' || this.entries.has(keyText(keyOf(object))),
    );
    if (wanted.length === 0) return;
    this.revision++;
    const events = wanted.map((deed, i) => this.do(deed, i + 1 < wanted.length));
    this.history.push({ revision: this.revision, events });
    for (const wire of this.wires) wire.push(events);
  }

  /** Restored from somewhere, say: it lists in another order, and nobody can go on from before. */
  reverse(): void {
    const entries = [...this.entries].reverse();
    this.entries.clear();
    for (const [key, entry] of entries) this.entries.set(key, entry);
    this.since = ++this.revision;
    this.history = [];
    for (const wire of this.wires) wire.push(undefined);
  }

  private do({ object, how, stamp }: Deed, more: boolean): StreamEvent {
    const key = keyText(keyOf(object));
    const old = this.entries.get(key);
    const { revision } = this;
    if (how === 'delete') {
      this.entries.delete(key);
      return this.gone(object, old!, more);
    }
    const said =
      how === 'again' ? old!.object : how === 'put' ? object : { ...object, ...BROKEN[object.kind] };
    const valid = said === object || (how === 'again' && said === old!.good?.resource);
    const entry: Entry = {
      created: old?.created ?? revision,
      revision,
      stamp,
      object: said,
      good: old?.good,
    };
    if (valid) entry.good = { resource: said as Resource, revision, stamp };
    this.entries.set(key, entry);
    return this.event(entry, more);
  }

  private event(entry: Entry, more: boolean): StreamEvent {
    const { object, revision } = entry;
    if (this.kind === 'etcd') return putEvent(this.kv(entry), { prefix: PREFIX, zone: undefined }, more);
    const stamp = this.stampOf(entry.object as Resource, entry);
    return this.line({ type: 'put', revision: String(revision), stamp, object, more });
  }

  private stampOf({ kind }: Resource, entry: Pick<Entry, 'created' | 'stamp'>): string | undefined {
    if (kind !== 'vpc') return this.kind === 'etcd' ? undefined : entry.stamp;
    return this.kind === 'order' ? undefined : String(entry.created);
  }

  private gone(object: Resource, entry: Entry, more: boolean): StreamEvent {
    if (this.kind !== 'etcd')
      return this.line({ type: 'delete', revision: String(this.revision), object, more });
    const kv = { key: this.kv(entry).key, mod_revision: String(this.revision) };
    return changeEvent({ type: 'DELETE', kv }, { prefix: PREFIX, zone: undefined }, more);
  }

  private line(value: object): StreamEvent {
    return eventOfLine({ number: 1, text: JSON.stringify(value) }, undefined);
  }

  private kv({ object, created, revision }: Entry): Parameters<typeof putEvent>[0] {
    const { kind, vpc, namespace, name } = keyOf(object as Resource);
    const path = kind === 'vpc' ? `${vpc}/vpc` : `${vpc}/${kind}/${namespace}/${name}`;
    return {
      key: base64(PREFIX + path),
      value: base64(JSON.stringify(object)),
      create_revision: String(created),
      mod_revision: String(revision),
    };
  }

  private listed(): Entry[] {
    const entries = [...this.entries.values()];
    if (this.kind !== 'etcd') return entries;
    // etcd lists by key.
    return entries.sort((one, other) => (this.kv(one).key < this.kv(other).key ? -1 : 1));
  }

  private list(): StreamEvent[] {
    const revision = String(this.revision);
    const objects = this.listed().map((entry) => this.event(entry, false));
    return [{ type: 'snapshot', revision }, ...objects, { type: 'synced', revision }];
  }

  /** Nobody can go on from all that ever was. */
  get hasForgotten(): boolean {
    return this.since > 0n;
  }

  private after(from: string): StreamEvent[] {
    if (BigInt(from) < this.since) throw new StreamError('gone', 'list again');
    const missed = this.history.filter(({ revision }) => revision > BigInt(from));
    return [{ type: 'connected', resumed: true }, ...missed.flatMap(({ events }) => events)];
  }

  /** Some key has a version that is not valid. */
  get isBroken(): boolean {
    return [...this.entries.values()].some(({ object, good }) => good?.resource !== object);
  }

  /** The state and nothing else. */
  step(source: string): Step {
    const operations = this.listed().flatMap((entry): Operation[] => {
      const { good, object } = entry;
      if (good === undefined)
        return [{ keep: object as Resource, stamp: this.stampOf(object as Resource, entry) }];
      const { resource, revision } = good;
      const stamp =
        resource.kind === 'vpc'
          ? this.stampOf(resource, entry)
          : this.stampOf(resource, { ...entry, ...good });
      return [{ put: resource, revision: String(revision), stamp }];
    });
    return { source, full: true, revision: String(this.revision), operations };
  }
}

const BROKEN: Partial<Record<Resource['kind'], object>> = {
  vpc: { net6: ['nonsense'] },
  pod: { ip6: 'nonsense' },
};

/** Reads the watch stream of another node. */
export function relayed(of: ServerCore): { source: Source; again(): void } {
  let wire = new Wire();
  const connect = async function* (signal: AbortSignal): AsyncGenerator<StreamEvent[]> {
    wire = new Wire();
    const mine = wire;
    let rest = '';
    let number = 0;
    // A list that nobody reads any more is forgotten, so that this reader gets one of what is there now.
    of.subscribers.watchServer.tick();
    const reader = of.subscribers.watchServer.open({ vpcs: [] }, () => ({
      write(bytes) {
        const lines = (rest + Buffer.from(bytes).toString()).split('\n');
        rest = lines.pop()!;
        mine.push(lines.map((text) => eventOfLine({ number: ++number, text }, undefined)));
        return true;
      },
      cut: () => mine.push(undefined),
    }));
    if (typeof reader === 'string') throw new StreamError('retry', reader);
    try {
      yield* mine.read(signal);
    } finally {
      reader.left();
    }
  };
  const dialect: Dialect = { stallAfter: 0, connect: (_, signal) => connect(signal) };
  const source = reflectorSource('watch:watchServer', dialect, { clock: CLOCK, random: () => 0 });
  return { source, again: () => wire.push(undefined) };
}

const RESERVE = { arena: 1 << 20, names: 1 << 18, addresses: 1 << 18 };
const NOW = 1_795_000_000_000;

/** A node, its sources' names to the revisions they must reach, and how to make them list again. */
export class Node {
  readonly server: ServerCore;
  private readonly reach: Map<string, () => string>;
  private readonly agains: (() => void)[];

  constructor(
    feeds: { source: Source; again(): void; reach: () => string }[],
    state = '',
    { config = {}, ...more }: ServerOptions = {},
  ) {
    this.reach = new Map(feeds.map(({ source, reach }) => [source.name, reach]));
    this.agains = feeds.map(({ again }) => again);
    this.server = new ServerCore({
      config: { admin: 'off', workers: 0, forward: 'off', state, ...config },
      sources: feeds.map(({ source }) => source),
      reserve: RESERVE,
      wallClock: () => NOW,
      ...more,
    });
  }

  /** Has everything that its sources have said. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20_000; turn++) {
      const status = this.server.status();
      const isThere = status.every(
        ({ name, revision, state }) => state === 'live' && revision === this.reach.get(name)!(),
      );
      if (isThere && status.length === this.reach.size) return this.server.settled();
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error(`never there: ${JSON.stringify(this.server.status())}`);
  }

  async again(): Promise<void> {
    for (const again of this.agains) again();
    // The lists that follow may say the revision that was reached before.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    await this.settle();
  }

  /** Rcode and data. */
  async ask(name: string, type: string, client: { address: string; scope?: string }): Promise<string> {
    const answer = await this.server.answer(encodeQuery({ name, type }), client);
    if (answer === undefined) return 'dropped';
    const { rcode, answer: records } = parseWire(answer);
    return [rcode, ...records.map(({ text }) => text).sort()].join(' ');
  }

  /** The VPC to which a source address belongs, by its own `_whoami`. */
  async vpcOf(address: string): Promise<string | undefined> {
    return /vpc=([a-z]+)/.exec(await this.ask('_whoami.vpc.internal', 'TXT', { address }))?.[1];
  }

  /** The stamps that claims are compared by; of VPCs only what is not a mere place. */
  stamps(): Record<string, string> {
    const stamps: Record<string, string> = {};
    for (const record of this.server.catalog.effective()) {
      if (record === undefined) continue;
      const { resource, stamp } = record;
      stamps[keyText(keyOf(resource))] =
        stamp >= PLACED && resource.kind === 'vpc' ? 'placed' : String(stamp);
    }
    return stamps;
  }
}
