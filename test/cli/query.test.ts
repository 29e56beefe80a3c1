/** `query` against servers made for the test: protocols, retries, what is shown, and the exit codes. */
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { buildOpt } from '../../src/dns/build.ts';
import { frame } from '../../src/dns/frames.ts';
import { OPTION_EDE, OPTION_NSID, TYPE_AAAA } from '../../src/dns/constants.ts';
import { exchange, Unreachable } from '../../src/cli/exchange.ts';
import { podns } from './harness.ts';

interface Reply {
  flags?: number;
  answers?: Uint8Array[];
  opt?: Uint8Array;
  question?: boolean;
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Answers with the query's id and question, and what `reply` says. */
function respond(query: Uint8Array, { flags = 0x8580, answers = [], opt, question = true }: Reply): Buffer {
  let end = 12;
  while (query[end] !== 0) end += 1 + query[end]!;
  end += 5;
  const header = Buffer.alloc(12);
  header.set(query.subarray(0, 2), 0);
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(question ? 1 : 0, 4);
  header.writeUInt16BE(answers.length, 6);
  header.writeUInt16BE(opt === undefined ? 0 : 1, 10);
  return Buffer.concat([
    header,
    question ? query.subarray(12, end) : Buffer.alloc(0),
    ...answers,
    opt ?? Buffer.alloc(0),
  ]);
}

/** An AAAA record for the name of the question. */
function aaaa(last: number): Uint8Array {
  const record = Buffer.alloc(28);
  record.writeUInt16BE(0xc00c, 0);
  record.writeUInt16BE(TYPE_AAAA, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(1, 6);
  record.writeUInt16BE(16, 10);
  record.writeUInt16BE(0xfdfd, 12);
  record[27] = last;
  return record;
}

/** Both protocols on one port; undefined is silence. */
async function serve(
  udp: (query: Buffer, count: number) => Buffer | undefined,
  tcp?: (query: Buffer) => Buffer,
): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => void socket.write(frame(tcp!(data.subarray(2)))));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  if (tcp === undefined) await new Promise((resolve) => server.close(resolve));
  else closing.push(() => new Promise((resolve) => server.close(() => resolve())));
  const socket: Socket = createSocket('udp4');
  let count = 0;
  socket.on('message', (query, peer) => {
    const answer = udp(query, ++count);
    if (answer !== undefined) socket.send(answer, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => socket.close(() => resolve())));
  return `127.0.0.1:${port}`;
}

describe('what is shown', () => {
  it('is laid out as dig does it', async () => {
    const nsid = { code: OPTION_NSID, data: Buffer.from('node-7') };
    const ede = { code: OPTION_EDE, data: Buffer.concat([Buffer.from([0, 3]), Buffer.from('old\x1b[2J')]) };
    const opt = buildOpt({ options: [nsid, ede] });
    const server = await serve((query) => respond(query, { answers: [aaaa(1), aaaa(2)], opt }));
    const { code, out, err } = await podns(['query', 'dB', '--server', server]);
    expect([code, err]).toEqual([0, '']);
    const shown = out
      .replace(/id: \d+/, 'id: 1')
      .replace(/time: \d+/, 'time: 0')
      .replace(server, 'SERVER');
    expect(shown).toBe(
      [
        ';; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1',
        ';; flags: qr aa rd ra; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1',
        '',
        ';; OPT PSEUDOSECTION:',
        '; EDNS: version: 0, flags:; udp: 1232',
        '; NSID: node-7',
        '; EDE: 3 (Stale Answer): old\\027[2J',
        ';; QUESTION SECTION:',
        ';dB.\t\tIN\tAAAA',
        '',
        ';; ANSWER SECTION:',
        'dB.\t\t1\tIN\tAAAA\tfdfd::1',
        'dB.\t\t1\tIN\tAAAA\tfdfd::2',
        '',
        ';; Query time: 0 msec',
        ';; SERVER: SERVER (UDP)',
        `;; MSG SIZE  rcvd: ${12 + 8 + 56 + opt.length}`,
        '',
      ].join('\n'),
    );
  });

  it('is only the data on demand', async () => {
    const server = await serve((query) => respond(query, { answers: [aaaa(1), aaaa(2)] }));
    expect(await podns(['query', 'db', 'aaaa', '--short', '--server', server])).toEqual({
      code: 0,
      out: 'fdfd::1\nfdfd::2\n',
      err: '',
    });
  });

  it('asks for the PTR of an address', async () => {
    const server = await serve((query) => respond(query, {}));
    expect((await podns(['query', '10.1.2.3', '--server', server])).out).toContain(
      ';3.2.1.10.in-addr.arpa.\t\tIN\tPTR',
    );
    expect((await podns(['query', 'fdfd::1', '--server', server])).out).toContain(
      '.d.f.d.f.ip6.arpa.\t\tIN\tPTR',
    );
  });
});

describe('the exit code', () => {
  it.each([
    ['NXDOMAIN', 0x8583, 3],
    ['no data', 0x8580, 3],
    ['SERVFAIL', 0x8182, 1],
    ['REFUSED', 0x8105, 1],
    ['FORMERR', 0x8101, 1],
  ])('for %s', async (_, flags, code) => {
    const ede = { code: OPTION_EDE, data: Buffer.from('\0\x12try @vpc/namespace') };
    const server = await serve((query) => respond(query, { flags, opt: buildOpt({ options: [ede] }) }));
    expect((await podns(['query', 'x', '--server', server])).code).toBe(code);
    expect(await podns(['query', 'x', '--short', '--server', server])).toEqual({
      code,
      out: '',
      err: 'podns: try @vpc/namespace\n',
    });
  });

  it('is 4 when nobody listens, or nobody answers', async () => {
    const closed = await serve(() => undefined);
    await closing.pop()!();
    const refused = await podns(['query', 'x', '--server', closed]);
    expect(refused).toMatchObject({ code: 4, out: '', err: `podns: ${closed}: nothing listens there\n` });
    const silent = await serve(() => undefined);
    const ran = await podns(['query', 'x', '--server', silent, '--timeout', '20']);
    expect(ran).toMatchObject({ code: 4, err: `podns: ${silent}: no answer within 60 ms (3 tries)\n` });
  });

  it('is 1 for what is no message, and 2 for a wrong command line', async () => {
    const server = await serve((query) => {
      const broken = respond(query, { answers: [aaaa(1)] });
      return broken.subarray(0, broken.length - 1);
    });
    expect((await podns(['query', 'x', '--server', server])).err).toContain('sent an invalid DNS message');
    for (const args of [
      [],
      ['a..b'],
      ['a', 'NONE'],
      ['a', '--server', 'localhost:53'],
      ['a', '--timeout', '0'],
    ]) {
      expect((await podns(['query', ...args])).code).toBe(2);
    }
  });
});

describe('protocols', () => {
  it('sends again when the first try is lost', async () => {
    const server = await serve((query, count) =>
      count === 1 ? undefined : respond(query, { answers: [aaaa(1)] }),
    );
    expect((await podns(['query', 'x', '--short', '--server', server, '--timeout', '50'])).out).toBe(
      'fdfd::1\n',
    );
  });

  it('goes to TCP when the answer is truncated', async () => {
    const server = await serve(
      (query) => respond(query, { flags: 0x8780, answers: [aaaa(1)] }),
      (query) => respond(query, { answers: [aaaa(1), aaaa(2), aaaa(3)] }),
    );
    const { out, code } = await podns(['query', 'x', '--server', server]);
    expect(out).toContain('ANSWER: 3');
    expect(out).toContain('(TCP)');
    expect(code).toBe(0);
    expect((await podns(['query', 'x', '--tcp', '--short', '--server', server])).out).toBe(
      'fdfd::1\nfdfd::2\nfdfd::3\n',
    );
  });

  it('shows what it has when TCP fails', async () => {
    const server = await serve((query) => respond(query, { flags: 0x8780, answers: [aaaa(1)] }));
    const { out, err, code } = await podns(['query', 'x', '--server', server]);
    expect(out).toContain('flags: qr aa tc rd ra;');
    expect(err).toContain('TCP failed: nothing listens there (TCP)');
    expect(code).toBe(4);
  });

  it('believes only answers to its own question', async () => {
    const server = await serve((query) => {
      const wrong = Buffer.from(respond(query, {}));
      wrong[13]! ^= 0x01;
      return wrong;
    });
    const [address, port] = server.split(':');
    const query = Buffer.from('00070100000100000000000001780000010001', 'hex');
    await expect(
      exchange(query, { address: address!, port: Number(port) }, { tries: 1, timeout: 50 }),
    ).rejects.toBeInstanceOf(Unreachable);
  });
});
