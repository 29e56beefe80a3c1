/**
 * The memory of one worker's batch: message headers, names, control data and packets, laid out once for the kernel.
 *
 * A worker has one batch at a time, so it needs this once, whatever the number of its sockets: `use` makes it fit
 * the next of them, because the kernel leaves the lengths of the last one in the headers.
 * Slot `i` of what came keeps its sender (`nameAt`) and control data until the next receive; slot `k` of what
 * leaves points back at the slot it answers, so nothing is copied. Layout of struct mmsghdr on 64 bits: name 0,
 * its length 8, vector 16, its count 24, control 32, its length 40, flags 48, octets moved 56; 64 in all.
 */
import { BATCH_MAX } from '../../answer/prefetch.ts';
import type { Batch } from '../../answer/prefetch.ts';
import { UDP_PAYLOAD_MAX } from '../../dns/constants.ts';
import { AF_INET, AF_INET6, IP_PKTINFO, IPV6_PKTINFO, SOL_IP, SOL_IPV6 } from '../syscalls.ts';
import type { System } from '../syscalls.ts';

/** More than this many messages a call gain nothing more. */
export const BATCH = BATCH_MAX;
/**
 * Octets that are read of a packet over UDP. The rest is cut off, and a message that does not end before is
 * a broken one: memory for the longest datagram would be sixteen times as much, and no query needs it.
 */
export const PACKET_MAX = 4096;
/** struct sockaddr_in6, the longer of the two. */
export const NAME_MAX = 28;
/** Capacity for one struct in_pktinfo or in6_pktinfo with its header. */
export const CONTROL_MAX = 64;

/** Not a power of two, so that packets of a batch do not fight for the same lines of the cache. */
const INPUT_STRIDE = PACKET_MAX + 64;
const OUTPUT_STRIDE = UDP_PAYLOAD_MAX + 48;
const HEADER = 64;
const VECTOR = 16;
const NAME_STRIDE = 32;

const RECEIVE = 0;
const SEND = RECEIVE + BATCH * HEADER;
const RECEIVE_VECTORS = SEND + BATCH * HEADER;
const SEND_VECTORS = RECEIVE_VECTORS + BATCH * VECTOR;
const NAMES = SEND_VECTORS + BATCH * VECTOR;
const CONTROLS = NAMES + BATCH * NAME_STRIDE;
const INPUTS = CONTROLS + BATCH * CONTROL_MAX;
const OUTPUTS = INPUTS + BATCH * INPUT_STRIDE;
const SIZE = OUTPUTS + BATCH * OUTPUT_STRIDE;

/** Length of struct sockaddr_in and sockaddr_in6. */
export function nameLength(family: number): number {
  return family === AF_INET ? 16 : 28;
}

export class BatchMessages implements Batch {
  readonly bytes: Uint8Array;
  /** Addresses for recvmmsg and sendmmsg. */
  readonly receiveVector: number;
  readonly sendVector: number;
  readonly words: Int32Array;
  nameLength = 0;
  wide = false;
  #wildcard = false;
  /** The low and high halves of each slot's addresses, as the headers of what leaves need them. */
  readonly #nameLow = new Int32Array(BATCH);
  readonly #controlLow = new Int32Array(BATCH);
  readonly #high = new Int32Array(BATCH * 2);

  constructor(system: System) {
    const memory = new ArrayBuffer(SIZE);
    const base = system.pin(memory);
    this.bytes = new Uint8Array(memory);
    this.words = new Int32Array(memory);
    this.receiveVector = base + RECEIVE;
    this.sendVector = base + SEND;
    const view = new DataView(memory);
    const pointer = (at: number, to: number) => view.setBigUint64(at, BigInt(base + to), true);
    for (let i = 0; i < BATCH; i++) {
      const receive = RECEIVE + i * HEADER;
      const send = SEND + i * HEADER;
      pointer(receive + 16, RECEIVE_VECTORS + i * VECTOR);
      pointer(send + 16, SEND_VECTORS + i * VECTOR);
      for (const header of [receive, send]) {
        pointer(header, NAMES + i * NAME_STRIDE);
        view.setInt32(header + 24, 1, true);
        pointer(header + 32, CONTROLS + i * CONTROL_MAX);
      }
      pointer(RECEIVE_VECTORS + i * VECTOR, INPUTS + i * INPUT_STRIDE);
      view.setInt32(RECEIVE_VECTORS + i * VECTOR + 8, PACKET_MAX, true);
      pointer(SEND_VECTORS + i * VECTOR, OUTPUTS + i * OUTPUT_STRIDE);
      this.#nameLow[i] = this.words[send >> 2];
      this.#controlLow[i] = this.words[(send + 32) >> 2];
      this.#high[i] = this.words[(send >> 2) + 1];
      this.#high[BATCH + i] = this.words[((send + 32) >> 2) + 1];
    }
  }

