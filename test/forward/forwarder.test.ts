/** What clients of the forwarder see: relaying, cache, joining, stale answers, bounds, isolation, loops. */
import { describe, expect, it } from 'vitest';
import { a, answerTo, makeWorld, questionEnd, requestOf, soa, tenantOf } from './world.ts';
import type { AnswerParts, World } from './world.ts';

/** Lets the upstream that was asked last say this. */
function say({ sockets }: World, parts: AnswerParts): void {
  sockets.last.reply(answerTo(sockets.last.query, parts));
}

describe('relaying', () => {
  it("keeps the client's letters in the question and in owners that point to it", () => {
    const world = makeWorld();
    const got = world.ask({ name: 'wWw.ExAmple.COM' });
    say(world, { answer: [a(300)] });
    expect(got[0]!.question!.name).toBe('wWw.ExAmple.COM.');
    expect(got[0]!.answer[0]!.name).toBe('wWw.ExAmple.COM.');
  });

  it('keeps records byte for byte, unknown types too', () => {
    const world = makeWorld();
    const request = requestOf({ edns: undefined, type: 65534 });
    let octets = new Uint8Array(0);
    world.forwarder.ask(request, (answer) => (octets = answer.slice()));
    const upstream = answerTo(world.sockets.last.query, {
      answer: [
        { type: 65534, ttl: 0x7eadbeef, class: 77, data: Uint8Array.of(0xc0, 0x0c, 0xff, 0) },
        { name: 'Other.Example', type: 46, ttl: 9, data: new Uint8Array(20).fill(0xc1) },
      ],
      authority: [{ name: 'example.com', type: 99, ttl: 5, data: Uint8Array.of(2, 104, 105) }],
      edns: {},
    });
    world.sockets.last.reply(upstream);
    const end = questionEnd(upstream);
    expect(octets.subarray(end)).toEqual(upstream.subarray(end, upstream.length - 11));
    expect(octets.subarray(4, 12)).toEqual(Uint8Array.of(0, 1, 0, 2, 0, 1, 0, 0));
  });

  it.each([
    { asked: {}, upstream: 0x20, ad: false },
    { asked: { ad: true }, upstream: 0x20, ad: true },
    { asked: { edns: { do: true } }, upstream: 0x20, ad: true },
    { asked: { ad: true }, upstream: 0, ad: false },
  ])('AD only for $asked and as the upstream said ($upstream)', ({ asked, upstream, ad }) => {
    const world = makeWorld();
    const got = world.ask(asked);
    say(world, { flags: upstream | 0x400, answer: [a(300)] });
    expect(got[0]).toMatchObject({ ad, aa: false, ra: true });
  });

  it('echoes RD and CD and gives an OPT record only to those who sent one', () => {
    const world = makeWorld();
    const plain = world.ask({ cd: true, edns: undefined });
    say(world, { flags: 0x10, answer: [a(300)], edns: { size: 4096 } });
    expect(plain[0]).toMatchObject({ rd: true, cd: true, edns: undefined });
    const edns = world.ask({ type: 28, edns: { do: true } });
    say(world, { answer: [], authority: [soa(5, 5)] });
    expect(edns[0]).toMatchObject({ cd: false, edns: { size: 1232, do: true } });
  });

  it('cuts by whole records for the size of this client', () => {
    const world = makeWorld();
    const answer = Array.from({ length: 32 }, (_, i) => a(300, i));
    const small = world.ask({ edns: undefined, limit: 512 });
    // More than fits into 512 octets, and the upstream does not say TC: it knows that we take 1232.
    say(world, { answer });
    expect(small[0]!.tc).toBe(true);
    expect(small[0]!.answer.map(({ data }) => data)).toEqual(
      Array.from({ length: 29 }, (_, i) => `192.0.2.${i}`),
    );
    const large = world.ask({ edns: undefined, tcp: true });
    expect(large[0]).toMatchObject({ tc: false });
    expect(large[0]!.answer).toHaveLength(32);
  });

  it('leaves out additional records without TC, and makes room for OPT', () => {
    const world = makeWorld();
    const got = world.ask({ limit: 512 });
    const additional = Array.from({ length: 40 }, (_, i) => a(300, i));
    say(world, { answer: [a(300)], additional });
    expect(got[0]!.tc).toBe(false);
    expect(got[0]!.answer).toHaveLength(1);
    expect(got[0]!.additional.length).toBeGreaterThan(20);
    expect(got[0]!.edns).toBeDefined();
  });

  it('answers failures with question, OPT and words that fit', () => {
    const name = `${'x'.repeat(63)}.`.repeat(3) + 'y'.repeat(60);
    const world = makeWorld({ upstreams: [], confFile: { version: () => undefined, read: () => '' } });
    const [got] = world.ask({ name, limit: 512 });
    expect(got).toMatchObject({ rcode: 2, ra: true, aa: false, answer: [] });
    expect(got!.edns!.errors).toEqual([{ code: 22, text: 'no upstream: /etc/resolv.conf: no such file' }]);
  });
});

