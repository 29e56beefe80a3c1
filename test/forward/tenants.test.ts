/** What one VPC does with upstreams, its own or those it shares, is no other's concern: state, time, room. */
import { describe, expect, it } from 'vitest';
import { Places } from '../../src/forward/routes/places.ts';
import type { Guest } from '../../src/forward/routes/places.ts';
import type { Message } from '../../src/dns/print.ts';
import { a, answerTo, makeWorld, tenantOf } from './world.ts';
import type { World } from './world.ts';

const ONE = '192.0.2.1:53';
const TWO = '192.0.2.2:53';
const OWN = ['198.51.100.1', '198.51.100.2'];

function good(world: World): void {
  world.sockets.last.reply(answerTo(world.sockets.last.query, { answer: [a(300)] }));
}

describe('the state of an upstream', () => {
  it('that a VPC names for itself is for that VPC alone, whatever it is for others who name it', () => {
    const world = makeWorld();
    world.ask({ vpc: 'red', upstreams: OWN });
    world.clock.advance(1300);
    good(world);
    expect(world.sockets.order).toEqual(['198.51.100.1:53', '198.51.100.2:53']);
    world.ask({ vpc: 'red', upstreams: OWN, name: 'second.example' });
    expect(world.sockets.order.slice(2)).toEqual(['198.51.100.2:53']);
    good(world);
    world.ask({ vpc: 'blue', upstreams: OWN, name: 'second.example' });
    expect(world.sockets.order.slice(3)).toEqual(['198.51.100.1:53']);
  });

  it('that VPCs share does not follow from one VPC whose names stay without an answer', () => {
    const world = makeWorld();
    // The upstream itself is well: it answers what we ask ourselves.
    const live = (ms: number): void => {
      for (let i = 0; i < ms; i += 100) {
        world.clock.advance(100);
        for (const asked of world.sockets.asked) {
          if (asked.open && asked.message.question!.name === '.') asked.reply(answerTo(asked.query));
        }
      }
    };
    for (let i = 0; i < 10; i++) {
      world.ask({ vpc: 'red', name: `n${i}.slow.example` });
      live(1300);
      world.ask({ vpc: 'blue', name: `n${i}.quick.example` });
      expect(world.sockets.last.upstream).toBe(ONE);
      good(world);
      live(5000);
      expect(world.forwarder.status().upstreams.some(({ state }) => state === 'failing')).toBe(false);
    }
    expect(world.forwarder.counters.timeouts).toBeGreaterThan(10);
  });

  it('without EDNS is remembered for the VPC that has found it out', () => {
    const world = makeWorld();
    world.ask({ vpc: 'red' });
    world.sockets.last.reply(answerTo(world.sockets.last.query, { rcode: 1 }));
    good(world);
    world.ask({ vpc: 'red', name: 'second.example' });
    expect(world.sockets.last.message.edns).toBeUndefined();
    world.ask({ vpc: 'blue', name: 'second.example' });
    expect(world.sockets.last.message.edns).toBeDefined();
    world.clock.advance(600_001);
    world.ask({ vpc: 'red', name: 'third.example' });
    expect(world.sockets.last.message.edns).toBeDefined();
  });
});

describe('an upstream that answers plain questions only', () => {
  it('and is silent to others is asked without EDNS the second time, and from then on', () => {
    const world = makeWorld({ upstreams: ['192.0.2.1'] });
    const got = world.ask();
    world.clock.advance(1300);
    expect(world.sockets.last.message).toMatchObject({
      edns: undefined,
      question: { name: 'www.example.com.' },
    });
    good(world);
    expect(got[0]!.rcode).toBe(0);
    // Whether EDNS was to blame is asked at once; it stays silent to that too.
    expect(world.sockets.last.message).toMatchObject({ question: { name: '.' }, edns: { size: 1232 } });
    world.clock.advance(1300);
    world.ask({ name: 'second.example' });
    expect(world.sockets.last.message.edns).toBeUndefined();
  });

  it('is none that was only away for a moment: it answers with EDNS again', () => {
    const world = makeWorld({ upstreams: ['192.0.2.1'] });
    world.ask();
    world.clock.advance(1300);
    good(world);
    world.sockets.last.reply(answerTo(world.sockets.last.query));
    world.ask({ name: 'second.example' });
    expect(world.sockets.last.message.edns).toBeDefined();
    // Nor is one that has answered with EDNS before.
    world.clock.advance(1300);
    expect(world.sockets.last.message).toMatchObject({
      edns: { size: 1232 },
      question: { name: 'second.example.' },
    });
  });

  it('is found by a probe, where another upstream has answered meanwhile', () => {
    const world = makeWorld();
    world.ask();
    world.clock.advance(1300);
    good(world);
    const probes = () => world.sockets.asked.filter(({ message }) => message.question!.name === '.');
    world.clock.advance(500 + 1300 + 1000);
    expect(probes().map(({ message }) => message.edns !== undefined)).toEqual([true, false]);
    const plain = probes()[1]!;
    plain.reply(answerTo(plain.query));
    expect(world.forwarder.status().upstreams[0]!.state).toBe('answering');
  });
});

