/** Many TCP connections of each bad kind at one server: UDP is untouched, a new client is answered, memory comes back. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { residentMiB, startServer } from '../../bench/hostile-server.mjs';
import { cpuMicroseconds, stop } from '../../bench/process.mjs';
import { AAAA, buildQuery } from '../../bench/wire.mjs';
import { count } from '../child.mjs';

/** Connections of one client address, below the server's own limit of 100. */
const PER_ADDRESS = 90;
/** Only bounds a hang. */
const PATIENCE = 10_000;
/** A new client is answered within. */
const NEW_CLIENT_MS = 1000;
/** … or, where the machine is busy, before the server has used so much of it, microseconds. */
const CLIENT_CPU = 1_000_000;
/** Milliseconds between two new clients. */
const NEXT_CLIENT = 200;
/** Frames of a client that never reads: 2 MiB of answers each would be held if nothing bounded them. */
const GREEDY_FRAMES = 20_000;

const frame = (packet) => Buffer.concat([Buffer.from([packet.length >> 8, packet.length & 255]), packet]);
const QUERY = frame(buildQuery(7, 'app', AAAA));

/** What each kind of client does with its connection. */
const KINDS = {
  idle: () => {},
  'slow-loris': (socket) => {
    let at = 0;
    const timer = setInterval(() => socket.write(QUERY.subarray(at, ++at)), 500);
    socket.on('close', () => clearInterval(timer));
  },
  'never reading': (socket) => {
    socket.pause();
    socket.write(Buffer.concat(Array(GREEDY_FRAMES / 20).fill(QUERY)));
  },
  'half frames': (socket) => socket.write(QUERY.subarray(0, 9)),
  'connect and reset': (socket) => {
    socket.write(QUERY);
    socket.resetAndDestroy();
  },
};

/** Milliseconds until a new client has its answer; Infinity, and why, when it has none. */
async function newClient(port) {
  const began = performance.now();
  const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.200.1' });
  let state = 'not connected';
  socket.on('connect', () => (state = 'connected'));
  socket.on('error', (error) => (state = error.message));
  socket.write(QUERY);
  const what = await new Promise((resolve) => {
    const timer = setTimeout(() => resolve(`has no answer after ${PATIENCE} ms, ${state}`), PATIENCE);
    socket.once('data', () => resolve(''));
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(`is turned away, ${state}`);
    });
  });
  socket.destroy();
  return what === '' ? { milliseconds: performance.now() - began, what } : { milliseconds: Infinity, what };
}

/** Queries over UDP at 500 a second until `end()`, which says how many had no answer. */
async function askUdp(port) {
  const socket = createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let sent = 0;
  let answered = 0;
  socket.on('message', () => answered++);
  // What could not be sent has no answer, and so counts as lost.
  socket.on('error', () => {});
  const timer = setInterval(() => {
    for (let i = 0; i < 5; i++) socket.send(buildQuery(sent++ & 0xffff, 'db', AAAA));
  }, 10);
  return async () => {
    clearInterval(timer);
    for (let i = 0; i < 100 && answered < sent; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    socket.close();
    return { sent, lost: sent - answered };
  };
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** So many connections of a kind, while UDP and new clients ask. */
async function crowd(kind, { port, pid, each, hold, faults }) {
  const end = await askUdp(port);
  const sockets = [];
  for (let i = 0; i < each; i++) {
    const localAddress = `127.0.1.${1 + Math.floor(i / PER_ADDRESS)}`;
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => {});
    socket.on('connect', () => KINDS[kind](socket));
    sockets.push(socket);
    if (i % 50 === 49) await pause(20);
  }
  const until = performance.now() + hold;
  let longest = 0;
  let worked = 0;
  do {
    const before = cpuMicroseconds([pid]);
    const { milliseconds, what } = await newClient(port);
    // On a busy machine it may be the server that waits.
    worked = Math.max(worked, milliseconds > NEW_CLIENT_MS ? cpuMicroseconds([pid]) - before : 0);
    longest = Math.max(longest, milliseconds);
    if (what !== '') faults.add(`${kind}: a new TCP client ${what}`);
    await pause(NEXT_CLIENT);
  } while (performance.now() < until);
  if (longest > NEW_CLIENT_MS && worked > CLIENT_CPU)
    faults.add(`${kind}: a new TCP client waited ${Math.round(longest)} ms`);
  for (const socket of sockets) socket.destroy();
  const { sent, lost } = await end();
  if (lost > 0) faults.add(`${kind}: ${lost} of ${sent} UDP queries lost`);
  return `${kind}: ${lost} of ${count(sent)} lost, new clients at most ${Math.round(longest)} ms`;
}

async function run({ each, hold, growth, rounds }) {
  const folder = mkdtempSync(join(tmpdir(), 'podns-connections-'));
  const { server, port } = await startServer(folder);
  /** @type {Set<string>} */
  const faults = new Set();
  let got = [];
  try {
    await newClient(port);
    const before = residentMiB(server.pid);
    let peak = before;
    const after = [];
    for (let round = 0; round < rounds; round++) {
      got = [];
      for (const kind of Object.keys(KINDS)) {
        got.push(await crowd(kind, { port, pid: server.pid, each, hold, faults }));
        peak = Math.max(peak, residentMiB(server.pid));
        if (server.exitCode !== null) throw new Error(`${kind}: the server ended`);
      }
      // The collector gives memory back when there is something to do.
      for (let i = 0; i < 200; i++) await newClient(port);
      after.push(residentMiB(server.pid));
    }
    const [first, last] = [after[0], after.at(-1)];
    const ends = after.map((size) => size.toFixed(0)).join(', ');
    got.push(`${before.toFixed(0)} MiB, at most ${peak.toFixed(0)}, after each round ${ends}`);
    if (peak > before + growth) faults.add('memory is not bounded');
    // What the first crowd has taken serves the next one.
    if (last > first + growth / 6) faults.add('memory is not given back');
  } finally {
    await stop(server, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
  return { got: got.join('; '), faults: [...faults] };
}

export const connections = {
  name: 'connections',
  about:
    'connections that idle, dribble, never read, stop inside a frame, or reset: UDP loses nothing, a new TCP client is answered within a second, memory is given back',
  short: { each: 100, hold: 500, growth: 96, rounds: 1 },
  long: { each: 1000, hold: 8000, growth: 96, rounds: 3 },
  reach: ({ each, rounds }) =>
    `${count(each)} connections of each of ${Object.keys(KINDS).length} kinds${rounds === 1 ? '' : `, ${rounds} times`}`,
  run,
};
