/** The UDP transport on node:dgram: the common behaviour, wildcards, odd datagrams, sockets taken over. */
import { Socket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import type { NetworkInterfaceInfo } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DgramTransport } from '../../src/transport/udp-dgram/udp-dgram.ts';
import type { DgramOptions } from '../../src/transport/udp-dgram/sockets.ts';
import { skipAloud } from '../harness/tools.ts';
import { transportBehaviour } from './behaviour.ts';
import { UdpClient, until } from './clients.ts';
import { loadDuplicate } from './duplicate.ts';
import { ECHO, Fake, HOLD, HOLD_SIZED, makeListener, makeQuery } from './fake.ts';

transportBehaviour('udp-dgram', {
  protocol: 'udp',
  make: (listener, answering) => new DgramTransport(listener, answering),
  together: (answering) => ({
    make: (listener) => new DgramTransport(listener, answering),
    close: () => Promise.resolve(),
  }),
});

const open: { close(): Promise<void> }[] = [];

async function openTransport(address: string, options: DgramOptions = {}, port = 0) {
  const fake = new Fake();
  const transport = new DgramTransport(makeListener(address, port), fake, options);
  open.push({ close: () => transport.close(50) });
  return { fake, transport, port: await transport.open() };
}

async function openClient(address: string, port: number): Promise<UdpClient> {
  const client = await UdpClient.open(address, port);
  open.push(client);
  return client;
}

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(open.splice(0).map((each) => each.close()));
});

/** Interfaces with these addresses, all on one link. */
function interfacesOf(addresses: string[]) {
  const infos = addresses.map(
    (address) => ({ address, family: address.includes(':') ? 'IPv6' : 'IPv4' }) as NetworkInterfaceInfo,
  );
  return () => ({ test0: infos });
}

/** The sockets that transports bind while the test runs. */
function watchSockets(): Socket[] {
  const sockets: Socket[] = [];
  const bind = Socket.prototype.bind;
  vi.spyOn(Socket.prototype, 'bind').mockImplementation(function (this: Socket, ...args: unknown[]) {
    sockets.push(this);
    return Reflect.apply(bind, this, args) as Socket;
  });
  return sockets;
}

function from(port: number, address = '127.0.0.1'): RemoteInfo {
  return { port, address, family: 'IPv4', size: 0 };
}

