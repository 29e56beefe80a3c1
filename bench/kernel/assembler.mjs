/**
 * An assembler for eBPF: methods append instructions of eight octets, labels stand for places, and `code()` resolves
 * the jumps. Registers are numbers: 0 the result, 1 to 5 arguments, 6 to 9 kept over calls, 10 the frame.
 * Sizes of loads and stores are octets. Octet order is that of the machine (RFC 9669).
 */

const SIZE = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };
const ALU = { add: 0x00, sub: 0x10, or: 0x40, and: 0x50, lsh: 0x60, rsh: 0x70, xor: 0xa0, mov: 0xb0 };
const JUMP = { eq: 0x10, gt: 0x20, ge: 0x30, set: 0x40, ne: 0x50, sgt: 0x60, lt: 0xa0, le: 0xb0 };
const REGISTER = 0x08;
/** In `src` of a 64-bit load: `imm` is the file descriptor of a map; or of an array, for the address of its value. */
const PSEUDO_MAP_FD = 1;
const PSEUDO_MAP_VALUE = 2;
/** A jump leads at most this many instructions away. */
const JUMP_MAX = 0x7fff;

/** @typedef {keyof typeof ALU} Operation */
/** @typedef {keyof typeof JUMP} Condition */
/** @typedef {1 | 2 | 4 | 8} Size */

export class Assembler {
  /** @type {{ op: number, dst: number, src: number, off: number, imm: number, to?: string }[]} */
  #code = [];
  /** @type {Map<string, number>} */
  #labels = new Map();

  #emit(op, dst, src, off, imm, to) {
    this.#code.push({ op, dst, src, off, imm, to });
    return this;
  }

  /** The next instruction is the place `name`. */
  label(name) {
    if (this.#labels.has(name)) throw new Error(`label ${name} is there twice`);
    this.#labels.set(name, this.#code.length);
    return this;
  }

  /**
   * dst = dst OPERATION imm, in 64 bits; imm is signed 32 bits.
   *
   * @param {Operation} operation
   * @param {number} dst
   * @param {number} imm
   */
  op(operation, dst, imm) {
    return this.#emit(0x07 | ALU[operation], dst, 0, 0, imm);
  }

  /**
   * dst = dst OPERATION src, in 64 bits.
   *
   * @param {Operation} operation
   * @param {number} dst
   * @param {number} src
   */
  opr(operation, dst, src) {
    return this.#emit(0x07 | REGISTER | ALU[operation], dst, src, 0, 0);
  }

  /** dst = the lower 32 bits of src, the rest cleared. */
  low32(dst, src) {
    return this.#emit(0x04 | REGISTER | ALU.mov, dst, src, 0, 0);
  }

  /** The lower 16 bits of dst with their octets exchanged, the rest cleared (on a little-endian machine). */
  swap16(dst) {
    return this.#emit(0xdc, dst, 0, 0, 16);
  }

  /** dst = a constant of 64 bits. */
  constant(dst, value) {
    this.#emit(0x18, dst, 0, 0, Number(BigInt.asIntN(32, value)));
    return this.#emit(0, 0, 0, 0, Number(BigInt.asIntN(32, value >> 32n)));
  }

  /** dst = the map of this file descriptor. */
  map(dst, fd) {
    this.#emit(0x18, dst, PSEUDO_MAP_FD, 0, fd);
    return this.#emit(0, 0, 0, 0, 0);
  }

  /** dst = the address of octet `at` of the only value of an array. */
  mapValue(dst, fd, at = 0) {
    this.#emit(0x18, dst, PSEUDO_MAP_VALUE, 0, fd);
    return this.#emit(0, 0, 0, 0, at);
  }

  /**
   * dst = the octets at src + off.
   *
   * @param {Size} size
   */
  load(size, dst, src, off) {
    return this.#emit(0x61 | SIZE[size], dst, src, off, 0);
  }

  /**
   * The octets at dst + off = src.
   *
   * @param {Size} size
   */
  store(size, dst, off, src) {
    return this.#emit(0x63 | SIZE[size], dst, src, off, 0);
  }

  /**
   * The octets at dst + off = imm.
   *
   * @param {Size} size
   */
  storeImm(size, dst, off, imm) {
    return this.#emit(0x62 | SIZE[size], dst, 0, off, imm);
  }

  /** Adds src to the word of 64 bits at dst + off, atomically. */
  atomicAdd(dst, off, src) {
    return this.#emit(0xdb, dst, src, off, 0);
  }

  go(to) {
    return this.#emit(0x05, 0, 0, 0, 0, to);
  }

  /**
   * Goes to a label if dst CONDITION imm, compared without sign unless the condition begins with s.
   *
   * @param {Condition} condition
   */
  if(condition, dst, imm, to) {
    return this.#emit(0x05 | JUMP[condition], dst, 0, 0, imm, to);
  }

  /**
   * Goes to a label if dst CONDITION src.
   *
   * @param {Condition} condition
   */
  ifr(condition, dst, src, to) {
    return this.#emit(0x05 | REGISTER | JUMP[condition], dst, src, 0, 0, to);
  }

  /** Calls a helper of the kernel by its number. */
  call(helper) {
    return this.#emit(0x85, 0, 0, 0, helper);
  }

  exit() {
    return this.#emit(0x95, 0, 0, 0, 0);
  }

  /** The instructions as the kernel takes them. Throws on a label that is not there or too far away. */
  code() {
    const octets = new Uint8Array(this.#code.length * 8);
    const view = new DataView(octets.buffer);
    this.#code.forEach(({ op, dst, src, off, imm, to }, i) => {
      let distance = off;
      if (to !== undefined) {
        const target = this.#labels.get(to);
        if (target === undefined) throw new Error(`there is no label ${to}`);
        distance = target - i - 1;
        if (Math.abs(distance) > JUMP_MAX) throw new Error(`label ${to} is ${distance} instructions away`);
      }
      octets[i * 8] = op;
      octets[i * 8 + 1] = dst | (src << 4);
      view.setInt16(i * 8 + 2, distance, true);
      view.setInt32(i * 8 + 4, imm, true);
    });
    return octets;
  }
}
