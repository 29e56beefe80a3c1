/** Responders in threads beside a writer under random changes: every answer is that of some whole revision. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Responder } from '../../src/answer/responder.ts';
import { parseAddress } from '../../src/dns/address.ts';
import { MemoryFullError, Readers, reserveMemory } from '../../src/trie/memory.ts';
import { SYNC_LIVE } from '../../src/trie/layout.ts';
import { View } from '../../src/trie/read/view.ts';
import { makeCrowdsAbove, OwnWriter } from '../harness/own-writer.ts';
import { ANSWER_SETTINGS } from '../harness/answer-settings.ts';
import { encodeQuery } from '../harness/build.ts';
import { propertySeed } from '../seed.ts';
import { PREFIXES, VPCS, op } from '../trie/changes.ts';
import type { Op } from '../trie/changes.ts';
import { Asker } from './questions.mjs';
import type { Question } from './questions.mjs';

const DIST = new URL('../../dist/', import.meta.url).href;
const QUERIES = 1_200_000;
const REVISIONS = 3000;
/** Revisions whose answers are kept: no reader is that far behind. */
const KEPT = 4096;
const STOP = 0;
const BEGUN = 1;
const DIGESTED = 2;
const BATCHES = 8;

interface Report {
  batches: number;
  faults: string[];
  /** Different revisions that it has seen. */
  seen: number;
}

function octets(address: string): Uint8Array {
  const bytes = new Uint8Array(16);
  parseAddress(address, bytes, 0);
  return bytes;
}

function questions(): Question[] {
  const list: Question[] = [];
  const ask = (vpc: string, namespace: string, from: string, name: string, type: string): void => {
    const packet = encodeQuery({ id: (list.length * 977) & 0xffff, name, type, edns: {} });
    list.push({ packet, vpc, namespace, address: octets(from) });
  };
  for (const vpc of VPCS) {
    for (const namespace of ['alpha', 'beta']) {
      for (const name of ['db', 'app', 'web', 'x.y', 'v.u', 'db.alpha', 'web.beta', 'db.web.alpha']) {
        ask(vpc, namespace, '192.0.2.1', name, 'AAAA');
        ask(vpc, namespace, '192.0.2.1', name, 'A');
      }
      ask(vpc, namespace, '192.0.2.1', '_http._tcp.db', 'SRV');
      ask(vpc, namespace, '192.0.2.1', 'nobody', 'AAAA');
      for (const address of ['1.0.0.10.in-addr.arpa', `1.${'0.'.repeat(27)}1.0.d.f.ip6.arpa`])
        ask(vpc, namespace, '192.0.2.1', address, 'PTR');
    }
    // Who asks is found by an address that comes and goes and has several holders.
    for (const from of ['10.0.0.1', 'fd42::1', 'fd01::1']) {
      ask(vpc, '', from, 'db', 'AAAA');
      ask(vpc, '', from, 'web', 'A');
    }
  }
  return list;
}

class World {
  readonly memory = reserveMemory({ names: 1 << 20, addresses: 1 << 20, arena: 1 << 22 });
  readonly writer = new OwnWriter(this.memory, { ...ANSWER_SETTINGS, canForward: false, now: () => 1 });
  readonly view = new View(this.memory);
  readonly responder = new Responder(this.view, ANSWER_SETTINGS, () => 1);
  private readonly asker: Asker;
  private readonly digests: Int32Array;
  private readonly flags: Int32Array;
  revision = 0;

  constructor(asker: Asker, digests: Int32Array, flags: Int32Array) {
    // Some names are sets then, some crowds, and change from one to the other.
    makeCrowdsAbove(this.writer, 2);
    this.asker = asker;
    this.digests = digests;
    this.flags = flags;
    this.writer.setSync(SYNC_LIVE);
  }

