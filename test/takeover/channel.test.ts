/** The connection between two processes: whatever comes over it, in whatever pieces. */
import { mkdtempSync, openSync, rmSync, closeSync, fstatSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Channel } from '../../src/takeover/channel.ts';
import { handleOf } from '../../src/transport/handle.ts';
import { loadSystem } from '../../src/transport/syscalls.ts';
import { skipAloud } from '../harness/tools.ts';

const { system, reason } = loadSystem();
if (system === undefined) skipAloud('the channel of a takeover', reason);

let folder = '';
let server: Server;
let accepted: Promise<Socket>;
const open: Channel[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podns-channel-'));
  server = createServer({ pauseOnConnect: true });
  accepted = new Promise((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
});
afterEach(() => {
  for (const channel of open.splice(0)) channel.close();
  server.close();
  rmSync(folder, { recursive: true });
});

function connected(): Channel {
  const channel = Channel.connect(system!, join(folder, 's'))!;
  open.push(channel);
  return channel;
}

async function pair(): Promise<[Channel, Channel]> {
  const one = connected();
  const socket = await accepted;
  const other = new Channel(system!, system!.dup(handleOf(socket as unknown as Server)!.fd!));
  socket.destroy();
  open.push(other);
  return [one, other];
}

describe.skipIf(system === undefined)('a channel', () => {
  it('knows who is at the other end', async () => {
    const [one, other] = await pair();
    const own = { pid: process.pid, uid: process.geteuid!() };
    expect([one.peer, other.peer]).toEqual([own, own]);
  });

  it('carries messages, long texts and descriptors, in order', async () => {
    const [one, other] = await pair();
    const file = join(folder, 'file');
    writeFileSync(file, 'x');
    const fds = Array.from({ length: 150 }, () => openSync(file, 'r'));
    const text = 'é'.repeat(9 << 20);
    const sent = (async () => {
      await one.send({ type: 'first' });
      await one.sendText(Buffer.from(text));
      await one.sendEnd();
      await one.sendDescriptors(fds);
      await one.send({ type: 'last' });
    })();
    expect(await other.message(5000)).toEqual({ type: 'first' });
    const pieces: Buffer[] = [];
    for (;;) {
      const frame = await other.next(5000);
      if (frame.kind !== 'text') throw new Error(frame.kind);
      if (frame.octets.length === 0) break;
      pieces.push(frame.octets);
    }
    expect(Buffer.concat(pieces).equals(Buffer.from(text))).toBe(true);
    for (let got = 0; got < fds.length;) {
      const frame = await other.next(5000);
      if (frame.kind !== 'descriptors') throw new Error(frame.kind);
      got += frame.count;
    }
    expect(await other.message(5000)).toEqual({ type: 'last' });
    await sent;
    const received = other.descriptors.splice(0);
    expect(received).toHaveLength(fds.length);
    expect(new Set([...received, ...fds]).size).toBe(2 * fds.length);
    for (const fd of received) expect(fstatSync(fd).ino).toBe(statSync(file).ino);
    for (const fd of [...received, ...fds]) closeSync(fd);
  });

  it.each([
    ['a length beyond all bounds', Buffer.of(0x4a, 0xff, 0xff, 0xff, 0xff), 'is too long'],
    ['a kind that is not known', Buffer.of(0x5a, 0, 0, 0, 0), 'a frame of kind 90 is not known'],
    ['a message that is no JSON', Buffer.of(0x4a, 0, 0, 0, 1, 0x7b), 'JSON'],
    ['a message that is no object', Buffer.from('J\0\0\0\x011'), 'a message is no object'],
    ['half a frame', Buffer.of(0x4a, 0, 0), 'the other process has gone'],
  ])('ends at %s', async (_, octets, why) => {
    const channel = connected();
    (await accepted).end(octets);
    await expect(channel.message(5000)).rejects.toThrow(why);
    await channel.ended;
    await expect(channel.send({})).rejects.toThrow(why);
  });

  it('waits no longer than it is told', async () => {
    const [one] = await pair();
    await expect(one.message(20)).rejects.toThrow('the other process is silent for 0.02 s');
  });

  it('is none where nobody listens', async () => {
    expect(Channel.connect(system!, join(folder, 'nobody'))).toBeUndefined();
    expect(() => Channel.connect(system!, 'x'.repeat(200))).toThrow('less than 108 octets');
  });
});
