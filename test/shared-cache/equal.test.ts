/** What a worker writes from the shared cache is, octet by octet, what the main thread writes for the same client. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Client } from '../../src/answer/decide/client.ts';
import { payloadLimit } from '../../src/answer/encode/encode.ts';
import { OptWriter } from '../../src/answer/encode/opt.ts';
import type { Peer } from '../../src/answer/peer.ts';
import { CachedAnswers } from '../../src/answer/cached-answer.ts';
import { buildQuery } from '../../src/dns/build.ts';
import { parseQuery } from '../../src/dns/message.ts';
import { encodeName } from '../../src/dns/name.ts';
import { Query } from '../../src/dns/query.ts';
import { Forwarder } from '../../src/forward/forwarder.ts';
import type { ForwardRequest } from '../../src/forward/options.ts';
import { reserveSharedCache } from '../../src/shared-cache/memory.ts';
import { SharedCacheReader } from '../../src/shared-cache/cache-reader.ts';
import { SharedCache } from '../../src/shared-cache/shared-cache.ts';
import { VPC_NUMBER } from '../../src/trie/layout.ts';
import { reserveMemory } from '../../src/trie/memory.ts';
import { View } from '../../src/trie/read/view.ts';
import { ScriptedSockets, TestClock, answerTo, soa } from '../forward/world.ts';
import type { AnswerParts, RecordParts } from '../forward/world.ts';

const VPC_RECORD = 100;
const TENANT = 77;
const SETTINGS = {
  ...{ ttl: 5, negativeTtl: 5, zone: 'vpc.internal', suffixes: [], aRecords: 'pinned' as const },
  ...{ nodeName: 'node-7', version: '', chaos: false, cookieSecret: new Uint8Array(16).fill(3), tcpIdle: 30 },
  ...{ forward: 'on' as const, clients: [] },
};
const PEER: Peer = {
  address: new Uint8Array(16).fill(9),
  port: 4000,
  local: new Uint8Array(16),
  listener: { id: 0, text: '', address: '::1', port: 53, vpc: '', namespace: '' },
  tcp: false,
};

interface Request extends ForwardRequest {
  peer: Peer;
}

/** One VPC's cache, asked both ways. */
class Both {
  readonly clock = new TestClock();
  readonly sockets = new ScriptedSockets();
  readonly sharedCache = new SharedCache(reserveSharedCache(1 << 20), () => this.clock.now());
  readonly forwarder: Forwarder<Request>;
  private readonly cached: CachedAnswers;

  constructor() {
    const { sharedCache } = this;
    const view = new View(reserveMemory({ names: 4096, addresses: 4096, arena: 4096 }));
    view.words[VPC_RECORD + VPC_NUMBER] = TENANT;
    const opt = new OptWriter(SETTINGS, () => 1_700_000_000);
    this.cached = new CachedAnswers(
      new SharedCacheReader(sharedCache.memory, 0, () => this.clock.now()),
      view,
      opt,
    );
    this.forwarder = new Forwarder<Request>({
      writeOpt: (query, tcp, ede, out, at, { peer }) =>
        opt.put(
          out,
          at,
          query,
          peer.address,
          tcp,
          0,
          ede?.code ?? -1,
          new TextEncoder().encode(ede?.text ?? ''),
        ),
      ...{ upstreams: ['192.0.2.1'], clock: this.clock, sockets: this.sockets, sharedCache },
    });
  }

  /** By the main thread alone. */
  ask(packet: Uint8Array, tcp = false): Uint8Array | undefined {
    let got: Uint8Array | undefined;
    const query = new Query();
    parseQuery(packet, 0, packet.length, query);
    const peer = { ...PEER, tcp };
    const limit = payloadLimit(query, tcp);
    this.forwarder.ask(
      { packet, tenant: TENANT, upstreams: undefined, clientKey: 'x', limit, tcp, peer },
      (answer) => (got = answer.slice()),
    );
    return got;
  }

  /** From the shared cache alone. The packet and the answer stand in the midst of larger buffers. */
  take(packet: Uint8Array, tcp = false, vpc = VPC_RECORD): Uint8Array | undefined {
    const input = new Uint8Array(packet.length + 50);
    input.set(packet, 33);
    const query = new Query();
    parseQuery(input, 33, 33 + packet.length, query);
    const client = new Client();
    client.vpc = vpc;
    const out = new Uint8Array(70_000);
    const peer = { ...PEER, tcp };
    const length = this.cached.answer(query, client, peer, out, 21, payloadLimit(query, tcp));
    this.cached.reader.leave();
    expect(out.subarray(0, 21).every((octet) => octet === 0)).toBe(true);
    return length === 0 ? undefined : out.slice(21, 21 + length);
  }
}

const NAME = 'www.Example.com';
const ttl = fc.oneof(fc.integer({ min: 1, max: 400 }), fc.constant(0x7fffffff));
const record: fc.Arbitrary<RecordParts> = fc
  .record({
    name: fc.constantFrom(undefined, 'other.example', 'www.example.com'),
    ttl,
    data: fc.uint8Array({ minLength: 1, maxLength: 60 }),
  })
  // Type 65280 is nobody's: any data are sound.
  .map(({ name, ...rest }) => ({ type: 65280, ...rest, ...(name === undefined ? {} : { name }) }));
