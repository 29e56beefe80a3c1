/** The kernel's side of a server: maps, program, and entries made of answers that the server's own code has encoded. */
import { Bpf } from './bpf.mjs';
import * as layout from './layout.mjs';
import { program } from './program.mjs';

const HEADER = 12;
const OPT = 11;
const FLAGS_ECHOED = 0x0110;
const CLASS_IN = 1;
const TYPE_A = 1;
const TYPE_AAAA = 28;

/** The sum of an even number of octets for an internet checksum, as the kernel sums: in the order of the machine. */
function sum16(octets) {
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) sum += octets[i] | (octets[i + 1] << 8);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Octets of the name at `at`, its root octet included; 0 if the message ends first. */
function nameLength(message, at) {
  let length = 0;
  while (at + length < message.length) {
    const label = message[at + length];
    if (label === 0) return length + 1;
    length += label + 1;
  }
  return 0;
}

/**
 * What the kernel may say to a query of this client at this listener, from the server's whole answer to it: key and
 * value, or undefined for what it cannot say. `generation`: of the view that gave the answer, a BigInt.
 *
 * @param {Uint8Array} answer
 * @param {Uint8Array} client 16 octets
 * @param {number} listener
 * @param {bigint} generation
 */
export function entryOf(answer, client, listener, generation) {
  const message = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
  if (message.length < HEADER) return undefined;
  const flags = message.readUInt16BE(2);
  const isOne = message.readUInt32BE(4) === 0x00010001 && message.readUInt16BE(8) === 0;
  // QR set, opcode QUERY, no TC, no error.
  if ((flags & 0xfa0f) !== 0x8000 || !isOne) return undefined;
  const length = nameLength(message, HEADER);
  const question = HEADER + length;
  const record = question + 4;
  if (length === 0 || length > layout.NAME_MAX || record + layout.RECORD_A > message.length) return undefined;
  const type = message.readUInt16BE(question);
  if (type !== TYPE_A && type !== TYPE_AAAA) return undefined;
  const size = type === TYPE_A ? layout.RECORD_A : layout.RECORD_AAAA;
  const withOpt = message.readUInt16BE(10) === 1;
  // An OPT with options (a cookie, an extended error) belongs to one query, or to a state of the view that may end.
  if (message.length !== record + size + (withOpt ? OPT : 0)) return undefined;
  const isOwnRecord =
    message.readUInt16BE(record) === 0xc00c &&
    message.readUInt16BE(record + 2) === type &&
    message.readUInt16BE(record + 4) === CLASS_IN &&
    message.readUInt16BE(record + 10) === size - 12;
  if (message.readUInt16BE(question + 2) !== CLASS_IN || !isOwnRecord) return undefined;

  const key = new Uint8Array(layout.ANSWER_KEY.size);
  const keyView = new DataView(key.buffer);
  keyView.setUint32(0, listener, true);
  keyView.setUint16(layout.ANSWER_KEY.type, type);
  keyView.setUint16(layout.ANSWER_KEY.nameLength, length, true);
  key.set(client, layout.ANSWER_KEY.client);
  for (let i = 0; i < length; i++) {
    const octet = message[HEADER + i];
    key[layout.ANSWER_KEY.name + i] = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
  }
  const value = new Uint8Array(layout.ANSWER_VALUE.size);
  const valueView = new DataView(value.buffer);
  valueView.setBigUint64(0, generation, true);
  valueView.setUint16(layout.ANSWER_VALUE.flags, flags & ~FLAGS_ECHOED);
  valueView.setUint16(layout.ANSWER_VALUE.length, size, true);
  const octets = message.subarray(record, record + size);
  valueView.setUint32(layout.ANSWER_VALUE.sum, sum16(octets), true);
  value.set(octets, layout.ANSWER_VALUE.record);
  return { key, value };
}

/** CLOCK_MONOTONIC, as the kernel's program reads it. */
const now = () => process.hrtime.bigint();

/** Everything ends with `close`, or with the process. */
export class KernelAnswers {
  /** Nanoseconds that a heartbeat lasts. */
  lease;
  generation = 1n;
  #bpf = new Bpf();
  #maps;
  #fds;
  #links = new Set();
  #runner;

  constructor({ entries = 1 << 16, lease = 1_000_000_000n } = {}) {
    const bpf = this.#bpf;
    this.lease = lease;
    this.#maps = {
      listeners: bpf.hash(layout.LISTENER_KEY.size, layout.LISTENER_VALUE, 64),
      answers: bpf.hash(layout.ANSWER_KEY.size, layout.ANSWER_VALUE.size, entries, true),
      state: bpf.array(layout.STATE.size),
      counters: bpf.array(layout.COUNTERS),
    };
    this.program = bpf.load(program(this.#maps));
    this.#fds = [...Object.values(this.#maps), this.program];
    this.#runner = bpf.runner(this.program);
    this.beat();
  }

  /** `mode`: of bpf.mjs. Returns what takes the program off the interface again. */
  attach(interfaceIndex, mode) {
    const link = this.#bpf.attach(this.program, interfaceIndex, mode);
    this.#links.add(link);
    return () => {
      if (this.#links.delete(link)) this.#bpf.close(link);
    };
  }

  /** From now on the program looks at what is sent to this address (16 octets) and port on this interface. */
  listen(interfaceIndex, address, port, listener) {
    const key = new Uint8Array(layout.LISTENER_KEY.size);
    const view = new DataView(key.buffer);
    view.setUint32(0, interfaceIndex, true);
    view.setUint16(layout.LISTENER_KEY.port, port);
    key.set(address, layout.LISTENER_KEY.address);
    const value = new Uint8Array(layout.LISTENER_VALUE);
    new DataView(value.buffer).setUint32(0, listener, true);
    this.#bpf.set(this.#maps.listeners, key, value);
  }

  /** Says that the server lives and that its view is that of `generation`; by `at`, nanoseconds of `now`. */
  beat(at = now()) {
    const value = new Uint8Array(layout.STATE.size);
    const view = new DataView(value.buffer);
    view.setBigUint64(0, this.generation, true);
    view.setBigUint64(layout.STATE.heartbeat, at, true);
    view.setBigInt64(layout.STATE.lease, this.lease, true);
    this.#bpf.set(this.#maps.state, new Uint8Array(4), value);
  }

  /** Every entry so far is void. */
  change() {
    this.generation++;
    this.beat();
  }

  /** Gives the kernel this answer of the server; false if it is not one that the kernel can give. */
  learn(answer, client, listener) {
    const entry = entryOf(answer, client, listener, this.generation);
    if (entry === undefined) return false;
    this.#bpf.set(this.#maps.answers, entry.key, entry.value);
    return true;
  }

  /** How many packets ended for each reason. */
  counters() {
    const octets = this.#bpf.read(this.#maps.counters, layout.COUNTERS);
    const view = new DataView(octets.buffer, octets.byteOffset);
    return Object.fromEntries(
      layout.REASONS.map((reason, i) => [reason, Number(view.getBigUint64(i * 8, true))]),
    );
  }

  /** What the program does with a frame, without a network: `Bpf.runner`. */
  run(frame, repeat) {
    return this.#runner(frame, repeat);
  }

  close() {
    for (const fd of [...this.#links, ...this.#fds.reverse()]) this.#bpf.close(fd);
  }
}
