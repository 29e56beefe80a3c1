/** Names that thousands bear: what they answer, that no question goes through all of them, and what a change costs. */
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/answer/prefetch.ts';
import { BATCH_STEPS, createResponder } from '../../src/answer/worker.ts';
import { STEPS } from '../../src/answer/encode/members.ts';
import { keyOf } from '../../src/model.ts';
import type { Pod } from '../../src/model.ts';
import type { Arena } from '../../src/trie/write/arena.ts';
import * as layout from '../../src/trie/layout.ts';
import { arpaName, encodeQuery } from '../harness/build.ts';
import { parseWire } from '../harness/wire.ts';
import { World, summary } from './world.ts';
import type { PeerParts } from './world.ts';

const MANY = 3000;
/** Questions that go through a few members and not all; not one step a member. */
const FEW = 200;

const ip6 = (i: number): string => `fdfd::1:${i.toString(16)}`;
const ip4 = (i: number): string => `10.0.${i >> 8}.${i & 255}`;

function pod(i: number, more: Partial<Pod> = {}): Pod {
  return {
    kind: 'pod',
    vpc: 'aep',
    namespace: 'n',
    name: `p${i}`,
    aid: `p${i.toString(16).padStart(10, '0')}`,
    names: ['app'],
    ip6: ip6(i),
    overlays: [],
    ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
    ready: true,
    ...more,
  };
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

function world(pods: Pod[]): World {
  const made = new World();
  made.put({ kind: 'vpc', name: 'aep', net6: ['fdfd::/16'], services6: [] }, ...pods);
  made.sync();
  return made;
}

/** The texts of the answer's records, its TC, and the steps that it took. */
function ask(
  one: World,
  name: string,
  type: string,
  peer: PeerParts = {},
  id = 1,
): { texts: string[]; tc: boolean; rcode: number; steps: number } {
  const { answer } = one.ask({ name, type, id }, { from: ip6(1), ...peer });
  const message = parseWire(answer as Uint8Array);
  const texts = message.answer.map((record) => record.text);
  return { texts, tc: message.flags.tc, rcode: message.rcode, steps: one.view.steps };
}

describe('a name that thousands bear', () => {
  const overlays = [{ overlay: 'o', pinned: true }];
  const many = world(numbers(MANY).map((i) => pod(i, { overlays: [{ ...overlays[0]!, ip4: ip4(i) }] })));

  test('gives as many as fit, and begins where the id says', () => {
    for (const [type, octets] of [
      ['AAAA', 28],
      ['A', 16],
    ] as const) {
      const { texts, tc, steps } = ask(many, 'app', type);
      // Header, question and OPT come off.
      expect(texts.length).toBe(Math.floor((1232 - 12 - 9 - 11) / octets));
      expect(new Set(texts).size).toBe(texts.length);
      expect(tc).toBe(true);
      expect(steps).toBeLessThan(FEW);
      const firsts = numbers(40).map((i) => ask(many, 'app', type, {}, i * 1600).texts[0]);
      expect(new Set(firsts).size).toBe(40);
    }
  });

  test('gives every owner at some id', () => {
    const seen = new Set<string>();
    for (let id = 0; id < 65536; id += 800) {
      for (const text of ask(many, 'app', 'AAAA', { tcp: true }, id).texts) seen.add(text);
    }
    expect(seen.size).toBe(MANY);
  });

  test('has its ports', () => {
    const { texts, tc, steps } = ask(many, '_http._tcp.app', 'SRV');
    expect(texts.length).toBeGreaterThan(15);
    expect(tc).toBe(true);
    expect(steps).toBeLessThan(FEW);
    const none = ask(many, '_smtp._tcp.app', 'SRV');
    expect([none.rcode, none.texts, none.steps < FEW]).toEqual([3, [], true]);
  });

  test('has its replicas, by name and by aid', () => {
    for (const i of [1, 777, MANY]) {
      for (const head of [`p${i}`, `p${i.toString(16).padStart(10, '0')}`]) {
        const { texts, steps } = ask(many, `${head}.app.n`, 'AAAA');
        expect(texts).toEqual([ip6(i)]);
        expect(steps).toBeLessThan(FEW);
      }
    }
    for (const head of ['nosuch', 'p00000fffff', 'p0']) {
      const { rcode, steps } = ask(many, `${head}.app.n`, 'AAAA');
      expect([rcode, steps < FEW]).toEqual([3, true]);
    }
  });

  test('is found from the address of each', () => {
    // The own name belongs to a service: what is left is the further name.
    const hidden = world([...numbers(MANY).map((i) => pod(i)), pod(9000, { name: 'q', names: [] })]);
    hidden.put({
      kind: 'service',
      vpc: 'aep',
      namespace: 'n',
      name: 'p5',
      aid: 's5',
      names: [],
      ip6: 'fdfd::5:5',
      ports: [],
    });
    for (const [i, name] of [
      [5, 'app.n.vpc.internal.'],
      [6, 'p6.n.vpc.internal.'],
    ] as const) {
      const { texts, steps } = ask(hidden, arpaName(ip6(i)), 'PTR');
      expect(texts).toEqual([name]);
      expect(steps).toBeLessThan(FEW);
    }
  });

  test('leaves out who is not ready, gives all when nobody is, and shows services alone', () => {
    const one = world(numbers(300).map((i) => pod(i, { ready: i % 3 !== 0 })));
    const tcp = { tcp: true };
    expect(ask(one, 'app', 'AAAA', tcp).texts.length).toBe(200);
    expect(ask(one, 'p3.app.n', 'AAAA').texts).toEqual([ip6(3)]);
    one.put(...numbers(300).map((i) => pod(i, { ready: i === 7 })));
    expect(ask(one, 'app', 'AAAA', tcp).texts).toEqual([ip6(7)]);
    one.put(pod(7, { ready: false }));
    expect(ask(one, 'app', 'AAAA', tcp).texts.length).toBe(300);
    const service = (i: number) => ({
      kind: 'service' as const,
      vpc: 'aep',
      namespace: 'n',
      name: `s${i}`,
      aid: `s${i}`,
      names: ['app'],
      ip6: `fdfd::5:${i.toString(16)}`,
      ports: [],
    });
    one.put(...numbers(100).map((i) => service(i)));
    const hidden = ask(one, 'app', 'AAAA', tcp).texts;
    expect([hidden.length, hidden.every((text) => text.startsWith('fdfd::5:'))]).toEqual([100, true]);
    expect(ask(one, 'app', 'A', tcp).texts).toEqual([]);
    expect(ask(one, 'p3.app.n', 'AAAA').texts).toEqual([ip6(3)]);
    one.change(
      [],
      numbers(100).map((i) => keyOf(service(i))),
    );
    expect(ask(one, 'app', 'AAAA', tcp).texts.length).toBe(300);
    one.change(
      [],
      numbers(300)
        .slice(0, 299)
        .map((i) => keyOf(pod(i))),
    );
    expect(ask(one, 'app', 'AAAA', { from: ip6(300) }).texts).toEqual([ip6(300)]);
  });

  test('of whom each has other ports is right as far as a question goes', () => {
    const one = world(
      numbers(1000).map((i) => pod(i, { ports: [{ name: `x${i}`, protocol: 'tcp', port: i }] })),
    );
    for (const i of [1, 500, 1000]) {
      expect(ask(one, `_x${i}._tcp.app`, 'SRV').texts).toEqual([`0 1 ${i} p${i}.n.vpc.internal.`]);
      expect(ask(one, `p${i}.app.n`, 'AAAA').texts).toEqual([ip6(i)]);
    }
    expect(ask(one, '_none._tcp.app', 'SRV').rcode).toBe(3);
    expect(ask(one, 'app', 'AAAA', { tcp: true }).texts.length).toBe(1000);
    one.change(
      [],
      numbers(990).map((i) => keyOf(pod(i))),
    );
    expect(ask(one, '_x995._tcp.app', 'SRV', { from: ip6(995) }).texts).toEqual([
      '0 1 995 p995.n.vpc.internal.',
    ]);
  });
});

describe('addresses that two namespaces use', () => {
  const SIZE = 800;
  const twice = world([
    ...numbers(SIZE).map((i) => pod(i, { overlays: [{ overlay: 'o1', ip4: ip4(i), pinned: true }] })),
    ...numbers(SIZE).map((i) =>
      pod(i, {
        namespace: 'm',
        ip6: `fdfd::2:${i.toString(16)}`,
        overlays: [{ overlay: 'o2', ip4: ip4(i), pinned: true }],
      }),
    ),
    pod(9001, { name: 'none', names: [] }),
  ]);

  test('are given to who shares the overlay, each once', () => {
    const { texts, tc, steps } = ask(twice, 'app', 'A');
    expect([new Set(texts).size, texts.length, tc]).toEqual([75, 75, true]);
    expect(steps).toBeLessThan(2 * FEW);
    const all = ask(twice, 'app', 'A', { tcp: true });
    expect(new Set(all.texts).size).toBe(SIZE);
    expect(all.texts.length).toBe(SIZE);
  });

  test('are not looked through for who shares none', () => {
    for (const peer of [{ from: ip6(9001) }, { from: ip6(9001), tcp: true }]) {
      const { texts, rcode, tc, steps } = ask(twice, 'app', 'A', peer);
      expect([texts, rcode, tc]).toEqual([[], 0, false]);
      expect(steps).toBeLessThan(FEW);
    }
  });
});

describe('a change', () => {
  /** Words that a change takes anew, at the most, when so many bear the name. */
  function wordsOfChange(count: number): number {
    const one = world(numbers(count).map((i) => pod(i)));
    const { arena } = one.writer as unknown as { arena: Arena };
    let most = 0;
    for (let k = 1; k <= 50; k++) {
      one.writer.tables.settle();
      const before = arena.used;
      one.put(pod((k * 37) % count, { ready: k % 2 === 0 }));
      most = Math.max(most, arena.used - before);
    }
    return most;
  }

  test('of one owner takes a chunk on each level, and not a copy of all', () => {
    const small = wordsOfChange(500);
    const large = wordsOfChange(8000);
    expect(small).toBeLessThan(8 * layout.CHUNK_WORDS);
    expect(large).toBeLessThanOrEqual(small + 4 * layout.CHUNK_WORDS);
  });
});

describe('a batch', () => {
  test('of dear questions lets the writer in between, and says how long it was', () => {
    const overlays = (i: number) =>
      numbers(60).map((k) => ({ overlay: `o${k}`, ip4: `10.${k}.${i >> 8}.${i & 255}`, pinned: true }));
    // No two are on the same overlays: nobody stands for the others.
    const one = world(
      numbers(200).map((i) =>
        pod(i, { overlays: overlays(i).filter((_, k) => k < 2 || (i * (k + 1)) % 7 > 2) }),
      ),
    );
    const { memory } = one;
    const responder = createResponder({ memory, reader: 3, settings: one.settings });
    const packet = encodeQuery({ name: 'app', type: 'A', id: 9, edns: {} });
    const out = new Uint8Array(1500);
    responder.enter({} as Batch, 0, one.peer({ from: ip6(1) }).listener);
    let steps = 0;
    let pauses = 0;
    const { view } = responder as unknown as { view: { steps: number } };
    for (let i = 0; i < 64; i++) {
      const length = responder.answerPacket(packet, 0, packet.length, one.peer({ from: ip6(1) }), out, 0, i);
      expect(summary(out.slice(0, length))).toMatch(/^NOERROR TC A /);
      if (view.steps < steps) pauses++;
      steps = view.steps;
    }
    responder.leave();
    expect(pauses).toBeGreaterThan(1);
    const announcement = layout.HEAD_READERS + 3 * layout.READER_STRIDE;
    const longest = new Int32Array(memory.head)[announcement + layout.READER_STEPS];
    expect(longest).toBeGreaterThanOrEqual(BATCH_STEPS);
    // A question decides and answers, and looks at one member more than it may.
    expect(longest).toBeLessThan(BATCH_STEPS + 2 * STEPS + 1000);
  });
});