const answers: fc.Arbitrary<AnswerParts> = fc.oneof(
  fc.record({
    flags: fc.constantFrom(0, 0x20, 0x400, 0x430),
    answer: fc.array(record, { minLength: 1, maxLength: 14 }),
    authority: fc.array(record, { maxLength: 3 }),
    additional: fc.array(record, { maxLength: 6 }),
    edns: fc.constantFrom({}, { do: true }),
  }),
  fc.record({
    rcode: fc.constantFrom(0, 3),
    flags: fc.constantFrom(0, 0x20),
    authority: fc.tuple(ttl, ttl).map(([one, two]) => [soa(one, two)]),
  }),
);
const options = fc.subarray([
  { code: 3, data: new Uint8Array(0) },
  { code: 10, data: new Uint8Array(8).fill(5) },
  { code: 10, data: new Uint8Array(24).fill(6) },
  { code: 11, data: new Uint8Array(0) },
  { code: 12, data: new Uint8Array(7) },
]);
const edns = fc.record({ size: fc.constantFrom(0, 512, 600, 900, 1232, 4096), options });

describe('the shared cache and the main thread', () => {
  test('give the same octets, for all flags, options, sizes and ages', () => {
    let whole = 0;
    let left = 0;
    fc.assert(
      fc.property(
        answers,
        fc.record({ ad: fc.boolean(), cd: fc.boolean(), do: fc.boolean(), tcp: fc.boolean() }),
        fc.option(edns, { nil: undefined }),
        fc.integer({ min: 0, max: 400_000 }),
        fc.integer({ min: 0, max: 65535 }),
        (said, asked, withEdns, age, id) => {
          const both = new Both();
          const ednsParts = withEdns === undefined ? undefined : { ...withEdns, do: asked.do };
          const parts = { name: encodeName(NAME), type: 65280, id, ad: asked.ad, cd: asked.cd };
          const packet = buildQuery({ ...parts, ...(ednsParts === undefined ? {} : { edns: ednsParts }) });
          packet.set(Buffer.from(NAME.split('.')[1]!, 'latin1'), 12 + 5);
          expect(both.take(packet, asked.tcp)).toBeUndefined();
          both.ask(packet, asked.tcp);
          both.sockets.last.reply(answerTo(both.sockets.last.query, said));
          both.clock.advance(age);
          both.sharedCache.lease(1);
          const taken = both.take(packet, asked.tcp);
          const sent = both.sockets.asked.length;
          const main = both.ask(packet, asked.tcp);
          if (taken !== undefined) {
            whole++;
            expect(Buffer.from(taken).toString('hex')).toBe(Buffer.from(main!).toString('hex'));
            return;
          }
          left++;
          // Left to the main thread: it has expired, or does not fit whole.
          if (main === undefined || both.sockets.asked.length > sent) return;
          const kept = [6, 8, 10].reduce((sum, at) => sum + (main[at]! << 8) + main[at + 1]!, 0);
          const { answer = [], authority = [], additional = [] } = said;
          const all =
            answer.length + authority.length + additional.length + (ednsParts === undefined ? 0 : 1);
          expect(kept).toBeLessThan(all);
        },
      ),
      { numRuns: 1500 },
    );
    expect(whole).toBeGreaterThan(200);
    expect(left).toBeGreaterThan(100);
  });

  test('differ where the main thread must see the query', () => {
    const both = new Both();
    const parts = { name: 'www.example.com', type: 65280 };
    const plain = buildQuery(parts);
    both.ask(plain);
    const data = Uint8Array.of(1);
    both.sockets.last.reply(answerTo(both.sockets.last.query, { answer: [{ type: 65280, ttl: 300, data }] }));
    expect(both.take(plain)).toBeDefined();
    expect(both.take(plain, false, 0)).toBeUndefined();
    expect(both.take(buildQuery({ ...parts, rd: false }))).toBeUndefined();
    const mark = [{ code: 65001, data: new Uint8Array(8) }];
    expect(both.take(buildQuery({ ...parts, edns: { options: mark } }))).toBeUndefined();
    expect(both.forwarder.counters).toMatchObject({ queries: 2, hits: 1, misses: 1 });
  });

  test('agree that an answer with an extended error is for the main thread', () => {
    const both = new Both();
    const packet = buildQuery({ name: 'www.example.com', type: 65280, edns: {} });
    both.ask(packet);
    const ede = [{ code: 15, data: Uint8Array.of(0, 4, 104, 105) }];
    const answer = [{ type: 65280, ttl: 300, data: Uint8Array.of(1) }];
    both.sockets.last.reply(answerTo(both.sockets.last.query, { answer, edns: { options: ede } }));
    expect(both.take(packet)).toBeUndefined();
    expect(Buffer.from(both.ask(packet)!).toString('latin1')).toContain('hi');
  });
});
