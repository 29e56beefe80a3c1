/** A batch that was looked at prefetch is answered as one that was not, octet by octet, whatever is in it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Batch } from '../../src/answer/prefetch.ts';
import type { Listener, Peer } from '../../src/answer/peer.ts';
import { createResponder } from '../../src/answer/worker.ts';
import { parseAddress } from '../../src/dns/address.ts';
import { ServerCore } from '../../src/server.ts';
import { encodeQuery } from '../harness/build.ts';
import { askArbitrary, changeArbitrary, tenantResources, TENANTS, turnCase } from '../harness/random.ts';

const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 60);
const RESERVE = { names: 1 << 20, addresses: 1 << 20, arena: 1 << 22 };
const STRIDE = 512;
const ADDRESSES = 64 * STRIDE;

interface Packet {
  octets: Uint8Array;
  /** 16 octets. */
  source: Uint8Array;
}

/** Packets side by side in one memory, senders behind them, as the batch transport has them. */
class Packets implements Batch {
  readonly bytes = new Uint8Array(ADDRESSES + 64 * 16);
  readonly words = new Int32Array(this.bytes.buffer);
  readonly wide: boolean;
  private readonly packets: Packet[];

  constructor(packets: Packet[], wide: boolean) {
    this.packets = packets;
    this.wide = wide;
    packets.forEach(({ octets, source }, i) => {
      this.bytes.set(octets, this.inputAt(i));
      this.bytes.set(wide ? source : source.subarray(12), ADDRESSES + 16 * i);
    });
  }

  inputAt(i: number): number {
    return i * STRIDE;
  }

  inputLength(i: number): number {
    return this.packets[i]!.octets.length;
  }

  addressAt(i: number): number {
    return (ADDRESSES + 16 * i) >> 2;
  }
}

const red = TENANTS[0]!;
const octets = fc.uint8Array({ minLength: 1, maxLength: 60 });
/** Mostly questions, some of them cut short or with an octet changed. */
const packetArbitrary = fc
  .tuple(
    fc.oneof(askArbitrary(red), askArbitrary(TENANTS[1]!)),
    fc.integer(),
    fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, fc.tuple(fc.nat(), fc.nat(255))),
    fc.oneof({ weight: 20, arbitrary: fc.constant(null) }, octets),
  )
  .map(([ask, seed, broken, other]) => {
    if (other !== null) return other;
    const query = Uint8Array.from(
      encodeQuery({ name: turnCase(ask.name, seed), type: ask.type, id: seed & 0xffff }),
    );
    if (broken === null) return query;
    const [at, octet] = broken;
    if (octet < 128) return query.subarray(0, 12 + (at % (query.length - 12)));
    query[12 + (at % (query.length - 12))] = octet;
    return query;
  });

function keyOf(text: string): Uint8Array {
  const octets = new Uint8Array(16);
  parseAddress(text.split('/')[0]!, octets, 0);
  return octets;
}

/** NOERROR with a record. */
function hasAnswer(said: string): boolean {
  return said.length > 24 && said[7] === '0' && said.slice(12, 16) !== '0000';
}

const scopes = ['', 'red', 'red/alpha', 'nobody'];

test('answers are the same with it and without', async () => {
  const story = fc.record({
    changes: fc.array(fc.oneof(changeArbitrary(red), changeArbitrary(TENANTS[1]!)), {
      minLength: 20,
      maxLength: 40,
      size: 'max',
    }),
    packets: fc.array(packetArbitrary, { minLength: 1, maxLength: 64, size: 'max' }),
    picks: fc.array(fc.nat(), { minLength: 64, maxLength: 64 }),
    scope: fc.constantFrom(...scopes),
    wide: fc.boolean(),
  });
  let answered = 0;
  const property = fc.asyncProperty(story, async ({ changes, packets, picks, scope, wide }) => {
    const server = new ServerCore({ config: { forward: 'off' }, reserve: RESERVE });
    try {
      await server.apply({ put: TENANTS.flatMap(tenantResources), full: true });
      for (const change of changes) {
        await server.apply('put' in change ? { put: [change.put] } : { delete: [change.remove] });
      }
      const sources = [...server.catalog.list('pod')]
        .flatMap((pod) => (pod.kind === 'pod' ? [pod.ip6, ...pod.overlays.map(({ ip4 }) => ip4)] : []))
        .filter((address) => address !== undefined && address.includes(':') === wide)
        .map((address) => keyOf(address!));
      sources.push(keyOf(wide ? '2001:db8::1' : '192.0.2.1'));
      const batch = new Packets(
        packets.map((each, i) => ({ octets: each, source: sources[picks[i]! % sources.length]! })),
        wide,
      );
      const [vpc = '', namespace = ''] = scope.split('/');
      const listener: Listener = { id: 0, text: scope, address: '::', port: 53, vpc, namespace };
      const answer = (prefetch: boolean): string[] => {
        const data = { memory: server.memory, reader: 0, settings: server.settings };
        const responder = createResponder(data);
        const out = new Uint8Array(1400);
        responder.enter(batch, 0, listener);
        // Of so few records it would not pay.
        if (prefetch) responder['prefetch'].look(batch, packets.length, listener);
        const said = packets.map((each, i) => {
          const peer: Peer = {
            address: sources[picks[i]! % sources.length]!,
            port: 4000,
            local: new Uint8Array(16),
            listener,
            tcp: false,
          };
          const from = batch.inputAt(i);
          const length = responder.answerPacket(batch.bytes, from, from + each.length, peer, out, 0, i);
          return length <= 0 ? String(length) : Buffer.from(out.subarray(0, length)).toString('hex');
        });
        responder.leave();
        return said;
      };
      const plain = answer(false);
      answered += plain.filter(hasAnswer).length;
      expect(answer(true)).toEqual(plain);
    } finally {
      await server.close(0);
    }
  });
  await fc.assert(property, { numRuns: RUNS });
  expect(answered).toBeGreaterThan(0);
}, 300_000);