describe('the cache', () => {
  it('counts TTLs down and asks again when the shortest has run out', () => {
    const world = makeWorld();
    world.ask();
    say(world, { answer: [a(300, 1), a(20, 2)], additional: [a(100, 3)] });
    world.clock.advance(12_345);
    const got = world.ask({ name: 'WWW.example.com', id: 99 });
    expect(got[0]!.answer.map(({ ttl }) => ttl)).toEqual([288, 8]);
    expect(got[0]!.additional[0]!.ttl).toBe(88);
    expect(world.sockets.asked).toHaveLength(1);
    world.clock.advance(7655);
    expect(world.ask()).toHaveLength(0);
    expect(world.sockets.asked).toHaveLength(2);
    expect(world.forwarder.counters).toMatchObject({ hits: 1, misses: 2 });
  });

  it.each([
    ['no such name', { rcode: 3, authority: [soa(600, 60)] }, 59, 60],
    ['no data', { authority: [soa(40, 60)] }, 39, 40],
    [
      'an alias without data',
      { answer: [{ type: 5, ttl: 30, data: Uint8Array.of(0) }], authority: [soa(600, 60)] },
      29,
      30,
    ],
    ['a name that is missing for hours', { rcode: 3, authority: [soa(100_000, 100_000)] }, 10_799, 10_800],
  ] as [string, AnswerParts, number, number][])('keeps %s by its SOA', (_, parts, kept, gone) => {
    const world = makeWorld();
    world.ask();
    say(world, parts);
    world.clock.advance(kept * 1000);
    const [got] = world.ask();
    expect(got!.rcode).toBe(parts.rcode ?? 0);
    expect(got!.authority[0]!.ttl).toBe(1);
    world.clock.advance((gone - kept) * 1000);
    expect(world.ask()).toHaveLength(0);
  });

  it.each([
    ['negative without SOA', { rcode: 3 }],
    ['TTL 0', { answer: [a(0)] }],
    ['a TTL with its top bit set', { answer: [a(0x80000001)] }],
  ] as [string, AnswerParts][])('does not keep what must not be: %s', (_, parts) => {
    const world = makeWorld();
    world.ask();
    say(world, parts);
    expect(world.ask()).toHaveLength(0);
  });

  it('tells apart type, DO and CD', () => {
    const world = makeWorld();
    for (const parts of [{}, { type: 28 }, { cd: true }, { edns: { do: true } }]) {
      expect(world.ask(parts)).toHaveLength(0);
      say(world, { answer: [a(300), { type: 28, ttl: 300, data: new Uint8Array(16) }] });
      expect(world.ask(parts)).toHaveLength(1);
    }
    expect(world.sockets.asked).toHaveLength(4);
  });

  it('shows no VPC what another asked, neither by a TTL nor by joining nor by a failure', () => {
    const world = makeWorld();
    const first = world.ask({ vpc: 'aep' });
    expect(world.ask({ vpc: 'globex' })).toHaveLength(0);
    expect(world.sockets.asked).toHaveLength(2);
    const [one, two] = world.sockets.asked;
    one!.reply(answerTo(one!.query, { answer: [a(300)] }));
    expect(first).toHaveLength(1);
    two!.reply(answerTo(two!.query, { rcode: 5 }));
    say(world, { rcode: 5 });
    expect(world.ask({ vpc: 'globex' })[0]!.rcode).toBe(2);
    expect(world.ask({ vpc: 'aep' })[0]!.rcode).toBe(0);
    world.clock.advance(10_000);
    expect(world.ask({ vpc: 'aep' })[0]!.answer[0]!.ttl).toBe(290);
    const third = world.ask({ vpc: '' });
    say(world, { answer: [a(300)] });
    expect(third[0]!.answer[0]!.ttl).toBe(300);
  });

  it('lets no VPC push out the answers of another', () => {
    const world = makeWorld({ cacheSize: 20_000, vpcCacheSize: 10_000 });
    world.ask({ vpc: 'quiet' });
    say(world, { answer: [a(300)] });
    for (let i = 0; i < 100; i++) {
      world.ask({ vpc: 'loud', name: `n${i}.example` });
      say(world, { answer: [a(300)] });
      world.ask({ vpc: 'louder', name: `n${i}.example` });
      say(world, { answer: [a(300)] });
      expect(world.forwarder.status().cacheSize).toBeLessThanOrEqual(20_000);
    }
    expect(world.forwarder.status().cacheEntries).toBeGreaterThan(10);
    expect(world.ask({ vpc: 'quiet' })).toHaveLength(1);
  });

  it('forgets a VPC that is gone, and one that has got other upstreams', () => {
    const world = makeWorld();
    world.ask();
    say(world, { answer: [a(300)] });
    expect(world.ask({ upstreams: ['192.0.2.7:5353'] })).toHaveLength(0);
    expect(world.sockets.last.upstream).toBe('192.0.2.7:5353');
    say(world, { answer: [a(300)] });
    world.forwarder.forget(tenantOf('aep'));
    expect(world.forwarder.status()).toMatchObject({ cacheEntries: 0, cacheSize: 0 });
  });

  it('remembers a failure for a second', () => {
    const world = makeWorld({ upstreams: ['192.0.2.1'] });
    world.ask();
    say(world, { rcode: 2 });
    world.clock.advance(999);
    expect(world.ask()[0]!.rcode).toBe(2);
    expect(world.forwarder.counters.failureHits).toBe(1);
    world.clock.advance(2);
    expect(world.ask()).toHaveLength(0);
    expect(world.sockets.asked).toHaveLength(2);
  });

  it('refuses RD=0 without looking into it', () => {
    const world = makeWorld();
    world.ask();
    say(world, { answer: [a(300)] });
    const [got] = world.ask({ rd: false });
    expect(got).toMatchObject({ rcode: 5, rd: false, answer: [] });
    expect(got!.edns!.errors[0]!.code).toBe(20);
    expect(world.ask({ rd: false, name: 'never.asked' })[0]!.edns).toEqual(got!.edns);
  });

  it('asks again for popular names shortly before they expire', () => {
    const world = makeWorld();
    world.ask();
    say(world, { answer: [a(100)] });
    for (let i = 0; i < 3; i++) world.ask();
    world.clock.advance(89_000);
    world.ask();
    expect(world.sockets.asked).toHaveLength(1);
    world.clock.advance(2_000);
    expect(world.ask()[0]!.answer[0]!.ttl).toBe(9);
    expect(world.ask()[0]!.answer[0]!.ttl).toBe(9);
    expect(world.sockets.asked).toHaveLength(2);
    say(world, { answer: [a(100)] });
    expect(world.ask()[0]!.answer[0]!.ttl).toBe(100);
    expect(world.forwarder.counters.prefetches).toBe(1);
  });

  it('does not ask again for what nobody wants', () => {
    const world = makeWorld();
    world.ask();
    say(world, { answer: [a(100)] });
    world.clock.advance(95_000);
    world.ask();
    expect(world.sockets.asked).toHaveLength(1);
  });
});