describe('odd datagrams', () => {
  it('takes empty and short ones', async () => {
    const { transport, port } = await openTransport('127.0.0.1');
    const client = await openClient('127.0.0.1', port);
    client.send(new Uint8Array(0));
    client.send(new Uint8Array(11));
    client.send(makeQuery(1));
    await client.received(1);
    await until(() => transport.counters.answered === 1);
    expect(transport.counters).toMatchObject({ received: 3, dropped: 2, errors: 0 });
  });

  it('reads the beginning of a long one', async () => {
    const { port } = await openTransport('127.0.0.1');
    const client = await openClient('127.0.0.1', port);
    for (const [i, length] of [4096, 4097, 1200].entries()) {
      client.send(makeQuery(i, ECHO, length));
      const answers = await client.received(i + 1);
      expect(answers[i]!.length).toBe(Math.min(length, 4096));
    }
  });

  it('never answers to port 0, and does not throw', async () => {
    const sockets = watchSockets();
    const { fake, transport } = await openTransport('127.0.0.1');
    sockets[0]!.emit('message', makeQuery(1), from(0));
    expect(transport.counters).toMatchObject({ received: 1, dropped: 1, errors: 0, sendErrors: 0 });
    expect(fake.last).toBeUndefined();
  });

  it('counts answers that the system refuses', async () => {
    const sockets = watchSockets();
    const { fake, transport, port } = await openTransport('127.0.0.1');
    // EACCES: a broadcast without the right to.
    sockets[0]!.emit('message', makeQuery(1), from(53, '255.255.255.255'));
    await until(() => transport.counters.sendErrors === 1);
    // EMSGSIZE: more than a datagram holds.
    const client = await openClient('127.0.0.1', port);
    client.send(makeQuery(2, HOLD_SIZED, 32, 65_535));
    await fake.holding(1);
    fake.release();
    await until(() => transport.counters.sendErrors === 2);
    client.send(makeQuery(3));
    await client.received(1);
    await until(() => transport.counters.answered === 1);
    expect(transport.counters).toMatchObject({ received: 3, errors: 0 });
  });

  it('does not touch an answer that the system has not sent yet', async () => {
    const sockets = watchSockets();
    const { transport } = await openTransport('127.0.0.1');
    const sent: { bytes: Buffer; done: (error: Error | null, octets: number) => void }[] = [];
    vi.spyOn(Socket.prototype, 'send').mockImplementation(((...args: unknown[]) => {
      sent.push({ bytes: args[0] as Buffer, done: args[5] as () => void });
    }) as typeof Socket.prototype.send);
    for (let id = 1; id <= 3; id++) sockets[0]!.emit('message', makeQuery(id), from(53));
    expect(sent.map(({ bytes }) => bytes.readUInt16BE(0))).toEqual([1, 2, 3]);
    for (const { done } of sent) done(null, 32);
    expect(transport.counters.answered).toBe(3);
    // With nothing under way the buffer is used again.
    sockets[0]!.emit('message', makeQuery(4), from(53));
    sent[3]!.done(null, 32);
    sockets[0]!.emit('message', makeQuery(5), from(53));
    sent[4]!.done(null, 32);
    expect(sent[3]!.bytes).toBe(sent[4]!.bytes);
  });

  it('bounds the answers that wait for the system', async () => {
    const sockets = watchSockets();
    const { transport } = await openTransport('127.0.0.1');
    const waiting: (() => void)[] = [];
    vi.spyOn(Socket.prototype, 'send').mockImplementation(((...args: unknown[]) => {
      waiting.push(() => (args[5] as (error: null, octets: number) => void)(null, 32));
    }) as typeof Socket.prototype.send);
    for (let id = 0; id < 1100; id++) sockets[0]!.emit('message', makeQuery(id), from(53));
    expect(waiting.length).toBe(1024);
    expect(transport.counters.sendErrors).toBe(76);
    for (const done of waiting) done();
    expect(transport.counters.answered).toBe(1024);
  });
});

