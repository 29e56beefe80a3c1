/**
 * How a worker hands a packet to the main thread and how that answers it: one record per packet in the ring, one
 * eventfd write per batch when the main thread sleeps, and sendmsg on the socket that the packet came by.
 *
 * Record: 0 sender's address, 16 address asked, 32 port, 34 octets of the socket name, 35 octets of the control
 * data, 36 name, 64 control data, 128 number of the station, 132 the sender's place in its tally, 136 packet.
 */
import type { Peer } from '../../answer/peer.ts';
import type { Answering } from '../transport.ts';
import { RingReader, rounded } from './ring.ts';
import type { RingWriter } from './ring.ts';
import { EMSGSIZE, MSG_DONTWAIT, MSG_NOSIGNAL } from '../syscalls.ts';
import type { System, WatchHandle } from '../syscalls.ts';
import { CONTROL_MAX, NAME_MAX } from './messages.ts';
import type { BatchMessages } from './messages.ts';
import { sendInFragments } from './socket.ts';
import type { Post, Station } from './station.ts';

const LOCAL = 16;
const PORT = 32;
const NAME_LENGTH = 34;
const CONTROL_LENGTH = 35;
const NAME = 36;
const CONTROL = 64;
const STATION = 128;
const SENDER = 132;
const PACKET = 136;

/** Records taken in one pass of the event loop, so that a flood of them leaves the loop to others as well. */
const PASS_RECORDS = 256;

/** A sender may hold a third of what it leaves free, so that its station has room for others. */
const SENDER_SHARE = 3;

/**
 * Writes the packet in slot `i` of the batch into the ring; `handed`: octets that its station has handed over and not
 * yet published. Returns the octets that it takes, 0 when there is no room for this station or this sender.
 */
export function handOver(
  ring: RingWriter,
  messages: BatchMessages,
  i: number,
  length: number,
  peer: Peer,
  post: Post,
  handed: number,
): number {
  const { tally, number: station } = post;
  const held = tally.held + handed;
  if (held === 0) tally.clearSenders();
  const sender = tally.senderOf(peer.address);
  const at = ring.reserve(PACKET + length, Math.max(held, SENDER_SHARE * tally.heldBy(sender)));
  if (at < 0) return 0;
  const to = ring.bytes;
  const from = messages.bytes;
  const control = Math.min(messages.controlLength(i), CONTROL_MAX);
  to.set(peer.address, at);
  to.set(peer.local, at + LOCAL);
  to[at + PORT] = peer.port >>> 8;
  to[at + PORT + 1] = peer.port & 0xff;
  to[at + NAME_LENGTH] = messages.nameLength;
  to[at + CONTROL_LENGTH] = control;
  const name = messages.nameAt(i);
  for (let octet = 0; octet < messages.nameLength; octet++) to[at + NAME + octet] = from[name + octet];
  const data = messages.controlAt(i);
  for (let octet = 0; octet < control; octet++) to[at + CONTROL + octet] = from[data + octet];
  for (let octet = 0; octet < 4; octet++) to[at + STATION + octet] = station >>> (8 * octet);
  to[at + SENDER] = sender;
  const packet = messages.inputAt(i);
  for (let octet = 0; octet < length; octet++) to[at + PACKET + octet] = from[packet + octet];
  tally.handedBy(sender, rounded(PACKET + length));
  return rounded(PACKET + length);
}

/** The struct msghdr stands at 0. */
const VECTOR_AT = 64;
const NAME_AT = 96;
const CONTROL_AT = 128;
const ANSWER_AT = CONTROL_AT + CONTROL_MAX;
const ANSWER_MAX = 4096;

/** One message in pinned memory, filled and sent at once: all sockets of a thread share it. */
class Outbox {
  readonly #system: System;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #base: number;

  constructor(system: System) {
    const memory = new ArrayBuffer(ANSWER_AT + ANSWER_MAX);
    this.#system = system;
    this.#base = system.pin(memory);
    this.#bytes = new Uint8Array(memory);
    this.#view = new DataView(memory);
    const pointer = (at: number, to: number) => this.#view.setBigUint64(at, BigInt(this.#base + to), true);
    pointer(0, NAME_AT);
    pointer(16, VECTOR_AT);
    this.#view.setInt32(24, 1, true);
    pointer(32, CONTROL_AT);
    pointer(VECTOR_AT, ANSWER_AT);
  }