  /**
   * Fits the next batch to a socket. `wildcard`: control data with the destination address is asked for, and goes
   * back with the answer.
   */
  use(family: number, wildcard: boolean): void {
    this.nameLength = nameLength(family);
    this.wide = family === AF_INET6;
    this.#wildcard = wildcard;
    for (let at = RECEIVE >> 2; at < RECEIVE_VECTORS >> 2; at += HEADER >> 2) {
      this.words[at + 2] = this.nameLength;
      this.words[at + 10] = 0;
    }
  }

  /** Before a receive: the kernel writes over the lengths of control data. */
  prepare(): void {
    if (!this.#wildcard) return;
    for (let i = 0; i < BATCH; i++) this.words[(RECEIVE + i * HEADER + 40) >> 2] = CONTROL_MAX;
  }

  /** Octets that came in slot `i`, up to `PACKET_MAX`; 0 when the packet is empty or has no port to answer to. */
  inputLength(i: number): number {
    return this.port(i) === 0 ? 0 : this.words[((RECEIVE + i * HEADER) >> 2) + 14];
  }

  /** What came in slot `i` gets no answer. */
  drop(i: number): void {
    this.words[((RECEIVE + i * HEADER) >> 2) + 14] = 0;
  }

  inputAt(i: number): number {
    return INPUTS + i * INPUT_STRIDE;
  }

  outputAt(k: number): number {
    return OUTPUTS + k * OUTPUT_STRIDE;
  }

  /** Index in `words` of the sender's address. */
  addressAt(i: number): number {
    return (NAMES + i * NAME_STRIDE + (this.wide ? 8 : 4)) >> 2;
  }

  nameAt(i: number): number {
    return NAMES + i * NAME_STRIDE;
  }

  controlAt(i: number): number {
    return CONTROLS + i * CONTROL_MAX;
  }

  controlLength(i: number): number {
    return this.#wildcard ? this.words[(RECEIVE + i * HEADER + 40) >> 2] : 0;
  }

  port(i: number): number {
    const at = NAMES + i * NAME_STRIDE + 2;
    return (this.bytes[at] << 8) | this.bytes[at + 1];
  }

  /** Writes the sender of slot `i` as 16 octets; for IPv4 only the last four, the others are the caller's. */
  readAddress(i: number, address: Uint8Array): void {
    const bytes = this.bytes;
    const name = NAMES + i * NAME_STRIDE;
    if (this.wide) {
      for (let octet = 0; octet < 16; octet++) address[octet] = bytes[name + 8 + octet];
    } else {
      for (let octet = 0; octet < 4; octet++) address[12 + octet] = bytes[name + 4 + octet];
    }
  }

  /**
   * Writes the address that slot `i` was sent to, like `readAddress`, and clears the interface beside it, so
   * that the answer takes the way the routing table says; only a link-local address means nothing without it.
   */
  readLocal(i: number, local: Uint8Array): void {
    readPacketInfo(this.bytes, CONTROLS + i * CONTROL_MAX, this.controlLength(i), local);
  }

  /** Makes slot `k` of what leaves the answer, `length` octets, to slot `i` of what came. */
  stage(k: number, i: number, length: number): void {
    const words = this.words;
    const header = (SEND + k * HEADER) >> 2;
    words[(SEND_VECTORS + k * VECTOR + 8) >> 2] = length;
    words[header] = this.#nameLow[i];
    words[header + 1] = this.#high[i];
    if (!this.#wildcard) return;
    words[header + 8] = this.#controlLow[i];
    words[header + 9] = this.#high[BATCH + i];
    words[header + 10] = words[(RECEIVE + i * HEADER + 40) >> 2];
  }
}

/** Reads IP_PKTINFO or IPV6_PKTINFO from control data and clears its interface index as `readLocal` does. */
function readPacketInfo(bytes: Uint8Array, at: number, length: number, local: Uint8Array): void {
  if (length < 28) return;
  const level = bytes[at + 8];
  const type = bytes[at + 12];
  if (level === SOL_IPV6 && type === IPV6_PKTINFO && length >= 36) {
    for (let octet = 0; octet < 16; octet++) local[octet] = bytes[at + 16 + octet];
    const linkLocal = local[0] === 0xfe && (local[1] & 0xc0) === 0x80;
    if (!linkLocal) bytes.fill(0, at + 32, at + 36);
  } else if (level === SOL_IP && type === IP_PKTINFO) {
    for (let octet = 0; octet < 4; octet++) local[12 + octet] = bytes[at + 24 + octet];
    bytes.fill(0, at + 16, at + 20);
  }
}