describe('equal questions in flight', () => {
  it('are asked once, and everyone gets an answer of his own', () => {
    const world = makeWorld();
    const got = [
      world.ask({ id: 1, name: 'www.example.com' }),
      world.ask({ id: 2, name: 'WWW.EXAMPLE.COM', ad: true }),
      world.ask({ id: 3, name: 'www.example.com', edns: undefined, limit: 512 }),
    ];
    expect(world.sockets.asked).toHaveLength(1);
    say(world, { flags: 0x20, answer: [a(300)] });
    expect(got.map(([message]) => [message!.id, message!.question!.name, message!.ad])).toEqual([
      [1, 'www.example.com.', false],
      [2, 'WWW.EXAMPLE.COM.', true],
      [3, 'www.example.com.', false],
    ]);
    expect(world.forwarder.counters.joined).toBe(2);
  });

  it('all fail together, in words', () => {
    const world = makeWorld();
    const got = [world.ask({ id: 1 }), world.ask({ id: 2 })];
    world.clock.advance(4000);
    expect(got.map(([message]) => message!.edns!.errors[0]!.code)).toEqual([23, 23]);
  });

  it('survive a reply that throws', () => {
    const world = makeWorld();
    world.forwarder.ask(requestOf(), () => {
      throw new Error('the socket of this client is gone');
    });
    const got = world.ask();
    say(world, { answer: [a(300)] });
    expect(got).toHaveLength(1);
    expect(world.forwarder.counters.errors).toBe(1);
  });
});