  /** `envelope`: name length, control length, name, control data as in a record from NAME_LENGTH on. */
  send(fd: number, envelope: Uint8Array, answer: Uint8Array): boolean {
    if (answer.length > ANSWER_MAX) return false;
    const nameLength = envelope[0];
    const controlLength = envelope[1];
    this.#bytes.set(envelope.subarray(2, 2 + NAME_MAX), NAME_AT);
    this.#bytes.set(envelope.subarray(CONTROL - NAME_LENGTH), CONTROL_AT);
    this.#bytes.set(answer, ANSWER_AT);
    this.#view.setInt32(8, nameLength, true);
    this.#view.setInt32(40, controlLength, true);
    this.#view.setInt32(48, 0, true);
    this.#view.setInt32(VECTOR_AT + 8, answer.length, true);
    const send = (): boolean =>
      this.#system.sendmsg(fd, this.#base, MSG_DONTWAIT | MSG_NOSIGNAL) === answer.length;
    return send() || (this.#system.errno() === EMSGSIZE && sendInFragments(this.#system, fd, send));
  }
}

const outboxes = new WeakMap<System, Outbox>();
const EVENT = new ArrayBuffer(8);

/** Adds one to an eventfd. */
export function wake(system: System, eventfd: number): void {
  const base = system.pin(EVENT);
  new DataView(EVENT).setBigUint64(0, 1n, true);
  system.write(eventfd, base, 8);
}

/** The main thread's end of one worker's ring. */
export class HandoffReceiver {
  readonly #system: System;
  readonly #answering: Answering;
  readonly #ring: RingReader;
  readonly #eventfd: number;
  readonly #event: number;
  readonly #outbox: Outbox;
  /** By number. */
  readonly #stations = new Map<number, Station>();
  /** Kept here because the event loop forgets a handle without a reference. */
  #handle: WatchHandle | undefined;
  #scheduled: NodeJS.Immediate | undefined;

  constructor(system: System, answering: Answering, ring: SharedArrayBuffer, eventfd: number) {
    this.#system = system;
    this.#answering = answering;
    this.#ring = new RingReader(ring);
    this.#eventfd = eventfd;
    this.#event = system.pin(EVENT);
    let outbox = outboxes.get(system);
    if (outbox === undefined) {
      outbox = new Outbox(system);
      outboxes.set(system, outbox);
    }
    this.#outbox = outbox;
    this.#handle = system.watch(eventfd, () => this.#awake());
    this.#pass();
  }

  add(station: Station): void {
    this.#stations.set(station.number, station);
  }

  /** Forgets the answers still awaited: the number may soon belong to another socket. */
  remove(station: Station): void {
    this.#stations.delete(station.number);
  }

  /** Takes every record that is in the ring now. */
  drain(): void {
    while (this.#take(PASS_RECORDS));
  }

  /** Takes nothing more, and forgets whatever is awaited. */
  close(): void {
    this.#stations.clear();
    this.#handle?.close();
    this.#handle = undefined;
    clearImmediate(this.#scheduled);
  }

  #awake(): void {
    this.#system.read(this.#eventfd, this.#event, 8);
    this.#pass();
  }

  #pass(): void {
    this.#scheduled = undefined;
    if (!this.#take(PASS_RECORDS) && this.#ring.sleep()) return;
    this.#scheduled ??= setImmediate(() => this.#pass());
  }

  /** True when there may be more. */
  #take(limit: number): boolean {
    for (let taken = 0; taken < limit; taken++) {
      const at = this.#ring.next();
      if (at < 0) return false;
      const { bytes, length } = this.#ring;
      const number = new DataView(bytes.buffer, bytes.byteOffset + at + STATION, 4).getInt32(0, true);
      const station = this.#stations.get(number);
      if (station !== undefined) {
        station.tally.taken(rounded(length), bytes[at + SENDER]);
        try {
          this.#ask(station, at, length);
        } catch {
          station.counters.errors += 1;
        }
      }
      this.#ring.release();
    }
    return true;
  }

  #ask(station: Station, at: number, length: number): void {
    const bytes = this.#ring.bytes;
    const peer: Peer = {
      address: bytes.slice(at, at + 16),
      port: (bytes[at + PORT] << 8) | bytes[at + PORT + 1],
      local: bytes.slice(at + LOCAL, at + LOCAL + 16),
      listener: station.listener,
      tcp: false,
    };
    const envelope = bytes.slice(at + NAME_LENGTH, at + CONTROL + CONTROL_MAX);
    // A copy, in memory of its own: some calls refuse shared memory.
    const packet = bytes.slice(at + PACKET, at + length);
    let waiting = true;
    station.pending += 1;
    const settle = (): void => {
      waiting = false;
      station.pending -= 1;
      if (station.pending === 0) station.onIdle();
    };
    try {
      this.#answering.defer(packet, peer, (answer) => {
        if (!waiting || !this.#stations.has(station.number)) return;
        if (answer.length === 0) station.counters.dropped += 1;
        else if (this.#outbox.send(station.bound.fd, envelope, answer)) station.counters.answered += 1;
        else station.counters.sendErrors += 1;
        settle();
      });
    } catch (error) {
      if (waiting) settle();
      throw error;
    }
  }
}
