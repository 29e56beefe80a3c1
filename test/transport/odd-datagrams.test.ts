/** Odd datagrams at a whole server: empty, short, responses and from port 0, which get no answer; too long ones. */
import { createRequire } from 'node:module';
import { afterEach, describe, expect, test } from 'vitest';
import { ServerCore } from '../../src/server.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { encodeQuery, expandIp6, u16 } from '../harness/build.ts';
import { skipAloud } from '../harness/tools.ts';
import { parseWire } from '../harness/wire.ts';
import { UdpClient, until } from './clients.ts';

const RESERVE = { names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 };
const AF = { 4: 2, 6: 10 } as const;
const SOCK_RAW = 3;
const IPPROTO_UDP = 17;
type Family = 4 | 6;

const LOOPBACK: Record<Family, string> = { 4: '127.0.0.1', 6: '::1' };
const good = encodeQuery({ id: 0x600d, name: 'db', type: 'AAAA' });

interface Libc {
  socket(family: number, type: number, protocol: number): number;
  sendto(fd: number, bytes: Buffer, length: number, flags: number, name: Buffer, nameLength: number): number;
  close(fd: number): number;
}

function loadLibc(): Libc | undefined {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as {
      load(path: null): { func(prototype: string): never };
    };
    const libc = koffi.load(null);
    return {
      socket: libc.func('int socket(int, int, int)'),
      sendto: libc.func('long sendto(int, const void *, size_t, int, const void *, uint32_t)'),
      close: libc.func('int close(int)'),
    };
  } catch {
    return undefined;
  }
}

function addressOctets(family: Family): Buffer {
  if (family === 4) return Buffer.from(LOOPBACK[4].split('.').map(Number));
  return Buffer.from(expandIp6(LOOPBACK[6]), 'hex');
}

/** Over IPv6 a checksum of 0 is not allowed, so it is computed for both (RFC 768, RFC 8200 section 8.1). */
function datagram(family: Family, from: number, to: number, payload: Buffer): Buffer {
  const length = u16(8 + payload.length);
  const head = Buffer.concat([u16(from), u16(to), length, u16(0)]);
  const address = addressOctets(family);
  const summed = Buffer.concat([
    address,
    address,
    length,
    u16(IPPROTO_UDP),
    head,
    payload,
    Buffer.alloc(payload.length % 2),
  ]);
  let sum = 0;
  for (let at = 0; at < summed.length; at += 2) sum += summed.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  head.writeUInt16BE(~sum & 0xffff || 0xffff, 6);
  return Buffer.concat([head, payload]);
}

/** A socket address whose port is 0, as raw sockets want it. */
function socketName(family: Family): Buffer {
  const name = Buffer.alloc(family === 4 ? 16 : 28);
  name.writeUInt16LE(AF[family], 0);
  addressOctets(family).copy(name, family === 4 ? 4 : 8);
  return name;
}

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

const unavailableReason = batchUnavailableReason();
const libc = loadLibc();
const rawReason =
  libc === undefined
    ? 'koffi is not installed: npm install koffi'
    : process.getuid?.() === 0
      ? undefined
      : 'a raw socket needs root';
const LANES: [string, number][] = [['dgram', 0]];
if (unavailableReason === undefined) LANES.unshift(['batch', 1]);
else skipAloud('odd datagrams on the batch transport', unavailableReason);

describe.each(LANES)('the %s transport', (kind, workers) => {
  async function open(family: Family) {
    const server = new ServerCore({ config: { workers, forward: 'off' }, reserve: RESERVE });
    closing.push({ close: () => server.close(0) });
    await server.apply({
      put: [{ kind: 'pod', vpc: 'aep', namespace: 'web', name: 'db', ip6: 'fdfd:1a8::1' }],
      full: true,
    } as never);
    const address = LOOPBACK[family];
    const { udp, udpKind, port } = await server.listen(
      `${family === 6 ? `[${address}]` : address}:0@aep/web`,
    );
    expect(udpKind).toBe(kind);
    const client = await UdpClient.open(address, port);
    closing.push(client);
    return { udp, port, client };
  }

  test.each([4, 6] as const)('over IPv%i drops what is no query, and counts it', async (family) => {
    const { udp, client } = await open(family);
    const response = Buffer.from(good);
    response[2] = 0x81;
    const odd = [Buffer.alloc(0), Buffer.from([0]), good.subarray(0, 11), response];
    for (const packet of odd) client.send(packet);
    client.send(good);
    const [answer] = await client.received(1);
    expect(parseWire(answer!)).toMatchObject({ id: 0x600d, answer: [{ text: 'fdfd:1a8::1' }] });
    await until(() => udp.counters.answered === 1);
    expect(udp.counters).toMatchObject({ received: odd.length + 1, dropped: odd.length, errors: 0 });
    expect(client.messages).toHaveLength(1);
  });

  test.each([4, 6] as const)('over IPv%i answers long ones', async (family) => {
    const { client } = await open(family);
    const lengths = [4096, 4097, 9000, 60_000];
    for (const [i, length] of lengths.entries()) {
      client.send(Buffer.concat([good, Buffer.alloc(length - good.length)]));
      expect(parseWire((await client.received(i + 1))[i]!).answer).toHaveLength(1);
    }
    // One record too long for what is read: a broken message.
    const record = Buffer.concat([
      Buffer.from([0, 0, 41]),
      u16(1232),
      Buffer.alloc(4),
      u16(5000),
      Buffer.alloc(5000),
    ]);
    const broken = Buffer.concat([good, record]);
    broken.writeUInt16BE(1, 10);
    client.send(broken);
    const [answer] = (await client.received(lengths.length + 1)).slice(-1);
    expect(parseWire(answer!)).toMatchObject({ id: 0x600d, rcode: 1 });
  });

  if (rawReason !== undefined) {
    skipAloud(`${kind}: datagrams from port 0`, rawReason);
    return;
  }

  test.each([4, 6] as const)('over IPv%i sends nothing to port 0', async (family) => {
    const { udp, port, client } = await open(family);
    const fd = libc!.socket(AF[family], SOCK_RAW, IPPROTO_UDP);
    expect(fd).toBeGreaterThanOrEqual(0);
    try {
      const name = socketName(family);
      const send = (from: number): void => {
        const octets = datagram(family, from, port, good);
        expect(libc!.sendto(fd, octets, octets.length, 0, name, name.length)).toBe(octets.length);
      };
      for (let i = 0; i < 10; i++) send(0);
      // The same by the same socket in the client's name: so the others have arrived as well.
      send(client.port);
      await client.received(1);
      client.send(good);
      await client.received(2);
    } finally {
      libc!.close(fd);
    }
    await until(() => udp.counters.answered === 2);
    expect(udp.counters).toMatchObject({ received: 12, dropped: 10, errors: 0 });
    if ('sendErrors' in udp.counters) expect(udp.counters.sendErrors).toBe(0);
  });
});
