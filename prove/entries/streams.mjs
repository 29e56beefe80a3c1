/** Hostile TCP connections, each new, from many addresses: octets that nobody should send, and every way to end. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostile, ownSeeds, readCorpus } from '../../bench/hostile-packets.mjs';
import { residentMiB, startServer } from '../../bench/hostile-server.mjs';
import { stop } from '../../bench/process.mjs';
import { AAAA, buildQuery, parseAnswer, random } from '../../bench/wire.mjs';
import { checkReply } from '../../fuzz/well-formed.mjs';
import { count } from '../child.mjs';

/** Connections at a time. */
const AT_ONCE = 32;
/** A good query over UDP, and one over a new TCP connection, after each so many streams. */
const GOOD_EVERY = 200;
/** Milliseconds; only bounds a hang. The server closes what it has to close sooner. */
const PATIENCE = 20_000;
/** Client addresses: a port is free again a minute after its connection, and one address has some 28,000. */
const ADDRESSES = 200;
const HEADER = 12;
/** Octets of a stream: more is another matter, see `connections`. */
const MOST = 16_384;
const TCP_MOST = 65_535;

const frame = (packet) => Buffer.concat([Buffer.from([packet.length >> 8, packet.length & 255]), packet]);

/** The whole frames at the beginning. */
function framesOf(octets) {
  const frames = [];
  for (let at = 0; at + 2 <= octets.length;) {
    const end = at + 2 + octets.readUInt16BE(at);
    if (end > octets.length) break;
    frames.push(octets.subarray(at + 2, end));
    at = end;
  }
  return frames;
}

/** Octets of one connection, and whether the client resets it, for ever. */
function makeStreams(seeds) {
  const packets = /** @type {Generator<Buffer, never>} */ (hostile(seeds, 5));
  const below = random(20_261_129);
  return () => {
    const frames = Array.from({ length: 1 + below(4) }, (_, id) => {
      const packet = packets.next().value.subarray(0, MOST / 4 - 2);
      if (packet.length >= 2) packet.writeUInt16BE(id, 0);
      return frame(packet);
    });
    let octets = Buffer.from(Buffer.concat(frames));
    const kind = below(8);
    // Cut anywhere, without its frames, with a wrong length, or with something behind it.
    if (kind === 0) octets = octets.subarray(0, below(octets.length + 1));
    else if (kind === 1) octets = Buffer.from(packets.next().value.subarray(0, MOST));
    else if (kind === 2) octets[below(2)] = below(256);
    else if (kind === 3) octets = Buffer.concat([octets, packets.next().value.subarray(0, MOST)]);
    return { octets, resets: below(4) === 0 };
  };
}

/** What does not hold of one stream; '' when all does. */
function judge(sent, received, whole) {
  const asked = [];
  let sound = true;
  for (const message of framesOf(sent)) {
    if (message.length < HEADER) {
      // It ends the connection.
      sound = false;
      break;
    }
    if (message[2] < 0x80) asked.push(message);
  }
  const answers = framesOf(received);
  const octets = answers.reduce((sum, answer) => sum + answer.length + 2, 0);
  if (whole && octets !== received.length) return 'half a frame in answer';
  for (const answer of answers) {
    const at = asked.findIndex((query) => query.readUInt16BE(0) === answer.readUInt16BE(0));
    if (at < 0) return 'an answer that nobody asked for';
    const [query] = asked.splice(at, 1);
    try {
      checkReply(answer, query, TCP_MOST);
    } catch (error) {
      return `malformed: ${/** @type {Error} */ (error).message}`;
    }
  }
  return whole && sound && asked.length > 0 ? `${asked.length} queries unanswered` : '';
}

/** One connection from beginning to end; resolves with what does not hold. */
function throwStream(port, localAddress, { octets, resets }) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
    const parts = [];
    let failure = '';
    const timer = setTimeout(() => {
      failure = `not closed within ${PATIENCE} ms`;
      socket.destroy();
    }, PATIENCE);
    socket.on('data', (part) => parts.push(part));
    // A reset in answer to what nobody should send is no fault; never to be let in is one.
    let connected = false;
    socket.on('error', (error) => {
      if (!connected) failure = error.message;
      resets = true;
    });
    socket.on('connect', () => {
      connected = true;
      if (resets) socket.write(octets, () => socket.resetAndDestroy());
      else socket.end(octets);
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(failure || judge(octets, Buffer.concat(parts), !resets));
    });
  });
}

const QUERY = buildQuery(7, 'db', AAAA);
const isGood = (answer) => {
  const { id, rcode, rdata } = parseAnswer(answer);
  return id === 7 && rcode === 0 && rdata.length === 1;
};

/** Whether good queries are answered, over UDP and over a new connection. */
async function askGood(port, udp) {
  const late = (promise) =>
    Promise.race([promise, new Promise((resolve) => setTimeout(resolve, PATIENCE).unref())]);
  const heard = once(udp, 'message');
  udp.send(QUERY, port, '127.0.0.1');
  const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.200.1' });
  socket.on('error', () => {});
  socket.end(frame(QUERY));
  const read = new Promise((resolve) => socket.once('data', resolve));
  const answers = [await late(heard.then(([answer]) => answer)), (await late(read))?.subarray(2)];
  socket.destroy();
  return answers.every((answer) => answer !== undefined && isGood(answer));
}

async function run({ streams: all, growth }) {
  const folder = mkdtempSync(join(tmpdir(), 'podns-streams-'));
  const { server, port } = await startServer(folder);
  const corpus = process.env.PODNS_CORPUS ?? '';
  const nextStream = makeStreams([...(corpus === '' ? [] : readCorpus(corpus)), ...ownSeeds()]);
  const udp = createSocket('udp4');
  /** @type {Map<string, number>} */
  const faults = new Map();
  let good = 0;
  let goodAsked = 0;
  let warm = 0;
  let octets = 0;
  try {
    let next = 0;
    while (next < all && server.exitCode === null) {
      const end = Math.min(all, next + GOOD_EVERY);
      const lane = async () => {
        while (next < end) {
          const number = next++;
          const stream = nextStream();
          octets += stream.octets.length;
          const fault = await throwStream(port, `127.0.3.${1 + (number % ADDRESSES)}`, stream);
          if (fault !== '') faults.set(fault, (faults.get(fault) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      goodAsked++;
      if (await askGood(port, udp)) good++;
      if (warm === 0 && next >= all / 5) warm = residentMiB(server.pid);
    }
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const last = residentMiB(server.pid);
    const grown = last / warm - 1;
    const said = [...faults].slice(0, 5).map(([fault, times]) => `${count(times)} × ${fault}`);
    if (good < goodAsked) said.push(`${goodAsked - good} good queries without an answer`);
    if (grown > growth) said.push(`memory grew by more than ${growth * 100} %`);
    const got =
      `${count(all)} connections, ${count(octets)} octets, ${count(good)} of ${count(goodAsked)} good queries answered, ` +
      `${warm.toFixed(1)} → ${last.toFixed(1)} MiB (${(grown * 100).toFixed(1)} %)`;
    return { got, faults: said };
  } finally {
    udp.close();
    await stop(server, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

export const streamsTcp = {
  name: 'hostile-streams',
  about:
    'a new TCP connection for each stream of hostile octets, ended in every way, with a good query after each 200: answers are sound, queries of whole streams answered, memory stays',
  short: { streams: 5000, growth: 0.6 },
  long: { streams: 1_000_000, growth: 0.05 },
  reach: ({ streams: number }) => `${count(number)} connections`,
  run,
};