describe('an upstream that a VPC has named tells nothing of what listens there', () => {
  /** All that a client sees, and when: the message, and milliseconds. */
  function seen(act: (world: World) => void): string {
    const world = makeWorld();
    const messages: Message[] = world.ask({ upstreams: ['127.0.0.1:22'] });
    const times: number[] = [];
    for (let ms = 0; ms < 5000 && messages.length === 0; ms += 50) {
      act(world);
      world.clock.advance(50);
      times.push(ms);
    }
    return JSON.stringify([messages, times.length]);
  }
  const silence = seen(() => {});

  it.each<[string, (world: World) => void]>([
    ['a port that is closed', (world) => world.sockets.last.error('ECONNREFUSED')],
    ['a host that cannot be reached', (world) => world.sockets.last.error('EHOSTUNREACH')],
    ['who answers something else', (world) => world.sockets.last.reply(new Uint8Array(40).fill(7))],
    [
      'who answers what is broken',
      (world) => {
        const answer = answerTo(world.sockets.last.query, { answer: [a(300)] });
        world.sockets.last.reply(answer.subarray(0, answer.length - 2));
      },
    ],
  ])('%s is as silent as one that is', (_, act) => {
    expect(seen(act)).toBe(silence);
    expect(silence).toContain('upstream 127.0.0.1:22 timed out');
  });

  it('nor how TCP fails there', () => {
    const cut = (world: World): void => {
      const { tcp, query, reply } = world.sockets.last;
      if (!tcp) reply(answerTo(query, { flags: 0x200 }));
    };
    const silent = seen(cut);
    const refused = seen((world) => {
      cut(world);
      if (world.sockets.last.tcp) world.sockets.last.error('ECONNREFUSED');
    });
    expect(refused).toBe(silent);
  });

  it('those of the configuration are named with what they did, at once', () => {
    const world = makeWorld({ upstreams: ['127.0.0.1:22'] });
    const got = world.ask();
    world.sockets.last.error('ECONNREFUSED');
    expect(got[0]!.edns!.errors[0]!.text).toBe('upstream 127.0.0.1:22 cannot be reached (ECONNREFUSED)');
    const shared = world.ask({
      upstreams: ['127.0.0.1:23'],
      suffix: 'example',
      isShared: true,
      name: 'b.example',
    });
    world.sockets.last.error('ECONNREFUSED');
    expect(shared[0]!.edns!.errors[0]!.text).toContain('127.0.0.1:23 cannot be reached');
  });
});

describe('without local_upstreams', () => {
  const localAddresses = () => ['127.0.0.1', '::1', '203.0.113.5', 'fe80::1%eth0'];
  it.each([
    '127.0.0.53',
    '0.0.0.0',
    '[::1]:5353',
    '[::ffff:127.0.0.1]:53',
    '203.0.113.5',
    '169.254.169.254',
    'fe80::9%eth0',
  ])('a VPC does not ask %s, and the configuration does', (text) => {
    const world = makeWorld({ upstreams: [text], localUpstreams: false, localAddresses });
    const [got] = world.ask({ upstreams: [text] });
    expect(got).toMatchObject({ rcode: 2, edns: { errors: [{ code: 22 }] } });
    expect(got!.edns!.errors[0]!.text).toMatch(
      /^no upstream: .* is this host or its link \(see local_upstreams\)$/,
    );
    expect(world.ask({ upstreams: [text], suffix: 'example', name: 'a.example' })[0]!.rcode).toBe(2);
    expect(world.sockets.asked).toHaveLength(0);
    world.ask();
    world.ask({ upstreams: [text, '198.51.100.1'] });
    expect(world.sockets.asked).toHaveLength(2);
    expect(world.sockets.last.upstream).toBe('198.51.100.1:53');
  });
});