describe('expired answers', () => {
  function expired(
    options: Parameters<typeof makeWorld>[0] = {},
    parts: AnswerParts = { answer: [a(10)] },
  ): World {
    const world = makeWorld(options);
    world.ask();
    say(world, parts);
    world.clock.advance(60_000);
    return world;
  }

  it('are given after 1.8 s without an answer, with TTL 30 and EDE 3', () => {
    const world = expired();
    const got = world.ask();
    world.clock.advance(1799);
    expect(got).toHaveLength(0);
    world.clock.advance(1);
    expect(got[0]!.answer[0]!.ttl).toBe(30);
    expect(got[0]!.edns!.errors[0]!.code).toBe(3);
    world.clock.advance(5000);
    expect(got).toHaveLength(1);
    expect(world.forwarder.status().waiting).toBe(0);
  });

  it('are not given when an upstream answers in time', () => {
    const world = expired();
    const got = world.ask();
    world.clock.advance(1700);
    say(world, { answer: [a(10, 7)] });
    expect(got[0]!.answer[0]).toMatchObject({ data: '192.0.2.7', ttl: 10 });
    expect(got[0]!.edns!.errors).toEqual([]);
  });

  it('are given at once when asking has failed', () => {
    const world = expired({ upstreams: ['192.0.2.1'] });
    const got = world.ask();
    world.sockets.last.error('ECONNREFUSED');
    expect(got[0]!.answer[0]!.ttl).toBe(30);
    expect(world.ask()[0]!.answer[0]!.ttl).toBe(30);
    expect(world.sockets.asked).toHaveLength(2);
  });

  it('carry EDE 19 when they say that there is no such name', () => {
    const world = expired({}, { rcode: 3, authority: [soa(10, 10)] });
    const got = world.ask();
    world.clock.advance(1800);
    expect(got[0]).toMatchObject({ rcode: 3, authority: [{ ttl: 30 }] });
    expect(got[0]!.edns!.errors[0]!.code).toBe(19);
  });

  it('are given at once while all upstreams are known to be silent, and refreshed behind', () => {
    const world = expired({ upstreams: ['192.0.2.1'] });
    world.ask();
    world.clock.advance(6000);
    const before = world.sockets.order.length;
    const got = world.ask();
    expect(got[0]!.answer[0]!.ttl).toBe(30);
    expect(world.sockets.order.length).toBe(before + 1);
    const own = world.sockets.asked.filter(({ message }) => message.question!.name !== '.').at(-1)!;
    own.reply(answerTo(own.query, { answer: [a(10, 8)] }));
    expect(world.ask()[0]!.answer[0]!.data).toBe('192.0.2.8');
  });

  it('are kept only up to serve_stale', () => {
    const world = expired({ serveStale: 45_000 });
    const got = world.ask();
    world.clock.advance(1800);
    expect(got).toHaveLength(0);
  });
});

describe('bounds', () => {
  it('hold for one client, for one VPC and in all, and are released', () => {
    const world = makeWorld({ queries: 8, queriesVpc: 4, queriesClient: 2 });
    const client = 'too many queries of this client are waiting for upstreams';
    const vpc = 'too many queries of this VPC are waiting for upstreams';
    let n = 0;
    const ask = (vpc: string, clientKey: string): string | undefined =>
      world.ask({ vpc, clientKey, name: `n${n++}.example` })[0]?.edns!.errors[0]!.text;
    expect(ask('a', '1')).toBeUndefined();
    expect(ask('a', '1')).toBeUndefined();
    expect(ask('a', '1')).toBe(client);
    expect(ask('a', '2')).toBeUndefined();
    // As many as are left to others.
    expect(ask('a', '2')).toBe(client);
    expect(ask('a', '3')).toBeUndefined();
    expect(ask('a', '4')).toBe(vpc);
    expect(ask('b', '5')).toBeUndefined();
    expect(ask('b', '6')).toBeUndefined();
    expect(ask('b', '7')).toBe(vpc);
    // Who has nothing finds room.
    expect(ask('c', '8')).toBeUndefined();
    expect(ask('c', '9')).toBe(vpc);
    expect(ask('d', '10')).toBeUndefined();
    expect(ask('e', '11')).toBe('too many queries are waiting for upstreams');
    expect(world.forwarder.counters.overflows).toBe(6);
    world.clock.advance(4000);
    expect(world.forwarder.status().waiting).toBe(0);
    expect(ask('a', '1')).toBeUndefined();
  });
});

