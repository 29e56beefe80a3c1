/** What every transport must do, whatever carries its packets: one suite, run against each implementation. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Listener } from '../../src/answer/peer.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { TcpClient, UdpClient, until } from './clients.ts';
import type { Client } from './clients.ts';
import {
  DROP,
  Fake,
  HOLD,
  makeListener,
  makeQuery,
  REPLY_AT_ONCE,
  SIZED,
  THROW,
  THROW_DEFER,
} from './fake.ts';

export interface TransportUnderTest {
  protocol: 'udp' | 'tcp';
  make(listener: Listener, answering: Fake): Transport;
  /** Makes transports that share what transports of one server share; `close` comes after theirs. */
  together(answering: Fake): { make(listener: Listener): Transport; close(): Promise<void> };
  /** It binds addresses that this host does not have, for when they come. */
  isEarly?: boolean;
}

const MAPPED_LOOPBACK = '00000000000000000000ffff7f000001';
const LOOPBACK6 = '00000000000000000000000000000001';

export function transportBehaviour(
  name: string,
  { protocol, make, together, isEarly = false }: TransportUnderTest,
): void {
  const transports: Transport[] = [];
  const clients: Client[] = [];

  async function open(address = '127.0.0.1', port = 0) {
    const fake = new Fake();
    const transport = make(makeListener(address, port), fake);
    transports.push(transport);
    return { fake, transport, port: await transport.open() };
  }

  async function client(port: number, address = '127.0.0.1'): Promise<Client> {
    const made = await (protocol === 'udp' ? UdpClient.open(address, port) : TcpClient.open(address, port));
    clients.push(made);
    return made;
  }

  const groups: { close(): Promise<void> }[] = [];

  function group() {
    const fake = new Fake();
    const made = together(fake);
    groups.push(made);
    const open = async (address: string, port = 0) => {
      const transport = made.make(makeListener(address, port));
      transports.push(transport);
      return { transport, port: await transport.open() };
    };
    return { fake, open };
  }

  describe(`every transport: ${name}`, () => {
    afterEach(async () => {
      await Promise.all(clients.splice(0).map((each) => each.close()));
      await Promise.all(transports.splice(0).map((each) => each.close(200)));
      await Promise.all(groups.splice(0).map((each) => each.close()));
    });

    it.each([
      ['127.0.0.1', MAPPED_LOOPBACK],
      ['::1', LOOPBACK6],
    ])('answers on %s, and says who asks and what was asked', async (address, octets) => {
      const { fake, transport, port } = await open(address);
      expect(port).toBeGreaterThan(0);
      const asker = await client(port, address);
      const query = makeQuery(0x1234);
      asker.send(query);
      const [answer] = await asker.received(1);
      query[2] = 0x81;
      expect(answer).toEqual(query);
      expect(fake.last).toMatchObject({
        address: octets,
        port: asker.port,
        local: octets,
        listener: transport.listener,
        tcp: protocol === 'tcp',
      });
      await until(() => transport.counters.answered === 1);
      expect(transport.counters).toMatchObject({
        received: 1,
        answered: 1,
        dropped: 0,
        deferred: 0,
        errors: 0,
      });
    });

    it('tells two addresses of one host apart', async () => {
      const { fake, port } = await open('127.0.0.7');
      const asker = await client(port, '127.0.0.7');
      asker.send(makeQuery(1));
      await asker.received(1);
      expect(fake.last!.local).toBe('00000000000000000000ffff7f000007');
    });

    it('serves many clients at once, each with its own answers', async () => {
      const { transport, port } = await open();
      const askers = await Promise.all(Array.from({ length: 20 }, () => client(port)));
      const rounds = 10;
      for (let round = 0; round < rounds; round++) {
        askers.forEach((asker, i) => asker.send(makeQuery(i * 100 + round)));
        await Promise.all(askers.map((asker) => asker.received(round + 1)));
      }
      askers.forEach((asker, i) => {
        const ids = asker.messages.map((message) => message.readUInt16BE(0));
        expect(ids).toEqual(Array.from({ length: rounds }, (_, round) => i * 100 + round));
      });
      await until(() => transport.counters.answered === 200);
      expect(transport.counters.received).toBe(200);
    });

    it('sends deferred answers when they are there, and others meanwhile', async () => {
      const { fake, transport, port } = await open();
      const asker = await client(port);
      asker.send(makeQuery(1, HOLD));
      asker.send(makeQuery(2, HOLD));
      await fake.holding(2);
      asker.send(makeQuery(3));
      await asker.received(1);
      fake.release(true);
      const answers = await asker.received(3);
      expect(answers.map((answer) => answer.readUInt16BE(0))).toEqual([3, 2, 1]);
      expect(answers[1]).toEqual(Buffer.concat([Buffer.from([0, 2, 0x81]), makeQuery(2, HOLD).subarray(3)]));
      await until(() => transport.counters.answered === 3);
      expect(transport.counters).toMatchObject({ received: 3, deferred: 2, dropped: 0, errors: 0 });
    });

    it('takes a reply that comes before defer returns, and only the first', async () => {
      const { transport, port } = await open();
      const asker = await client(port);
      asker.send(makeQuery(1, REPLY_AT_ONCE));
      await asker.received(1);
      asker.send(makeQuery(2));
      const answers = await asker.received(2);
      expect(answers.map((answer) => answer.readUInt16BE(0))).toEqual([1, 2]);
      await until(() => transport.counters.answered === 2);
      expect(transport.counters.deferred).toBe(1);
    });

    it('counts a throw on a packet and goes on', async () => {
      const { transport, port } = await open();
      const asker = await client(port);
      asker.send(makeQuery(1, THROW));
      asker.send(makeQuery(2, THROW_DEFER));
      asker.send(makeQuery(3));
      const [answer] = await asker.received(1);
      expect(answer!.readUInt16BE(0)).toBe(3);
      await until(() => transport.counters.answered === 1 && transport.counters.errors === 2);
      expect(transport.counters.received).toBe(3);
    });

    it('drops without a word, responses too', async () => {
      const { transport, port } = await open();
      const asker = await client(port);
      const response = makeQuery(2);
      response[2] = 0x81;
      asker.send(makeQuery(1, DROP));
      asker.send(response);
      asker.send(makeQuery(3));
      const [answer] = await asker.received(1);
      expect(answer!.readUInt16BE(0)).toBe(3);
      expect(transport.counters.dropped).toBe(2);
    });

    it('sends long answers', async () => {
      const { port, fake } = await open();
      const asker = await client(port);
      asker.send(makeQuery(1, SIZED, 32, 1232));
      const [answer] = await asker.received(1);
      expect(answer!.length).toBe(1232);
      expect(fake.last!.room).toBeGreaterThanOrEqual(protocol === 'tcp' ? 65_535 : 1232);
    });

    it('rejects an address in use with the system error, and leaves nothing open', async () => {
      const first = await open();
      const second = make(makeListener('127.0.0.1', first.port), new Fake());
      await expect(second.open()).rejects.toMatchObject({ code: 'EADDRINUSE' });
      await second.close();
      await first.transport.close();
      const third = await open('127.0.0.1', first.port);
      expect(third.port).toBe(first.port);
      const asker = await client(third.port);
      asker.send(makeQuery(1));
      await asker.received(1);
    });

    it(`${isEarly ? 'binds' : 'rejects'} an address that this host does not have`, async () => {
      // TEST-NET-1: nobody's.
      const transport = make(makeListener('192.0.2.1'), new Fake());
      if (isEarly) {
        transports.push(transport);
        expect(await transport.open()).toBeGreaterThan(0);
        return;
      }
      await expect(transport.open()).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
      await transport.close();
    });

    it('lets answers in flight leave before it closes', async () => {
      const { fake, transport, port } = await open();
      const asker = await client(port);
      asker.send(makeQuery(7, HOLD));
      await fake.holding(1);
      let closed = false;
      const closing = transport.close(20_000).then(() => (closed = true));
      await new Promise((done) => setTimeout(done, 20));
      expect(closed).toBe(false);
      fake.release();
      const [answer] = await asker.received(1);
      expect(answer!.readUInt16BE(0)).toBe(7);
      if (asker instanceof TcpClient) {
        await asker.ended;
        asker.socket.end();
      }
      await closing;
      const again = await open('127.0.0.1', port);
      expect(again.port).toBe(port);
    });

    it('closes at the end of the grace when an answer never comes, and ignores it afterwards', async () => {
      const { fake, transport, port } = await open();
      const asker = await client(port);
      asker.send(makeQuery(7, HOLD));
      await fake.holding(1);
      await transport.close(20);
      fake.release();
      await transport.close();
      expect(transport.counters.answered).toBe(0);
      const again = await open('127.0.0.1', port);
      expect(again.port).toBe(port);
    });

    it('waits no longer for an answer that will not come, and sends nothing', async () => {
      const { fake, transport, port } = await open();
      const asker = await client(port);
      asker.send(makeQuery(7, HOLD));
      await fake.holding(1);
      fake.forget();
      asker.send(makeQuery(8));
      const [answer] = await asker.received(1);
      expect(answer!.readUInt16BE(0)).toBe(8);
      await until(() => transport.counters.answered === 1);
      expect(transport.counters).toMatchObject({ received: 2, deferred: 1, dropped: 1 });
      asker.send(makeQuery(9, HOLD));
      await fake.holding(1);
      // Longer than a test may take: it is over when nothing is owed.
      const closed = transport.close(1_000_000);
      fake.forget();
      if (asker instanceof TcpClient) {
        await asker.ended;
        asker.socket.end();
      }
      await closed;
    });

    it('answers a message of any length', async () => {
      const { port } = await open();
      const asker = await client(port);
      for (const [i, length] of [4096, 4097, 9000, 60_000].entries()) {
        asker.send(makeQuery(i, SIZED, length, 40));
        const answers = await asker.received(i + 1);
        expect(answers[i]!.readUInt16BE(0)).toBe(i);
      }
    });

    it('serves several listeners, each as itself', async () => {
      const { fake, open: openOne } = group();
      const addresses = ['127.0.0.1', '127.0.0.2', '::1', '127.0.0.3'];
      const askers: Client[] = [];
      for (const address of addresses) {
        const { transport, port } = await openOne(address);
        const asker = await client(port, address);
        asker.send(makeQuery(1));
        await asker.received(1);
        expect(fake.last).toMatchObject({ listener: transport.listener, port: asker.port });
        askers.push(asker);
      }
      // What takes time leaves from the socket that it came by, connected clients hear nothing else.
      askers.forEach((asker, i) => asker.send(makeQuery(10 + i, HOLD)));
      await fake.holding(askers.length);
      fake.release(true);
      for (const [i, asker] of askers.entries()) {
        expect((await asker.received(2))[1]!.readUInt16BE(0)).toBe(10 + i);
      }
      for (const transport of transports) {
        await until(() => transport.counters.answered === 2);
        expect(transport.counters).toMatchObject({ received: 2, deferred: 1, dropped: 0, errors: 0 });
      }
    });

    it('lets listeners come and go while another answers all that it is asked', async () => {
      const { fake, open: openOne } = group();
      const { transport, port } = await openOne('127.0.0.1');
      const asker = await client(port);
      let sent = 0;
      let over = false;
      const asking = (async () => {
        while (!over) {
          for (let i = 0; i < 20; i++) asker.send(makeQuery(sent++, i === 7 ? REPLY_AT_ONCE : 0));
          await asker.received(sent);
        }
      })();
      for (let round = 0; round < 20; round++) {
        const other = await openOne('127.0.0.2', port);
        const guest = await client(port, '127.0.0.2');
        guest.send(makeQuery(1));
        guest.send(makeQuery(2, HOLD));
        await guest.received(1);
        await fake.holding(1);
        const closed = other.transport.close(20_000);
        fake.release();
        await guest.received(2);
        if (guest instanceof TcpClient) {
          await guest.ended;
          guest.socket.end();
        }
        await closed;
        expect(other.transport.counters).toMatchObject({ answered: 2, errors: 0 });
      }
      over = true;
      await asking;
      await until(() => transport.counters.answered === sent);
      expect(transport.counters).toMatchObject({ received: sent, dropped: 0, errors: 0 });
    });

    it('serves 500 listeners', async () => {
      const { open: openOne } = group();
      const { port } = await openOne('127.2.0.0');
      for (let i = 1; i < 500; i++) await openOne(`127.2.${i >> 8}.${i & 255}`, port);
      for (let i = 0; i < 500; i++) {
        const asker = await client(port, `127.2.${i >> 8}.${i & 255}`);
        asker.send(makeQuery(i));
        expect((await asker.received(1))[0]!.readUInt16BE(0)).toBe(i);
      }
      await until(() => transports.every(({ counters }) => counters.answered === 1));
      // Those in the middle go, and the others do not notice.
      await Promise.all(transports.splice(1, 498).map((each) => each.close(200)));
      for (const address of ['127.2.0.0', '127.2.1.243']) {
        const asker = await client(port, address);
        asker.send(makeQuery(7));
        await asker.received(1);
      }
    });

    it('may be closed without having been opened', async () => {
      const transport = make(makeListener('127.0.0.1'), new Fake());
      await transport.close();
    });
  });
}