  /** One revision: all of it or nothing is to be seen. */
  apply(ops: readonly Op[]): void {
    const { flags } = this;
    Atomics.store(flags, BEGUN, this.revision + 1);
    this.writer.begin();
    for (const one of ops) this.change(one);
    this.writer.commit();
    this.revision++;
    this.view.refresh();
    this.asker.ask(this.responder);
    this.digests.set(this.asker.digest, (this.revision % KEPT) * this.asker.digest.length);
    Atomics.store(flags, DIGESTED, this.revision);
    Atomics.notify(flags, DIGESTED);
  }

  private change(one: Op): void {
    try {
      if ('put' in one) this.writer.put(one.put, one.stamp);
      else if ('remove' in one) this.writer.remove(one.remove);
      else {
        VPCS.forEach((name, i) => {
          const net6 = PREFIXES.filter((_, p) => one.prefixes[p] === i);
          this.writer.put({ kind: 'vpc', name, net6, services6: [] }, one.stamp);
        });
      }
    } catch (error) {
      if (!(error instanceof MemoryFullError)) throw error;
    }
  }
}

/** So that the listeners' VPCs and namespaces are there always: an unknown client is refused at a rate. */
const ANCHORS: Op[] = VPCS.flatMap((vpc) =>
  ['alpha', 'beta'].map((namespace) => ({
    put: {
      kind: 'service' as const,
      vpc,
      namespace,
      name: 'anchor',
      aid: 's0000000000',
      names: [],
      ports: [],
    },
    stamp: 1n,
  })),
);

describe('responders in threads', () => {
  test(
    'give the answers of whole revisions only, each batch those of one',
    { timeout: 120_000 },
    async () => {
      const asked = questions();
      const asker = new Asker(asked);
      const digests = new Int32Array(new SharedArrayBuffer(KEPT * asker.digest.byteLength));
      const flags = new Int32Array(new SharedArrayBuffer(512));
      const world = new World(asker, digests, flags);
      world.apply(ANCHORS);
      const seed = propertySeed();
      const changes = fc.sample(fc.array(op, { minLength: 1, maxLength: 5 }), { numRuns: 2000, seed });

      const readers = new Readers(world.memory);
      const numbers = [0, 1].map(() => readers.take());
      const workers = numbers.map(
        (reader) =>
          new Worker(new URL('reader.mjs', import.meta.url), {
            workerData: {
              ...{ memory: world.memory, reader, flags, digests, kept: KEPT },
              ...{ questions: asked, settings: ANSWER_SETTINGS, dist: DIST },
            },
          }),
      );
      const reports = workers.map(async (worker) => (await once(worker, 'message'))[0] as Report);
      let failed: unknown;
      // A reader that has found a fault ends before it is told to.
      let over = false;
      for (const worker of workers) {
        worker.once('error', (error) => (failed = error));
        worker.once('exit', () => (over = true));
      }
      const batchesOf = (number: number): number => Atomics.load(flags, BATCHES + number);
      const total = (): number => numbers.reduce((sum, number) => sum + batchesOf(number) * asked.length, 0);
      while ((total() < QUERIES || world.revision < REVISIONS) && !over) {
        if (workers.some((_, i) => batchesOf(numbers[i]!) === 0)) {
          // The threads are still loading their code.
          await new Promise((resolve) => setTimeout(resolve, 5));
          continue;
        }
        for (let i = 0; i < 20; i++) world.apply(changes[world.revision % changes.length]!);
        await new Promise((resolve) => setImmediate(resolve));
      }
      Atomics.store(flags, STOP, 1);
      expect(failed).toBeUndefined();
      const said = await Promise.all(reports);
      await Promise.all(workers.map((worker) => worker.terminate()));
      expect(
        said.flatMap(({ faults }) => faults),
        `PODNS_PROPERTY_SEED=${seed}`,
      ).toEqual([]);
      expect(said.reduce((sum, { batches }) => sum + batches * asked.length, 0)).toBeGreaterThanOrEqual(
        QUERIES,
      );
      // Otherwise they would have seen one revision all the time.
      for (const { seen } of said) expect(seen).toBeGreaterThan(100);
    },
  );
});
