/** The load generator over TCP: one connection, many queries in one write, answers counted by their lengths. */
import * as sys from '../dist/transport/syscalls.js';
import { serverAddress } from './blast.mjs';
import { pod4, pod4Octets, pod6, pod6Octets } from './pods.mjs';
import { system } from './system.mjs';
import { createConnection } from 'node:net';
import { once } from 'node:events';

const SOL_TCP = 6;
const TCP_NODELAY = 1;
const TCP_QUICKACK = 12;
const ONE = new ArrayBuffer(4);
new DataView(ONE).setInt32(0, 1, true);

/** Neither end shall wait for the other's delayed acknowledgement: CPU is measured, not patience. */
function hurry(fd, option) {
  system.setsockopt(fd, SOL_TCP, option, system.pin(ONE), 4);
}

/** Queries in one write. */
const BURST = 32;

/** The client is pod 0. */
function bindToPod(fd, family) {
  const memory = new ArrayBuffer(28);
  new DataView(memory).setUint16(0, family === 6 ? sys.AF_INET6 : sys.AF_INET, true);
  new Uint8Array(memory).set(family === 6 ? pod6Octets(0) : pod4Octets(0), family === 6 ? 8 : 4);
  if (system.bind(fd, system.pin(memory), family === 6 ? 28 : 16) !== 0) {
    throw sys.systemError('bind', system.errno());
  }
}

function connect(family, port) {
  const fd = system.socket(family === 6 ? sys.AF_INET6 : sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0);
  bindToPod(fd, family);
  const memory = new ArrayBuffer(28);
  const view = new DataView(memory);
  view.setUint16(0, family === 6 ? sys.AF_INET6 : sys.AF_INET, true);
  view.setUint16(2, port);
  const text = serverAddress(family);
  const octets =
    family === 6
      ? Buffer.from('20010db8000000000000000000000053', 'hex')
      : Buffer.from(text.split('.').map(Number));
  new Uint8Array(memory).set(octets, family === 6 ? 8 : 4);
  if (system.connect(fd, system.pin(memory), family === 6 ? 28 : 16) !== 0) {
    throw sys.systemError('connect', system.errno(), text);
  }
  hurry(fd, TCP_NODELAY);
  return fd;
}

const INPUT = new ArrayBuffer(1 << 18);
const input = new Uint8Array(INPUT);

/**
 * Keeps up to `window` queries in flight on one connection for `seconds`; a server that closes it gets a new
 * one. Returns answers and seconds that passed.
 */
export function runStream(family, port, queries, seconds, window) {
  const bursts = [];
  for (let i = 0; i + BURST <= queries.length; i += BURST) {
    const framed = queries.slice(i, i + BURST).flatMap((query) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(query.length);
      return [length, query];
    });
    const octets = Buffer.concat(framed);
    const memory = new ArrayBuffer(octets.length);
    new Uint8Array(memory).set(octets);
    bursts.push({ address: system.pin(memory), length: octets.length });
  }
  const base = system.pin(INPUT);
  let fd = connect(family, port);
  let connections = 1;
  let next = 0;
  let flying = 0;
  let answers = 0;
  let rest = 0;
  const start = process.hrtime.bigint();
  const end = start + BigInt(Math.round(seconds * 1e9));
  let now = start;
  for (; now < end; now = process.hrtime.bigint()) {
    let broken = false;
    while (flying + BURST <= window && !broken) {
      const { address, length } = bursts[next];
      // A blocking write of a few kilobytes: the window keeps it far below the socket's buffer.
      broken = system.write(fd, address, length) !== length;
      next = (next + 1) % bursts.length;
      flying += BURST;
    }
    hurry(fd, TCP_QUICKACK);
    const got = broken ? 0 : system.read(fd, base + rest, INPUT.byteLength - rest);
    if (got <= 0) {
      system.close(fd);
      fd = connect(family, port);
      connections += 1;
      flying = rest = 0;
      continue;
    }
    const filled = rest + got;
    let at = 0;
    while (at + 2 <= filled) {
      const length = (input[at] << 8) | input[at + 1];
      if (at + 2 + length > filled) break;
      at += 2 + length;
      answers += 1;
      flying -= 1;
    }
    input.copyWithin(0, at, filled);
    rest = filled - at;
  }
  system.close(fd);
  return { answers, connections, seconds: Number(now - start) / 1e9 };
}

/** One query over a connection of its own; resolves with the answer. */
export async function askStream(family, port, query) {
  const socket = createConnection({
    host: serverAddress(family),
    port,
    localAddress: family === 6 ? pod6(0) : pod4(0),
  });
  try {
    await once(socket, 'connect');
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
    let got = Buffer.alloc(0);
    for await (const chunk of socket) {
      got = Buffer.concat([got, chunk]);
      if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) return got.subarray(2);
    }
    throw new Error('closed without an answer');
  } finally {
    socket.destroy();
  }
}
