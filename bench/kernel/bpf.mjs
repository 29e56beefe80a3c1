/** bpf(2) through koffi's `syscall`: maps, programs, links to interfaces, and runs of a program without a network. */
import { createRequire } from 'node:module';
import { systemError } from '../../dist/transport/syscalls.js';
import { messageOf } from '../process.mjs';

const NUMBERS = { x64: 321, arm64: 280 };
const MAP_CREATE = 0;
const MAP_LOOKUP = 1;
const MAP_UPDATE = 2;
const MAP_DELETE = 3;
const PROGRAM_LOAD = 5;
const PROGRAM_RUN = 10;
const LINK_CREATE = 28;
const MAP_TYPE_HASH = 1;
const MAP_TYPE_ARRAY = 2;
const MAP_TYPE_LRU_HASH = 9;
const PROGRAM_TYPE_XDP = 6;
const ATTACH_TYPE_XDP = 37;
/** Room of every argument block; the kernel wants what it does not know to be zero. */
const ATTRIBUTES = 128;
const LOG_SIZE = 1 << 20;

/** Of LINK_CREATE for XDP: in the network stack of any interface, or in its driver. */
export const GENERIC = 2;
export const NATIVE = 4;

export const XDP_PASS = 2;
export const XDP_TX = 3;

/** Why bpf(2) cannot be used here, or undefined when it can. */
export function bpfReason() {
  if (process.platform !== 'linux') return `bpf(2) needs Linux, this is ${process.platform}`;
  if (NUMBERS[process.arch] === undefined) return `no number of bpf(2) for ${process.arch}`;
  try {
    const bpf = new Bpf();
    const fd = bpf.array(8);
    bpf.close(fd);
    return undefined;
  } catch (error) {
    return `bpf(2) is not permitted: ${messageOf(error)}`;
  }
}

/** File descriptors that its methods return are the caller's to close; a link ends with its last descriptor. */
export class Bpf {
  #syscall;
  #close;
  #errno;
  #koffi;
  /** Memory whose addresses the kernel reads, kept in place. */
  #memories = [];
  #attributes;
  #key;
  #value;

  constructor() {
    const koffi = createRequire(import.meta.url)('koffi');
    const libc = koffi.load(null);
    this.#koffi = koffi;
    this.#errno = () => koffi.errno();
    this.#syscall = libc.func('syscall', 'long', ['long', 'long', 'uintptr_t', 'long']);
    this.#close = libc.func('close', 'int', ['int']);
    this.#attributes = this.memory(ATTRIBUTES);
    this.#key = this.memory(512);
    this.#value = this.memory(512);
  }

  /** `size` octets that stay in place, and their address. */
  memory(size) {
    const octets = new Uint8Array(new ArrayBuffer(size));
    this.#memories.push(octets);
    return {
      octets,
      view: new DataView(octets.buffer),
      address: BigInt(this.#koffi.address(octets)),
    };
  }

  #call(command, name, fill) {
    const { octets, view, address } = this.#attributes;
    octets.fill(0);
    fill(view);
    const result = this.#syscall(NUMBERS[process.arch], command, Number(address), ATTRIBUTES);
    if (result < 0) throw systemError(`bpf ${name}`, this.#errno());
    return result;
  }

  close(fd) {
    this.#close(fd);
  }

  #createMap(type, keySize, valueSize, entries) {
    return this.#call(MAP_CREATE, 'MAP_CREATE', (view) => {
      [type, keySize, valueSize, entries].forEach((word, i) => view.setUint32(i * 4, word, true));
    });
  }

  /** A map with one value at key 0. */
  array(valueSize) {
    return this.#createMap(MAP_TYPE_ARRAY, 4, valueSize, 1);
  }

  /** `forgets`: the entries that were not used for longest make room for new ones. */
  hash(keySize, valueSize, entries, forgets = false) {
    return this.#createMap(forgets ? MAP_TYPE_LRU_HASH : MAP_TYPE_HASH, keySize, valueSize, entries);
  }

  #element(command, name, map, key, value) {
    this.#key.octets.set(key);
    if (value !== undefined) this.#value.octets.set(value);
    return this.#call(command, name, (view) => {
      view.setUint32(0, map, true);
      view.setBigUint64(8, this.#key.address, true);
      view.setBigUint64(16, this.#value.address, true);
    });
  }

  /** Keys and values have the sizes of their map. */
  set(map, key, value) {
    this.#element(MAP_UPDATE, 'MAP_UPDATE_ELEM', map, key, value);
  }

  delete(map, key) {
    this.#element(MAP_DELETE, 'MAP_DELETE_ELEM', map, key);
  }

  /** The value at key 0 of an array. */
  read(map, valueSize) {
    this.#element(MAP_LOOKUP, 'MAP_LOOKUP_ELEM', map, new Uint8Array(4));
    return this.#value.octets.slice(0, valueSize);
  }

  /** Loads an XDP program; an error carries what the kernel's verifier says. */
  load(code) {
    const instructions = this.memory(code.length);
    instructions.octets.set(code);
    const license = this.memory(8);
    license.octets.set(Buffer.from('MIT'));
    const log = this.memory(LOG_SIZE);
    const attempt = (level) =>
      this.#call(PROGRAM_LOAD, 'PROG_LOAD', (view) => {
        view.setUint32(0, PROGRAM_TYPE_XDP, true);
        view.setUint32(4, code.length / 8, true);
        view.setBigUint64(8, instructions.address, true);
        view.setBigUint64(16, license.address, true);
        if (level === 0) return;
        view.setUint32(24, level, true);
        view.setUint32(28, LOG_SIZE, true);
        view.setBigUint64(32, log.address, true);
      });
    try {
      return attempt(0);
    } catch (refused) {
      try {
        return attempt(1);
      } catch {
        const said = Buffer.from(log.octets.subarray(0, log.octets.indexOf(0))).toString();
        throw new Error(`${messageOf(refused)}: ${said.slice(-4000)}`, {
          cause: refused,
        });
      }
    }
  }

  /** Attaches a program to an interface until the descriptor is closed: when the process ends, at the latest. */
  attach(program, interfaceIndex, mode = GENERIC) {
    return this.#call(LINK_CREATE, 'LINK_CREATE', (view) => {
      [program, interfaceIndex, ATTACH_TYPE_XDP, mode].forEach((word, i) =>
        view.setUint32(i * 4, word, true),
      );
    });
  }

  /** For `runner`. */
  run(program, input, length, output, repeat) {
    const attributes = this.#attributes.view;
    this.#call(PROGRAM_RUN, 'PROG_TEST_RUN', (view) => {
      view.setUint32(0, program, true);
      view.setUint32(8, length, true);
      view.setUint32(12, output.octets.length, true);
      view.setBigUint64(16, input.address, true);
      view.setBigUint64(24, output.address, true);
      view.setUint32(32, repeat, true);
    });
    return {
      verdict: attributes.getUint32(4, true),
      length: attributes.getUint32(12, true),
      nanoseconds: attributes.getUint32(36, true),
    };
  }

  /**
   * Runs the program on frames without a network, as if they came in at `lo`. The result's `frame` is valid until the
   * next call.
   */
  runner(program) {
    const input = this.memory(2048);
    const output = this.memory(4096);
    return (frame, repeat = 1) => {
      input.octets.set(frame);
      const { verdict, length, nanoseconds } = this.run(program, input, frame.length, output, repeat);
      return { verdict, frame: output.octets.subarray(0, length), nanoseconds };
    };
  }
}