describe('wildcard listeners', () => {
  it('answers from the address that was asked, and knows it', async () => {
    const { fake, port } = await openTransport('0.0.0.0', {
      interfaces: interfacesOf(['127.0.0.1', '127.0.0.2', '::1']),
    });
    for (const address of ['127.0.0.1', '127.0.0.2']) {
      const client = await openClient(address, port);
      client.send(makeQuery(1));
      await client.received(1);
      expect(client.from).toEqual([`${address} ${port}`]);
      expect(fake.last!.local).toBe(`00000000000000000000ffff7f00000${address.at(-1)}`);
    }
  });

  it('finds the interfaces of this host', async () => {
    for (const [wildcard, address] of [
      ['0.0.0.0', '127.0.0.1'],
      ['::', '::1'],
    ] as const) {
      const { transport, port } = await openTransport(wildcard);
      expect([...transport.descriptors().keys()]).toContain(address);
      const client = await openClient(address, port);
      client.send(makeQuery(1));
      await client.received(1);
    }
  });

  it('follows addresses that come and go', async () => {
    let addresses = ['127.0.0.1', '127.0.0.2'];
    const { transport, port } = await openTransport('0.0.0.0', {
      interfaces: () => interfacesOf(addresses)(),
      rescanMs: 0,
    });
    addresses = ['127.0.0.2', '127.0.0.3', '192.0.2.1'];
    await transport.rescan();
    expect([...transport.descriptors().keys()]).toEqual(['127.0.0.2', '127.0.0.3']);
    // 192.0.2.1 is not this host's: counted, and tried again next time.
    expect(transport.counters.socketErrors).toBe(1);
    const client = await openClient('127.0.0.3', port);
    client.send(makeQuery(1));
    await client.received(1);
    const other = await openTransport('127.0.0.1', {}, port);
    expect(other.port).toBe(port);
  });

  it('keeps its sockets when the system does not tell its interfaces', async () => {
    let blind = false;
    const { transport } = await openTransport('0.0.0.0', {
      interfaces: () => {
        if (blind) throw new Error('no netlink here');
        return interfacesOf(['127.0.0.1'])();
      },
    });
    blind = true;
    await transport.rescan();
    expect([...transport.descriptors().keys()]).toEqual(['127.0.0.1']);
  });

  it('sends a deferred answer nowhere when its address has gone', async () => {
    let addresses = ['127.0.0.1', '127.0.0.2'];
    const { fake, transport, port } = await openTransport('0.0.0.0', {
      interfaces: () => interfacesOf(addresses)(),
    });
    const client = await openClient('127.0.0.2', port);
    client.send(makeQuery(1, HOLD));
    await fake.holding(1);
    addresses = ['127.0.0.1'];
    await transport.rescan();
    fake.release();
    expect(transport.counters).toMatchObject({ sendErrors: 1, errors: 0 });
  });

  it('leaves nothing open when one of the addresses is taken', async () => {
    const blocker = await openTransport('127.0.0.3');
    const interfaces = interfacesOf(['127.0.0.1', '127.0.0.2', '127.0.0.3']);
    const transport = new DgramTransport(makeListener('0.0.0.0', blocker.port), new Fake(), { interfaces });
    await expect(transport.open()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(transport.descriptors().size).toBe(0);
    for (const address of ['127.0.0.1', '127.0.0.2']) {
      expect((await openTransport(address, {}, blocker.port)).port).toBe(blocker.port);
    }
  });

  it('rejects when there is no address at all', async () => {
    const transport = new DgramTransport(makeListener('::'), new Fake(), {
      interfaces: interfacesOf(['127.0.0.1']),
    });
    await expect(transport.open()).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });

  it('gives link-local addresses the name of their interface', async () => {
    const interfaces = interfacesOf(['::1', 'fe80::1']);
    const { transport } = await openTransport('::', { interfaces });
    // There is no test0: that address is counted and left out.
    expect([...transport.descriptors().keys()]).toEqual(['::1']);
    expect(transport.counters.socketErrors).toBe(1);
  });
});

describe('sockets taken over', () => {
  const loaded = loadDuplicate();
  if ('reason' in loaded) {
    skipAloud('adopts a bound socket', loaded.reason);
    return;
  }

  it('adopts a bound socket, while the predecessor still answers what it holds', async () => {
    const old = await openTransport('127.0.0.1');
    const client = await openClient('127.0.0.1', old.port);
    client.send(makeQuery(1, HOLD));
    await old.fake.holding(1);
    const fd = loaded.duplicate(old.transport.descriptors().get('127.0.0.1')!);
    const next = await openTransport('127.0.0.1', { fd }, old.port);
    expect(next.port).toBe(old.port);
    old.transport.quiet();
    for (let id = 2; id < 12; id++) client.send(makeQuery(id));
    await client.received(10);
    expect(next.transport.counters.received).toBe(10);
    expect(old.transport.counters.received).toBe(1);
    const closing = old.transport.close(20_000);
    old.fake.release();
    await closing;
    const answers = await client.received(11);
    expect(answers[10]!.readUInt16BE(0)).toBe(1);
    client.send(makeQuery(12));
    await client.received(12);
    expect(next.fake.last!.local).toBe('00000000000000000000ffff7f000001');
  });

  it('adopts the sockets of a wildcard by address, and binds the others', async () => {
    const old = await openTransport('0.0.0.0', { interfaces: interfacesOf(['127.0.0.1']) });
    const fds = new Map([['127.0.0.1', loaded.duplicate(old.transport.descriptors().get('127.0.0.1')!)]]);
    const interfaces = interfacesOf(['127.0.0.1', '127.0.0.2']);
    const next = await openTransport('0.0.0.0', { fds, interfaces }, old.port);
    await old.transport.close();
    for (const address of ['127.0.0.1', '127.0.0.2']) {
      const client = await openClient(address, old.port);
      client.send(makeQuery(1));
      await client.received(1);
    }
    expect(next.transport.counters.received).toBe(2);
  });

  it('rejects a descriptor that is no UDP socket', async () => {
    const transport = new DgramTransport(makeListener('127.0.0.1'), new Fake(), { fd: loaded.duplicate(0) });
    await expect(transport.open()).rejects.toThrow();
  });
});
