/** Keeps each VPC's radix tree of prefixes, which `read/addresses.ts` searches; each copy has links of its own. */
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import { bitAt, commonBits, maskOctets } from '../prefix.ts';
import type { Prefix } from '../prefix.ts';
import type { Tables } from './tables.ts';

/** Word that refers to the root of a VPC's tree, in copy 0. */
const rootOf = (vpc: number): number => vpc + layout.VPC_COPIES + layout.VPC_SUBNETS;
const belowOf = (node: number, side: number): number =>
  node + layout.SUBNET_COPIES + layout.SUBNET_BELOW + side;

export class Subnets {
  private readonly arena: Arena;
  private readonly tables: Tables;
  private readonly bytes: Uint8Array;

  constructor(arena: Arena, tables: Tables) {
    this.arena = arena;
    this.tables = tables;
    this.bytes = new Uint8Array(arena.words.buffer);
  }

  /** Adds one declaration of a prefix to the VPC with this record. */
  add(vpc: number, { bits, octets }: Prefix): void {
    const { words } = this.arena;
    let link = rootOf(vpc);
    for (let stride: number = layout.VPC_BLOCK; ; stride = layout.SUBNET_BLOCK) {
      const node = this.read(link, stride);
      if (node === 0) {
        this.write(link, stride, this.make(octets, bits, 1));
        return;
      }
      const at = (node + layout.SUBNET_ADDRESS) * 4;
      const length = words[node + layout.SUBNET_BITS];
      const common = commonBits(this.bytes, at, octets, 0, Math.min(length, bits));
      if (common === length && length === bits) {
        this.hold(node, 1);
        return;
      }
      if (common < length) {
        const upper = this.make(octets, common, common === bits ? 1 : 0);
        this.write(belowOf(upper, bitAt(this.bytes, at, common)), layout.SUBNET_BLOCK, node);
        if (common < bits) {
          const leaf = this.make(octets, bits, 1);
          this.write(belowOf(upper, bitAt(octets, 0, common)), layout.SUBNET_BLOCK, leaf);
        }
        this.write(link, stride, upper);
        return;
      }
      link = belowOf(node, bitAt(octets, 0, length));
    }
  }

  /** Removes one declaration of a prefix that was added. Needs no room. */
  remove(vpc: number, { bits, octets }: Prefix): void {
    const { words } = this.arena;
    let link = rootOf(vpc);
    let stride: number = layout.VPC_BLOCK;
    let above = { node: 0, link: 0, stride: 0 };
    let node = this.read(link, stride);
    for (; words[node + layout.SUBNET_BITS] < bits; node = this.read(link, stride)) {
      above = { node, link, stride };
      link = belowOf(node, bitAt(octets, 0, words[node + layout.SUBNET_BITS]));
      stride = layout.SUBNET_BLOCK;
    }
    this.hold(node, -1);
    this.join(node, link, stride);
    if (above.node !== 0) this.join(above.node, above.link, above.stride);
  }

  /** Removes a node that neither is a prefix nor joins two; `link` refers to it. */
  private join(node: number, link: number, stride: number): void {
    const { SUBNET_BLOCK } = layout;
    const first = this.read(belowOf(node, 0), SUBNET_BLOCK);
    const second = this.read(belowOf(node, 1), SUBNET_BLOCK);
    if (this.read(node + layout.SUBNET_COPIES, SUBNET_BLOCK) > 0 || (first !== 0 && second !== 0)) return;
    this.write(link, stride, first === 0 ? second : first);
    this.tables.release(node, layout.SUBNET_WORDS);
  }

  private make(octets: Uint8Array, bits: number, held: number): number {
    const { words } = this.arena;
    const node = this.arena.allocate(layout.SUBNET_WORDS);
    words.fill(0, node, node + layout.SUBNET_WORDS);
    words[node] = layout.RECORD_SUBNET;
    words[node + layout.SUBNET_BITS] = bits;
    const at = (node + layout.SUBNET_ADDRESS) * 4;
    this.bytes.set(octets, at);
    maskOctets(this.bytes.subarray(at, at + 16), bits);
    if (held > 0) this.hold(node, held);
    return node;
  }

  private hold(node: number, by: number): void {
    const at = node + layout.SUBNET_COPIES + layout.SUBNET_HELD;
    this.write(at, layout.SUBNET_BLOCK, this.read(at, layout.SUBNET_BLOCK) + by);
  }

  private read(link: number, stride: number): number {
    this.tables.steps++;
    return this.arena.words[link + this.tables.idle.copy * stride];
  }

  private write(link: number, stride: number, value: number): void {
    this.tables.writeBoth(link, stride, value);
  }
}
