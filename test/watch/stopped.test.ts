/**
 * A process that was stopped, as a suspended machine stops it: what its stream said meanwhile is there when it goes on,
 * and none of its answers is called old, for the stream was never lost.
 */
import { once } from 'node:events';
import { createSocket, type Socket } from 'node:dgram';
import { afterEach, expect, test } from 'vitest';
import { encodeQuery } from '../harness/build.ts';
import { parseWire } from '../harness/wire.ts';
import { snapshot, WatchServer } from '../source/watch-server.ts';
import { CLIENT, Served, VPC, pod } from './nodes.ts';

/** Milliseconds. `PODNS_STOPPED_SECONDS=60` is the long form. */
const STOPPED = 1000 * Number(process.env['PODNS_STOPPED_SECONDS'] ?? 3);
/** Shorter than the stop. */
const STALE_AFTER = '1s';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});

async function ask(socket: Socket, port: number, name: string, id: number) {
  const answered = new Promise<Buffer>((resolve) => {
    const take = (message: Buffer): void => {
      if (message.readUInt16BE(0) !== id) return;
      socket.off('message', take);
      resolve(message);
    };
    socket.on('message', take);
  });
  socket.send(encodeQuery({ id, name, edns: {} }), port, '127.0.0.1');
  return parseWire(await answered);
}

test('SIGSTOP for longer than stale_after', { timeout: STOPPED + 60_000 }, async () => {
  const upstream = new WatchServer();
  await upstream.listen();
  undo.push(() => upstream.close());
  const served = new Served([
    ...['--watch', upstream.url, '--listen', '127.0.0.1:0@v/n', '--admin', '127.0.0.1:0'],
    ...['--stale-after', STALE_AFTER],
  ]);
  undo.push(() => served.kill());
  // It listens once it has a view.
  const stream = await upstream.conversation(1);
  stream.say(...snapshot('5', VPC, CLIENT, pod('db', 'fd00::2')));
  const { dns } = await served.addresses();
  const port = Number(dns.slice(dns.lastIndexOf(':') + 1));
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  undo.push(() => socket.close());

  let id = 1;
  while ((await ask(socket, port, 'db', ++id)).rcode !== 0)
    await new Promise((resolve) => setTimeout(resolve, 20));
  served.child.kill('SIGSTOP');
  // What is said, and asked, while it stands still.
  for (let i = 0; i < 20; i++)
    stream.say({
      type: 'put',
      revision: String(6 + i),
      object: pod(`late${i}`, `fd00::${(100 + i).toString(16)}`),
    });
  const early = ask(socket, port, 'late19', 9000);
  await new Promise((resolve) => setTimeout(resolve, STOPPED));
  served.child.kill('SIGCONT');

  // What was asked meanwhile is answered from the view of then, or the one of now, and not as old.
  const first = await early;
  expect(first.edns?.options ?? []).toEqual([]);
  for (let i = 0; i < 20; i++) {
    let answer = await ask(socket, port, `late${i}`, ++id);
    while (answer.rcode !== 0) {
      expect(answer.edns?.options ?? []).toEqual([]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      answer = await ask(socket, port, `late${i}`, ++id);
    }
    expect(answer.edns?.options ?? []).toEqual([]);
    expect(answer.answer).toHaveLength(1);
  }
  // One stream from beginning to end.
  expect(upstream.conversations).toHaveLength(1);
});
