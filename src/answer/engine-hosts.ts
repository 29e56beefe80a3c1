/**
 * From which addresses the hosts of container engines ask: the gateways of their networks, in memory that all threads
 * share. One thread writes it as networks come and go; the others read it without a lock.
 *
 *     word 0          even; odd while it is written
 *     word 1          number of entries
 *     from word 2 on  entries of 5 words, sorted: number of the engine, then the address (16 octets, IPv4 mapped)
 */
import { parseAddress } from '../dns/address.ts';

/** The engines that the sources read. Structured-cloneable: it goes to workers with the other settings. */
export interface Engines {
  /** The VPC of each engine, folded; its place here is the number of the engine. */
  vpcs: readonly string[];
  gateways: SharedArrayBuffer;
}

/** Gateways of all engines together; a network has one for each family. */
export const GATEWAYS_MAX = 4096;

const VERSION = 0;
const COUNT = 1;
const ENTRIES = 2;
const ENTRY = 5;
/** Searches of one question while the memory is written anew; then the client counts as no host. */
const ATTEMPTS = 100;

type Entry = [engine: number, a: number, b: number, c: number, d: number];

export function engineMemory(vpcs: readonly string[]): Engines {
  return { vpcs, gateways: new SharedArrayBuffer((ENTRIES + GATEWAYS_MAX * ENTRY) * 4) };
}

/**
 * Replaces all gateways: those of each engine at its number, as text of addresses. What is no address, and what exceeds
 * GATEWAYS_MAX, is left out.
 */
export function writeGateways(engines: Engines, gateways: readonly (readonly string[])[]): void {
  const words = new Int32Array(engines.gateways);
  const octets = new Uint8Array(16);
  const entries: Entry[] = [];
  gateways.forEach((texts, engine) => {
    for (const text of texts) {
      if (entries.length === GATEWAYS_MAX || parseAddress(text, octets, 0) === 0) continue;
      entries.push([engine, wordAt(octets, 0), wordAt(octets, 4), wordAt(octets, 8), wordAt(octets, 12)]);
    }
  });
  entries.sort((x, y) => x[0] - y[0] || x[1] - y[1] || x[2] - y[2] || x[3] - y[3] || x[4] - y[4]);
  Atomics.add(words, VERSION, 1);
  words[COUNT] = entries.length;
  entries.forEach((entry, i) => words.set(entry, ENTRIES + i * ENTRY));
  Atomics.add(words, VERSION, 1);
}

/** Reads the gateways, on any thread. */
export class EngineHosts {
  private readonly vpcs: readonly string[];
  private readonly words: Int32Array;

  constructor({ vpcs, gateways }: Engines) {
    this.vpcs = vpcs;
    this.words = new Int32Array(gateways);
  }

  /** The number of the first engine that is this VPC, or -1. */
  engineOf(vpc: string): number {
    return this.vpcs.indexOf(vpc);
  }

  /** True when some engine of the VPC of this engine has a network with this gateway. */
  has(engine: number, address: Uint8Array): boolean {
    const { vpcs } = this;
    for (let i = engine; i < vpcs.length; i++)
      if (vpcs[i] === vpcs[engine] && this.search(i, address)) return true;
    return false;
  }

  private search(engine: number, address: Uint8Array): boolean {
    const { words } = this;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const version = Atomics.load(words, VERSION);
      if ((version & 1) !== 0) continue;
      const found = this.find(engine, address);
      if (Atomics.load(words, VERSION) === version) return found;
    }
    return false;
  }

  private find(engine: number, address: Uint8Array): boolean {
    const { words } = this;
    let low = 0;
    // What is read while it is written may be anything; it must only end.
    let high = Math.min(words[COUNT], GATEWAYS_MAX);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.compare(ENTRIES + middle * ENTRY, engine, address);
      if (order === 0) return true;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return false;
  }

  private compare(at: number, engine: number, address: Uint8Array): number {
    const { words } = this;
    if (words[at] !== engine) return words[at] - engine;
    for (let i = 0; i < 4; i++) {
      const difference = words[at + 1 + i] - wordAt(address, i * 4);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

/** True for 127.0.0.0/8 and ::1, in 16 octets. */
export function isLoopback(address: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (address[i] !== 0) return false;
  if (address[10] === 0xff && address[11] === 0xff) return address[12] === 127;
  return (
    address[10] === 0 &&
    address[11] === 0 &&
    address[12] === 0 &&
    address[13] === 0 &&
    address[14] === 0 &&
    address[15] === 1
  );
}

function wordAt(octets: Uint8Array, at: number): number {
  return (octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8) | octets[at + 3];
}