describe('loops', () => {
  it('are seen by our own mark', () => {
    const world = makeWorld();
    world.ask();
    const { forwarder, sockets } = world;
    const got: Uint8Array[] = [];
    // What we sent comes in at a listener of ours, of another VPC.
    forwarder.ask({ ...requestOf({ vpc: 'globex' }), packet: sockets.last.query }, (answer) =>
      got.push(answer.slice()),
    );
    expect(got[0]![3]! & 15).toBe(2);
    expect(Buffer.from(got[0]!).toString('latin1')).toContain('loop');
    expect(forwarder.counters.loops).toBe(1);
    expect(sockets.asked).toHaveLength(1);
  });

  it('are seen through another podns, which hands marks on', () => {
    const here = makeWorld();
    const there = makeWorld();
    here.ask();
    there.forwarder.ask({ ...requestOf(), packet: here.sockets.last.query }, () => {});
    expect(there.sockets.last.message.edns!.options[0]!.data).toHaveLength(16);
    let rcode = -1;
    here.forwarder.ask({ ...requestOf({ vpc: 'b' }), packet: there.sockets.last.query }, (answer) => {
      rcode = answer[3]! & 15;
    });
    expect(rcode).toBe(2);
  });

  it('end after eight servers even where nobody knows his own mark', () => {
    const world = makeWorld();
    const option = (marks: number) => [{ code: 65001, data: new Uint8Array(8 * marks) }];
    expect(world.ask({ edns: { options: option(7) } })).toHaveLength(0);
    const [got] = world.ask({ type: 28, edns: { options: option(8) } });
    expect(got!.edns!.errors[0]!.code).toBe(0);
  });

  it('through a server that drops marks end in words', () => {
    const world = makeWorld({ upstreams: ['127.0.0.1:5353'] });
    const got = world.ask({ clientKey: '10.0.0.1' });
    const echo = world.ask({ clientKey: '127.0.0.1' });
    // The second asks for a name that would prove the loop, were it to come back; what is asked is not asked again.
    expect(world.sockets.asked.map(({ message }) => message.question!.name)).toEqual([
      'www.example.com.',
      expect.stringMatching(/^[0-9a-f]{24}\.www\.example\.com\.$/),
    ]);
    world.clock.advance(4000);
    for (const [message] of [got, echo]) {
      expect(message).toMatchObject({ rcode: 2 });
      expect(message!.edns!.errors).toEqual([
        { code: 0, text: 'loop: upstream 127.0.0.1:5353 asks podns what podns asks it' },
      ]);
    }
  });
});

describe('upstreams', () => {
  it("are the VPC's, else the configured ones, else those of resolv.conf, without our own listeners", () => {
    const confFile = { version: () => '1', read: () => 'nameserver 127.0.0.1\nnameserver fe80::1%eth0\n' };
    const listeners = () => [{ address: '0.0.0.0', port: 53 }];
    const world = makeWorld({ upstreams: [], confFile, listeners });
    world.ask();
    expect(world.sockets.last.upstream).toBe('[fe80::1%eth0]:53');
    expect(world.forwarder.status()).toMatchObject({
      source: '/etc/resolv.conf',
      defaults: ['[fe80::1%eth0]:53'],
      own: ['127.0.0.1:53'],
    });
    world.ask({ type: 28, upstreams: ['[::ffff:192.0.2.9]:5300'] });
    expect(world.sockets.last.upstream).toBe('192.0.2.9:5300');
    const [got] = world.ask({ type: 16, upstreams: ['::ffff:127.0.0.1'] });
    expect(got!.edns!.errors).toEqual([
      { code: 22, text: 'no upstream: this VPC names only podns itself (127.0.0.1:53)' },
    ]);
  });
});

describe('closing', () => {
  it('lets what is in flight end, answers the rest, and leaves no socket and no timer', async () => {
    const world = makeWorld();
    const first = world.ask();
    const second = world.ask({ name: 'never.example' });
    const closed = world.forwarder.close(2000);
    expect(world.ask({ name: 'late.example' })[0]!.edns!.errors[0]!.text).toBe('podns is shutting down');
    const [one] = world.sockets.asked;
    one!.reply(answerTo(one!.query, { answer: [a(300)] }));
    expect(first[0]!.rcode).toBe(0);
    world.clock.advance(2000);
    await closed;
    expect(second[0]!.edns!.errors[0]!.text).toBe('podns is shutting down');
    expect(world.sockets.openSockets).toBe(0);
    expect(world.clock.pending).toBe(0);
  });
});
