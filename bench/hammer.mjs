/**
 * A process that asks one question over UDP again and again until its parent says stop, and reports how long the
 * answers took. An answer's time is when the kernel got it, so that whatever else runs on this core is not counted
 * for the server's.
 */
import { createRequire } from 'node:module';
import { setImmediate } from 'node:timers/promises';
import * as sys from '../dist/transport/syscalls.js';
import { SERVER4 } from './namespace.mjs';
import { podDomain } from './pods.mjs';
import { system } from './system.mjs';
import { AAAA, buildQuery } from './wire.mjs';

const koffi = createRequire(import.meta.url)('koffi');
const clockGettime = koffi.load(null).func('clock_gettime', 'int', ['int', 'uintptr_t']);

const CLOCK_REALTIME = 0;
const SO_TIMESTAMPNS = 35;
/** Between two questions, milliseconds: how coarse the picture of a pause is. */
const GAP = 0.2;
/** Seconds. */
const TIMEOUT = 2;
const NAME = 0;
const MESSAGE = 32;
const VECTOR = 96;
const CONTROL = 128;
const TIME = 256;
const OPTION = 288;
const QUERY = 512;
const ANSWER = 1024;

const memory = new ArrayBuffer(4096);
const view = new DataView(memory);
const bytes = new Uint8Array(memory);
const at = system.pin(memory);
const sleeper = new Int32Array(new SharedArrayBuffer(4));

function open(port) {
  const fd = system.socket(sys.AF_INET, sys.SOCK_DGRAM | sys.SOCK_CLOEXEC, 0);
  view.setUint16(NAME, sys.AF_INET, true);
  view.setUint16(NAME + 2, port);
  bytes.set(SERVER4.split('.').map(Number), NAME + 4);
  if (system.connect(fd, at + NAME, 16) !== 0) throw sys.systemError('connect', system.errno());
  view.setInt32(OPTION, 1, true);
  system.setsockopt(fd, sys.SOL_SOCKET, SO_TIMESTAMPNS, at + OPTION, 4);
  view.setBigInt64(OPTION, BigInt(TIMEOUT), true);
  view.setBigInt64(OPTION + 8, 0n, true);
  system.setsockopt(fd, sys.SOL_SOCKET, sys.SO_RCVTIMEO, at + OPTION, 16);
  view.setBigUint64(MESSAGE + 16, BigInt(at + VECTOR), true);
  view.setBigUint64(MESSAGE + 24, 1n, true);
  view.setBigUint64(MESSAGE + 32, BigInt(at + CONTROL), true);
  view.setBigUint64(VECTOR, BigInt(at + ANSWER), true);
  view.setBigUint64(VECTOR + 8, 512n, true);
  return fd;
}

/** Nanoseconds of CLOCK_REALTIME, the clock of the kernel's stamps. */
function now() {
  clockGettime(CLOCK_REALTIME, at + TIME);
  return view.getBigInt64(TIME, true) * 1_000_000_000n + view.getBigInt64(TIME + 8, true);
}

/** Milliseconds. */
function ask(fd, length) {
  const began = now();
  system.write(fd, at + QUERY, length);
  view.setBigUint64(MESSAGE + 40, 64n, true);
  if (system.recvmsg(fd, at + MESSAGE, 0) < 12) return TIMEOUT * 1000;
  const stamp = view.getBigInt64(CONTROL + 16, true) * 1_000_000_000n + view.getBigInt64(CONTROL + 24, true);
  return Number(stamp - began) / 1e6;
}

const port = Number(process.argv[2]);
const fd = open(port);
const query = buildQuery(1, podDomain(0), AAAA);
bytes.set(query, QUERY);
const took = [];
let run = true;
process.on('message', () => (run = false));
process.on('disconnect', () => process.exit());
for (let n = 0; n < 1000; n++) ask(fd, query.length);
process.send?.('ready');
while (run) {
  took.push(ask(fd, query.length));
  Atomics.wait(sleeper, 0, 0, GAP);
  await setImmediate();
}
process.send?.(took, () => process.exit());
