/** Many TCP connections of each bad kind at one server: UDP is untouched, a new client is answered, memory comes back. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { residentMiB, startServer } from '../../bench/hostile-server.mjs';
import { stop } from '../../bench/process.mjs';
import { AAAA, buildQuery } from '../../bench/wire.mjs';
import { count } from '../child.mjs';

/** Connections of one client address, below the server's own limit of 100. */
const PER_ADDRESS = 90;
/** Only bounds a hang. */
const PATIENCE = 10_000;
/** A new client is answered within. */
const NEW_CLIENT_MS = 1000;
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

function within(promise, what) {
  let timer;
  const late = new Promise(
    (_, reject) =>
      (timer = setTimeout(() => reject(new Error(`${what}: nothing within ${PATIENCE} ms`)), PATIENCE)),
  );
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Milliseconds until a new client has its answer. */
async function newClient(port) {
  const began = performance.now();
  const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.200.1' });
  socket.on('error', () => {});
  socket.write(QUERY);
  await within(once(socket, 'data'), 'a new TCP client');
  socket.destroy();
  return performance.now() - began;
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

async function run({ each, hold, growth }) {
  const folder = mkdtempSync(join(tmpdir(), 'podns-connections-'));
  const { server, port } = await startServer(folder);
  const faults = [];
  const got = [];
  try {
    await newClient(port);
    const before = residentMiB(server.pid);
    let peak = before;
    for (const [kind, act] of Object.entries(KINDS)) {
      const end = await askUdp(port);
      const sockets = [];
      for (let i = 0; i < each; i++) {
        const socket = connect({
          port,
          host: '127.0.0.1',
          localAddress: `127.0.1.${1 + Math.floor(i / PER_ADDRESS)}`,
        });
        socket.on('error', () => {});
        socket.on('connect', () => act(socket));
        sockets.push(socket);
        if (i % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await new Promise((resolve) => setTimeout(resolve, hold));
      const milliseconds = await newClient(port);
      peak = Math.max(peak, residentMiB(server.pid));
      for (const socket of sockets) socket.destroy();
      const { sent, lost } = await end();
      if (lost > 0) faults.push(`${kind}: ${lost} of ${sent} UDP queries lost`);
      if (milliseconds > NEW_CLIENT_MS)
        faults.push(`${kind}: a new TCP client waited ${Math.round(milliseconds)} ms`);
      got.push(`${kind}: ${lost} of ${count(sent)} lost, new client ${Math.round(milliseconds)} ms`);
    }
    // The collector gives memory back when there is something to do.
    for (let i = 0; i < 200; i++) await newClient(port);
    const after = residentMiB(server.pid);
    got.push(`${before.toFixed(0)} MiB, at most ${peak.toFixed(0)}, in the end ${after.toFixed(0)}`);
    if (peak > before + growth) faults.push('memory is not bounded');
    if (after > before + growth / 2) faults.push('memory is not given back');
    if (server.exitCode !== null) faults.push('the server ended');
  } finally {
    await stop(server, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
  return { got: got.join('; '), faults };
}

export const connections = {
  name: 'connections',
  about:
    'connections that idle, dribble, never read, stop inside a frame, or reset: UDP loses nothing, a new TCP client is answered within a second',
  short: { each: 100, hold: 500, growth: 96 },
  long: { each: 1000, hold: 8000, growth: 96 },
  reach: ({ each }) => `${count(each)} connections of each of ${Object.keys(KINDS).length} kinds`,
  run,
};
