/**
 * The load generator over UDP: queries laid out once in pinned memory, sent and received by whole batches.
 *
 * Every query leaves from the address of another pod (IPV6_PKTINFO, IP_PKTINFO). A window of queries is kept
 * in flight, so the server always has work and nothing is lost to full queues.
 */
import * as sys from '../dist/transport/syscalls.js';
import { SERVER4, SERVER6 } from './namespace.mjs';
import { pod4Octets, pod6Octets } from './pods.mjs';
import { system } from './system.mjs';

const BATCH = 64;
const HEADER = 64;
const SLOT = 64 + 16 + 40;
const PACKET = 88;
/** Milliseconds without an answer after which what is in flight is taken for lost. */
const LOST_AFTER = 20;
/** Milliseconds between two looks at an empty queue: a look takes its lock, for which the server would wait. */
const POLL_PAUSE = 0.01;
const RECEIVE_STRIDE = 2112;

function setOption(fd, level, option, octets) {
  const memory = new ArrayBuffer(octets.length);
  new Uint8Array(memory).set(octets);
  if (system.setsockopt(fd, level, option, system.pin(memory), octets.length) !== 0) {
    throw sys.systemError('setsockopt', system.errno());
  }
}

const int = (value) => new Uint8Array(Int32Array.of(value).buffer);

/** A socket of the family (4 or 6) that may send from any address, and gives up waiting after `patience` microseconds. */
export function openSocket(family, patience = 20_000) {
  const fd = system.socket(family === 6 ? sys.AF_INET6 : sys.AF_INET, sys.SOCK_DGRAM | sys.SOCK_CLOEXEC, 0);
  if (fd < 0) throw sys.systemError('socket', system.errno());
  for (const [force, plain] of [
    [sys.SO_RCVBUFFORCE, sys.SO_RCVBUF],
    [sys.SO_SNDBUFFORCE, sys.SO_SNDBUF],
  ]) {
    try {
      setOption(fd, sys.SOL_SOCKET, force, int(8 << 20));
    } catch {
      setOption(fd, sys.SOL_SOCKET, plain, int(8 << 20));
    }
  }
  if (family === 6) setOption(fd, sys.SOL_IPV6, sys.IPV6_FREEBIND, int(1));
  else setOption(fd, sys.SOL_IP, sys.IP_FREEBIND, int(1));
  const name = socketName(family, 0, family === 6 ? Buffer.alloc(16) : Buffer.alloc(4));
  if (system.bind(fd, name.address, name.length) !== 0) throw sys.systemError('bind', system.errno());
  // Then what is in flight is taken for lost.
  const time = new Uint8Array(16);
  new DataView(time.buffer).setInt32(0, Math.floor(patience / 1e6), true);
  new DataView(time.buffer).setInt32(8, patience % 1e6, true);
  setOption(fd, sys.SOL_SOCKET, sys.SO_RCVTIMEO, time);
  return fd;
}

export function socketName(family, port, octets) {
  const memory = new ArrayBuffer(28);
  const view = new DataView(memory);
  view.setUint16(0, family === 6 ? sys.AF_INET6 : sys.AF_INET, true);
  view.setUint16(2, port);
  new Uint8Array(memory).set(octets, family === 6 ? 8 : 4);
  return { address: system.pin(memory), length: family === 6 ? 28 : 16 };
}

const SERVER_OCTETS = {
  6: Buffer.from('20010db8000000000000000000000053', 'hex'),
  4: Buffer.from(SERVER4.split('.').map(Number)),
};
export const serverAddress = (family) => (family === 6 ? SERVER6 : SERVER4);

/** Queries in memory; `sources[i]`: the number of the pod that asks query i. */
export class Pool {
  constructor(family, queries, sources) {
    this.count = queries.length - (queries.length % BATCH);
    this.family = family;
    const headers = this.count * HEADER;
    const memory = new ArrayBuffer(headers + this.count * (SLOT - HEADER + PACKET));
    this.address = system.pin(memory);
    this.view = new DataView(memory);
    const bytes = new Uint8Array(memory);
    for (let i = 0; i < this.count; i++) {
      const header = i * HEADER;
      const vector = headers + i * (SLOT - HEADER + PACKET);
      const control = vector + 16;
      const packet = control + 40;
      this.view.setInt32(header + 8, family === 6 ? 28 : 16, true);
      this.view.setBigUint64(header + 16, BigInt(this.address + vector), true);
      this.view.setInt32(header + 24, 1, true);
      this.view.setBigUint64(header + 32, BigInt(this.address + control), true);
      this.view.setInt32(header + 40, family === 6 ? 40 : 32, true);
      this.view.setBigUint64(vector, BigInt(this.address + packet), true);
      this.view.setInt32(vector + 8, queries[i].length, true);
      this.view.setInt32(control, family === 6 ? 36 : 28, true);
      this.view.setInt32(control + 8, family === 6 ? sys.SOL_IPV6 : sys.SOL_IP, true);
      this.view.setInt32(control + 12, family === 6 ? sys.IPV6_PKTINFO : sys.IP_PKTINFO, true);
      if (family === 6) bytes.set(pod6Octets(sources[i]), control + 16);
      else bytes.set(pod4Octets(sources[i]), control + 20);
      bytes.set(queries[i], packet);
    }
  }