describe('room', () => {
  it('a VPC that floods TCP leaves the others their connection and their questions', () => {
    const world = makeWorld({ upstreams: ['192.0.2.1'], queriesClient: 2000, queries: 2000 });
    for (let i = 0; i < 400; i++) {
      world.ask({ vpc: 'red', name: `n${i}.example` });
      world.sockets.last.reply(answerTo(world.sockets.last.query, { flags: 0x200 }));
    }
    expect(world.sockets.streams).toBe(1);
    const got = world.ask({ vpc: 'blue' });
    world.sockets.last.reply(answerTo(world.sockets.last.query, { flags: 0x200 }));
    expect(world.sockets.streams).toBe(2);
    expect(world.sockets.last.tcp).toBe(true);
    // The flood's connection goes down without a word; that of the other does not.
    world.clock.advance(600);
    good(world);
    expect(got[0]!.answer).toHaveLength(1);
  });

  it('connections are few for one VPC, and idle ones make room', () => {
    const ended: string[] = [];
    const places = new Places(4, 2);
    class Connection implements Guest {
      readonly tenant: number;
      readonly name: string;
      constructor(tenant: number, name: string) {
        this.tenant = tenant;
        this.name = name;
      }
      leave(): void {
        ended.push(this.name);
        places.leave(this);
      }
    }
    const [a1, a2, a3, b1, b2, c1] = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].map(
      (name) => new Connection(name.charCodeAt(0), name),
    ) as [Connection, Connection, Connection, Connection, Connection, Connection];
    expect([a1, a2, a3, b1, b2, c1].map((one) => places.enter(one))).toEqual([
      ...[true, true, false, true, true, false],
    ]);
    places.rest(b1);
    // Not at the cost of another VPC.
    expect(places.enter(a3)).toBe(false);
    expect(places.enter(c1)).toBe(true);
    expect(ended).toEqual(['b1']);
    places.rest(a2);
    places.work(a2);
    expect(places.enter(a3)).toBe(false);
    places.rest(a1);
    expect(places.enter(a3)).toBe(true);
    expect(ended).toEqual(['b1', 'a1']);
  });

  it('a query that was given an expired answer keeps its place until its flight is over', () => {
    const world = makeWorld({ upstreams: ['192.0.2.1'], queries: 4, queriesVpc: 2 });
    for (let i = 0; i < 4; i++) {
      world.ask({ name: `n${i}.example` });
      world.sockets.last.reply(answerTo(world.sockets.last.query, { answer: [a(1)] }));
    }
    world.clock.advance(2000);
    const got = [0, 1].map((i) => world.ask({ name: `n${i}.example`, clientKey: `fdfd::${i}` }));
    world.clock.advance(1800);
    expect(got.map(([message]) => message?.answer[0]!.ttl)).toEqual([30, 30]);
    expect(world.forwarder.status().waiting).toBe(2);
    expect(world.ask({ name: 'n2.example' })[0]!.edns!.errors[0]!.text).toContain(
      'too many queries of this VPC',
    );
    world.clock.advance(4000);
    expect(world.forwarder.status().waiting).toBe(0);
    expect(got.map((messages) => messages.length)).toEqual([1, 1]);
  });

  it('what is remembered of failures counts in octets, inside the limit of the cache', () => {
    const cacheSize = 1 << 20;
    const world = makeWorld({ cacheSize, queriesClient: 10_000, queries: 20_000 });
    for (let i = 0; i < 3000; i++) {
      world.ask({ name: `n${i}.example` });
      const large = { ...a(300), type: 65280, data: new Uint8Array(i % 2 === 0 ? 8000 : 60_000) };
      world.sockets.last.reply(answerTo(world.sockets.last.query, { rcode: 6, answer: [large] }));
      expect(world.forwarder.status().cacheSize).toBeLessThanOrEqual(cacheSize);
    }
    // The last is remembered, though it was too large to be kept whole.
    const before = world.sockets.asked.length;
    world.ask({ name: 'n2999.example' });
    world.ask({ name: 'n2998.example' });
    expect(world.sockets.asked).toHaveLength(before);
    expect(world.forwarder.counters.failureHits).toBe(2);
  });

  it('lists without end leave a VPC as many upstreams as it may have, and no timer', () => {
    const world = makeWorld();
    for (let i = 0; i < 200; i++) {
      world.ask({ upstreams: [`198.51.100.${i}`], name: `n${i}.example`, suffix: `n${i}.example` });
      world.clock.advance(1300);
    }
    expect(world.forwarder.status().upstreams.length).toBeLessThanOrEqual(40);
    world.clock.advance(100_000);
    expect(world.clock.pending).toBe(0);
    expect(world.sockets.openSockets).toBe(0);
  });

  it('a VPC that is gone leaves nothing', () => {
    const world = makeWorld();
    const got = world.ask({ vpc: 'gone', upstreams: OWN });
    world.sockets.last.reply(answerTo(world.sockets.last.query, { flags: 0x200 }));
    world.forwarder.forget(tenantOf('gone'));
    expect(world.forwarder.status().upstreams.map(({ upstream }) => upstream)).toEqual([ONE, TWO]);
    // Who waits for it is answered all the same.
    good(world);
    expect(got[0]!.answer).toHaveLength(1);
    world.clock.advance(8000);
    expect(world.sockets.streams).toBe(0);
    expect(world.clock.pending).toBe(0);
  });
});
