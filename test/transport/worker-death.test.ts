/** A worker that dies under load, with the real responder over a real trie: what is lost, and what goes on. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Listener } from '../../src/answer/peer.ts';
import type { WorkerData } from '../../src/answer/worker.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { BATCH } from '../../src/transport/udp-batch/messages.ts';
import type { Pod } from '../../src/model.ts';
import { SYNC_LIVE } from '../../src/trie/layout.ts';
import { Readers, reserveMemory } from '../../src/trie/memory.ts';
import { OwnWriter } from '../harness/own-writer.ts';
import { ANSWER_SETTINGS } from '../harness/answer-settings.ts';
import { encodeQuery } from '../harness/build.ts';
import { skipAloud } from '../harness/tools.ts';
import { parseWire } from '../harness/wire.ts';
import { UdpClient, until } from './clients.ts';
import { SingleTransport } from './single-transport.ts';

const FATAL = 0xdead;
/** Handed over; with the first the thread ends before it wakes the main thread. */
const FATAL_HANDED = 0xbead;
const HANDED = 0xbe00;
const CLIENTS = 8;
const QUERIES = 400;

class World {
  readonly memory = reserveMemory({ names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 });
  readonly writer = new OwnWriter(this.memory, { ...ANSWER_SETTINGS, canForward: false, now: () => 1 });
  readonly problems: string[] = [];
  /** Ids of what the workers have handed over. */
  readonly deferred: number[] = [];
  readonly transport: SingleTransport;

  constructor(workers: number) {
    this.writer.setSync(SYNC_LIVE);
    const listener: Listener = {
      id: 0,
      text: '127.0.0.1:0@aep/web',
      address: '127.0.0.1',
      port: 0,
      vpc: 'aep',
      namespace: 'web',
    };
    const readers = new Readers(this.memory);
    const answering = {
      answerNow: () => 0,
      defer: (packet: Uint8Array) => void this.deferred.push((packet[0]! << 8) | packet[1]!),
    };
    this.transport = new SingleTransport(listener, answering, {
      workers,
      module: new URL('mortal-worker.mjs', import.meta.url).href,
      attach: () => {
        const reader = readers.take();
        const data: WorkerData = { memory: this.memory, reader, settings: ANSWER_SETTINGS };
        return { data, detach: () => readers.release(reader) };
      },
      onProblem: (text) => this.problems.push(text),
    });
  }

  move(revision: number): void {
    const pod: Pod = {
      kind: 'pod',
      vpc: 'aep',
      namespace: 'web',
      name: 'db',
      aid: 'p0123456789',
      names: [],
      ip6: `fdfd:1a8::${revision.toString(16)}`,
      overlays: [],
      ports: [],
      ready: true,
    };
    this.writer.begin();
    this.writer.put(pod, BigInt(revision));
    this.writer.commit();
  }
}

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

const query = (id: number): Buffer => encodeQuery({ id, name: 'db', type: 'AAAA' });
const addressIn = (answer: Buffer): string => parseWire(answer).answer[0]!.text;

const unavailableReason = batchUnavailableReason();
if (unavailableReason !== undefined) skipAloud('a worker dies under load', unavailableReason);

describe.skipIf(unavailableReason !== undefined)('a worker dies under load', () => {
  test.each([1, 2])(
    'with %i workers: its batch is lost, nothing else, and it is replaced',
    async (workers) => {
      const world = new World(workers);
      closing.push({ close: () => world.transport.close(0) });
      world.move(1);
      const port = await world.transport.open();
      const clients = await Promise.all(
        Array.from({ length: CLIENTS }, () => UdpClient.open('127.0.0.1', port)),
      );
      closing.push(...clients);

      for (let id = 1; id <= QUERIES; id++) {
        for (const client of clients) client.send(query(id));
        if (id === QUERIES / 2) clients[0]!.send(query(FATAL));
        // Turns in between, so that what is sent does not go as one burst.
        if (id % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => world.transport.counters.restarts === 1);
      // Its successor reads the same socket, so this comes behind all that was queued there.
      for (const client of clients) client.send(query(QUERIES + 1));
      await until(() =>
        clients.every((client) => client.messages.some((answer) => answer.readUInt16BE(0) === QUERIES + 1)),
      );
      const sent = CLIENTS * (QUERIES + 1);
      const answered = clients.reduce((sum, client) => sum + client.messages.length, 0);
      // The fatal packet's batch is lost with it, 64 packets at most, and not a packet more.
      expect(answered).toBeGreaterThan(sent - BATCH);
      expect(answered).toBeLessThanOrEqual(sent);
      for (const client of clients)
        for (const answer of client.messages) expect(addressIn(answer)).toBe('fdfd:1a8::1');
      expect(world.problems).toEqual([
        expect.stringMatching(/^UDP worker [01] died and is replaced: exit code 3$/),
      ]);

      // The dead one had announced that it reads: the writer must not wait for it, nor the new one read the old view.
      for (let revision = 2; revision <= 9; revision++) {
        world.move(revision);
        for (const client of clients) {
          client.messages.length = 0;
          client.send(query(revision));
          expect(addressIn((await client.received(1))[0]!)).toBe(`fdfd:1a8::${revision}`);
        }
      }
      expect(world.transport.counters).toMatchObject({ restarts: 1, errors: 0, dropped: 0, sendErrors: 0 });
    },
  );

  test('after it has shown a record and before it wakes its reader: that record and later ones are taken', async () => {
    const world = new World(1);
    closing.push({ close: () => world.transport.close(0) });
    world.move(1);
    const port = await world.transport.open();
    const client = await UdpClient.open('127.0.0.1', port);
    closing.push(client);
    // The reader sleeps once it has taken this one.
    client.send(query(HANDED));
    await until(() => world.deferred.length === 1);
    client.send(query(FATAL_HANDED));
    await until(() => world.transport.counters.restarts === 1);
    await until(() => world.deferred.length === 2);
    client.send(query(HANDED + 1));
    await until(() => world.deferred.length === 3);
    expect(world.deferred).toEqual([HANDED, FATAL_HANDED, HANDED + 1]);
  });

  test('again and again, more slowly each time: the port is kept, and no query after a restart is lost', async () => {
    const world = new World(1);
    closing.push({ close: () => world.transport.close(0) });
    world.move(1);
    const port = await world.transport.open();
    const client = await UdpClient.open('127.0.0.1', port);
    closing.push(client);
    for (let death = 1; death <= 3; death++) {
      client.send(query(FATAL));
      await until(() => world.transport.counters.restarts === death);
      client.messages.length = 0;
      for (let id = 0; id < 200; id++) client.send(query(id));
      const answers = await client.received(200);
      expect(answers.map((answer) => answer.readUInt16BE(0))).toEqual(
        Array.from({ length: 200 }, (_, id) => id),
      );
    }
    expect(world.transport.counters.restarts).toBe(3);
    expect(new Set(client.from)).toEqual(new Set([`127.0.0.1 ${port}`]));
  });
});
