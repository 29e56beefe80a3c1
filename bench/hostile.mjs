/**
 * Throws hostile packets at a real server: a corpus as it is and changed at random, or seeds of our own, over UDP
 * and TCP. Every so many packets a good query must be answered; what is a query must have an answer, what is none
 * must have none; the process must live, and not grow. Prints one line of JSON a run; ends with 1 on any fault.
 *
 * Options: --packets 1000000 · --protocols udp,tcp · --workers 1 (0: node:dgram) · --corpus FILE (each packet
 * behind its length in 16 bits) · --seed 1 · --growth 64 (MiB)
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Ledger, PATIENCE } from './hostile-ledger.mjs';
import { hostile, ownSeeds, readCorpus } from './hostile-packets.mjs';
import { residentMiB, startServer } from './hostile-server.mjs';
import { stop } from './process.mjs';
import { AAAA, buildQuery } from './wire.mjs';

const { values: options } = parseArgs({
  options: {
    packets: { type: 'string', default: '1000000' },
    protocols: { type: 'string', default: 'udp,tcp' },
    workers: { type: 'string', default: '1' },
    corpus: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    growth: { type: 'string', default: '64' },
  },
});

/** Octets of an answer. */
const UDP_MOST = 1232;
const TCP_MOST = 65_535;
/** Packets between two good queries: few enough that no queue overflows. */
const WINDOW = 64;
/** Every so many windows over TCP are taken as they come. */
const MIXED = 8;
/** Share of the packets after which the process has reached its size. */
const WARM = 0.2;

const isQuery = (packet) => packet.length >= 12 && packet[2] < 0x80;
const goodQuery = (id) => buildQuery(id, 'db', AAAA);
const isGood = (answer) => (answer[3] & 15) === 0 && answer.readUInt16BE(6) === 1;

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer within ${PATIENCE} ms`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function overUdp(port, packets, count, progress) {
  const ledger = new Ledger(UDP_MOST);
  const socket = createSocket('udp4');
  let awaited = -1;
  /** @type {(outcome?: unknown) => void} */
  let through = () => {};
  socket.on('message', (answer) => {
    ledger.take(answer);
    if (answer.length < 12 || answer.readUInt16BE(0) !== awaited) return;
    if (isGood(answer)) ledger.good++;
    through();
  });
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.setRecvBufferSize(1 << 20);
  for (let sent = 0; sent < count; sent += WINDOW) {
    for (let i = 0; i < WINDOW; i++) {
      const packet = packets.next().value;
      ledger.note(packet, isQuery(packet));
      socket.send(packet);
    }
    const good = goodQuery(0);
    awaited = ledger.note(good, true);
    const answered = new Promise((resolve) => (through = resolve));
    socket.send(good);
    await within(answered, 'UDP');
    progress(sent + WINDOW);
  }
  await ledger.settle();
  socket.close();
  return ledger;
}

/** One connection until the server closes it. */
async function connectTcp(port, onAnswer) {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
  let rest = Buffer.alloc(0);
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.on('close', () => resolve('closed')));
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      onAnswer(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
  });
  await within(once(socket, 'connect'), 'TCP connect');
  return { socket, closed };
}

function frame(packet) {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(packet.length);
  return Buffer.concat([length, packet]);
}

async function overTcp(port, packets, count, progress) {
  const ledger = new Ledger(TCP_MOST);
  let awaited = -1;
  /** @type {(outcome?: unknown) => void} */
  let through = () => {};
  const onAnswer = (answer) => {
    ledger.take(answer);
    if (answer.length < 12 || answer.readUInt16BE(0) !== awaited) return;
    if (isGood(answer)) ledger.good++;
    through('answered');
  };
  let connection = await connectTcp(port, onAnswer);
  const askGood = (before) => {
    const good = goodQuery(0);
    awaited = ledger.note(good, true);
    const answered = new Promise((resolve) => (through = resolve));
    connection.socket.write(Buffer.concat([...before, frame(good)]));
    return within(Promise.race([answered, connection.closed]), 'TCP');
  };
  for (let sent = 0; sent < count; sent += WINDOW) {
    const frames = [];
    // What is no query ends a connection soon, and what comes behind it is not read: mostly it goes alone.
    const mixed = (sent / WINDOW) % MIXED === 0;
    for (let i = 0; i < WINDOW; i++) {
      let packet = packets.next().value;
      while (!mixed && i > 0 && !isQuery(packet)) packet = packets.next().value;
      ledger.note(packet, isQuery(packet));
      frames.push(frame(packet));
    }
    if ((await askGood(frames)) === 'closed') {
      // A frame that is no message, or too many responses, ends a connection; the next one must work.
      ledger.closes++;
      ledger.forgive();
      connection = await connectTcp(port, onAnswer);
      if ((await askGood([])) === 'closed') throw new Error('a fresh connection was closed');
    }
    progress(sent + WINDOW);
  }
  await ledger.settle();
  connection.socket.destroy();
  return ledger;
}

async function run(protocol, seeds) {
  const folder = mkdtempSync(join(tmpdir(), 'podns-hostile-'));
  const { server, port } = await startServer(folder, ['--workers', options.workers]);
  const count = Math.ceil(Number(options.packets) / WINDOW) * WINDOW;
  let warm = 0;
  let peak = 0;
  const progress = (sent) => {
    if (sent % (WINDOW * 64) !== 0 && sent < count) return;
    const resident = residentMiB(server.pid);
    peak = Math.max(peak, resident);
    if (warm === 0 && sent >= count * WARM) warm = resident;
  };
  try {
    const start = performance.now();
    const send = protocol === 'udp' ? overUdp : overTcp;
    const ledger = await send(port, hostile(seeds, Number(options.seed)), count, progress);
    const seconds = (performance.now() - start) / 1000;
    const end = residentMiB(server.pid);
    server.kill('SIGTERM');
    const [code] =
      server.exitCode === null ? await within(once(server, 'exit'), 'SIGTERM') : [server.exitCode];
    const { queries, answered, unanswered, unexpected, malformed, good, closes } = ledger;
    const windows = count / WINDOW;
    const faults = [];
    if (unanswered > 0) faults.push('unanswered');
    if (unexpected > 0) faults.push('unexpected');
    if (malformed !== '') faults.push(`malformed: ${malformed}`);
    if (good < windows) faults.push('good');
    if (end - warm > Number(options.growth)) faults.push('growth');
    if (code !== 0) faults.push('exit');
    const round = (value) => Math.round(value * 10) / 10;
    const memory = { warmMiB: round(warm), endMiB: round(end), peakMiB: round(peak) };
    const counts = {
      packets: count,
      queries,
      answered,
      unanswered,
      unexpected,
      goodAsked: windows,
      good,
      closes,
    };
    console.log(
      JSON.stringify({
        protocol,
        workers: Number(options.workers),
        ...counts,
        seconds: round(seconds),
        ...memory,
        code,
        faults,
      }),
    );
    if (faults.length > 0) process.exitCode = 1;
  } finally {
    await stop(server, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

const seeds = [...(options.corpus === '' ? [] : readCorpus(options.corpus)), ...ownSeeds()];
for (const protocol of options.protocols.split(',')) await run(protocol, seeds);