  /** Points every query at the server's port. */
  aim(port) {
    const name = socketName(this.family, port, SERVER_OCTETS[this.family]);
    for (let i = 0; i < this.count; i++) this.view.setBigUint64(i * HEADER, BigInt(name.address), true);
  }
}

/** Capacity for one batch of answers. */
export function receiver() {
  const vectors = BATCH * HEADER;
  const data = vectors + BATCH * 16;
  const memory = new ArrayBuffer(data + BATCH * RECEIVE_STRIDE);
  const address = system.pin(memory);
  const view = new DataView(memory);
  for (let i = 0; i < BATCH; i++) {
    view.setBigUint64(i * HEADER + 16, BigInt(address + vectors + i * 16), true);
    view.setInt32(i * HEADER + 24, 1, true);
    view.setBigUint64(vectors + i * 16, BigInt(address + data + i * RECEIVE_STRIDE), true);
    view.setInt32(vectors + i * 16 + 8, 2048, true);
  }
  return { address, bytes: new Uint8Array(memory), at: (i) => data + i * RECEIVE_STRIDE };
}

/** Microseconds: most such windows are free of whatever else the machine does in between. */
const WINDOW_US = 50_000;

export class Blaster {
  constructor(family) {
    this.fd = openSocket(family);
    this.inbox = receiver();
    this.position = 0;
  }

  close() {
    system.close(this.fd);
  }

  /** Sends up to `count` queries; returns how many left. */
  #send(pool, count) {
    const batch = Math.min(count, BATCH, pool.count - this.position);
    const sent = system.sendmmsg(this.fd, pool.address + this.position * HEADER, batch, 0);
    if (sent <= 0) return 0;
    this.position = (this.position + sent) % pool.count;
    return sent;
  }

  /**
   * The next answers, or 0 after a while without any. Never sleeps: a server would pay for waking it up, and a
   * fast one more than a slow one.
   */
  #await() {
    let began = 0;
    for (;;) {
      const received = system.recvmmsg(this.fd, this.inbox.address, BATCH, sys.MSG_DONTWAIT, 0);
      if (received > 0) return received;
      const now = performance.now();
      if (began === 0) began = now;
      else if (now - began > LOST_AFTER) return 0;
      while (performance.now() - now < POLL_PAUSE);
    }
  }

  /** Throws away what still arrives from before. */
  drain() {
    while (system.recvmmsg(this.fd, this.inbox.address, BATCH, sys.MSG_WAITFORONE, 0) > 0);
  }

  /**
   * Keeps `window` queries in flight for `seconds`. `every`: called with the answers so far about each
   * millisecond. Returns answers, lost queries, seconds that passed, and answers by rcode.
   */
  run(pool, seconds, window) {
    const { inbox } = this;
    const rcodes = new Array(16).fill(0);
    const start = process.hrtime.bigint();
    const end = start + BigInt(Math.round(seconds * 1e9));
    let flying = 0;
    let answers = 0;
    let lost = 0;
    let now = start;
    while (now < end) {
      for (let turn = 0; turn < 16; turn++) {
        while (flying < window) {
          const sent = this.#send(pool, window - flying);
          if (sent === 0) break;
          flying += sent;
        }
        const received = this.#await();
        if (received <= 0) {
          lost += flying;
          flying = 0;
          continue;
        }
        for (let i = 0; i < received; i++) rcodes[inbox.bytes[inbox.at(i) + 3] & 15]++;
        flying = Math.max(0, flying - received);
        answers += received;
      }
      now = process.hrtime.bigint();
    }
    return { answers, lost, seconds: Number(now - start) / 1e9, rcodes };
  }

  /**
   * Sends `rate` queries a second, evenly, and returns how long each answer took, sorted, in microseconds; the same
   * for each WINDOW_US of the run.
   * `counts`: by its message id, whether an answer is timed.
   *
   * @param {Pool} pool
   * @param {number} seconds
   * @param {number} rate
   * @param {(id: number) => boolean} counts
   */
  pace(pool, seconds, rate, counts = () => true) {
    const { inbox } = this;
    const sentAt = new Float64Array(65_536);
    const took = [];
    const asked = [];
    const gap = 1e6 / rate;
    const start = performance.now() * 1000;
    const end = start + seconds * 1e6;
    let next = start;
    let sent = 0;
    for (;;) {
      const now = performance.now() * 1000;
      if (now >= end) break;
      if (now >= next) {
        sentAt[this.position & 0xffff] = now;
        sent += this.#send(pool, 1);
        next += gap;
      }
      const received = system.recvmmsg(this.fd, inbox.address, BATCH, sys.MSG_DONTWAIT, 0);
      if (received <= 0) continue;
      const arrived = performance.now() * 1000;
      for (let i = 0; i < received; i++) {
        const at = inbox.at(i);
        const id = (inbox.bytes[at] << 8) | inbox.bytes[at + 1];
        // Zero: an answer to what was asked before this run.
        if (sentAt[id] > 0 && counts(id)) {
          took.push(arrived - sentAt[id]);
          asked.push(sentAt[id] - start);
        }
        sentAt[id] = 0;
      }
    }
    const windows = [];
    took.forEach((time, i) => (windows[Math.floor(asked[i] / WINDOW_US)] ??= []).push(time));
    return {
      sent,
      took: Float64Array.from(took).sort(),
      windows: windows.filter((times) => times !== undefined).map((times) => Float64Array.from(times).sort()),
    };
  }
}
