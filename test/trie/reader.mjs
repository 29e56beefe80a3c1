/** A reader in a thread of its own, on compiled code: checks that every batch shows one whole revision. */
import { parentPort, workerData } from 'node:worker_threads';

const { memory, reader, flags, pairs, mode, dist } = workerData;
const layout = await import(new URL('trie/layout.js', dist).href);
const { findOwner } = await import(new URL('trie/read/addresses.js', dist).href);
const { View } = await import(new URL('trie/read/view.js', dist).href);
const { expected } = await import(workerData.rules);

const STOP = 0;
const INSIDE = 1;
const LEFT = 2;
const READS = 8;

const label = (text) => Uint8Array.from([text.length, ...Buffer.from(text, 'latin1')]);
const view = new View(memory, reader);
const RED = label('red');
const ALPHA = label('alpha');
const REVISION = label('revision');
const names = Array.from({ length: pairs }, (_, i) => [label(`a${i}`), label(`b${i}`)]);
const faults = [];
let reads = 0;

/** The revision that the address of a record carries, or -1 where there is no record. */
function revisionAt(namespace, name) {
  reads++;
  if (!view.step(namespace, name, 0) || view.payload === 0) return -1;
  const record = view.payload;
  if (view.words[record + layout.RRSET_AAAA_COUNT] !== 1) return -2;
  const at = (record + layout.RRSET_AAAA) * 4;
  const { bytes } = view;
  return ((bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5]) >>> 0;
}

/** The record that the client table has for the address of the pod `name`. */
function holds(vpc, namespace, name) {
  if (!view.step(namespace, name, 0) || view.payload === 0) return true;
  const record = view.payload;
  for (let i = 0; i < 4; i++) view.key[i] = view.words[record + layout.RRSET_AAAA + i];
  reads++;
  return findOwner(view, vpc) === record;
}

function batch() {
  if (!view.step(view.vpcRoot, RED, 0)) return;
  const vpc = view.payload;
  if (!view.step(view.words[vpc + layout.VPC_NODE], ALPHA, 0)) return;
  const namespace = view.node;
  const revision = revisionAt(namespace, REVISION);
  for (let i = 0; i < pairs; i++) {
    const wanted = expected(revision, i);
    for (const name of names[i]) {
      const got = revisionAt(namespace, name);
      if (got !== wanted) faults.push(`revision ${revision}: pair ${i} is of ${got}, not of ${wanted}`);
      if (!holds(vpc, namespace, name))
        faults.push(`revision ${revision}: pair ${i} is not found by address`);
    }
    if (faults.length > 10) return;
  }
  if (revisionAt(namespace, REVISION) !== revision) faults.push(`revision ${revision} did not stay`);
}

if (mode === 'stay') {
  view.enter();
  Atomics.store(flags, INSIDE, 1);
  Atomics.notify(flags, INSIDE);
  // Until it is killed, or told to go.
  Atomics.wait(flags, STOP, 0);
  Atomics.wait(flags, LEFT + 1, 0, 50);
  Atomics.store(flags, LEFT, 1);
  view.leave();
} else {
  while (Atomics.load(flags, STOP) === 0 && faults.length === 0) {
    view.enter();
    batch();
    view.leave();
    Atomics.store(flags, READS + reader, reads);
  }
}
parentPort.postMessage({ reads, faults });
