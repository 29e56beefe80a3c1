/** Reads inputs: each file of a folder is one, and a `.pkts` file has many, each behind its length in 16 bits. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readCorpus as readPackets } from '../bench/hostile-packets.mjs';

/** `mustExist`: throws where there is no such folder or file. In the order of the names, so that runs are equal. */
export function readCorpus(path, mustExist = false) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    if (mustExist) throw new Error(`--corpus ${path}: there is no such folder or file`);
    return [];
  }
  if (found.isFile()) return readPackets(path).map((packet) => Buffer.from(packet));
  /** @type {Buffer[]} */
  const inputs = [];
  for (const name of readdirSync(path).sort()) {
    const file = join(path, name);
    if (name.startsWith('.') || !statSync(file).isFile()) continue;
    if (name.endsWith('.pkts')) inputs.push(...readPackets(file).map((packet) => Buffer.from(packet)));
    else inputs.push(readFileSync(file));
  }
  return inputs;
}
