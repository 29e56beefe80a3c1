/**
 * A reader in a thread of its own, on compiled code: puts the questions again and again while the writer changes
 * everything, and holds all answers of a batch against those of every whole revision that there was meanwhile.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Asker } from './questions.mjs';

const { memory, reader, flags, digests, kept, questions, settings, dist } = workerData;
const { View } = await import(new URL('trie/read/view.js', dist).href);
const { Responder } = await import(new URL('answer/responder.js', dist).href);

const STOP = 0;
const BEGUN = 1;
const DIGESTED = 2;
const BATCHES = 8;
/** Batches that wait for the digests of the last revision they may have seen. */
const WAITING_MAX = 64;

const view = new View(memory, reader);
const responder = new Responder(view, settings, () => 1);
const asker = new Asker(questions);
const words = asker.digest.length;
const faults = [];
const waiting = [];
let batches = 0;
let last = 0;
let seen = 0;

function equals(revision, digest) {
  const at = (revision % kept) * words;
  for (let i = 0; i < words; i++) if (digests[at + i] !== digest[i]) return false;
  return true;
}

/** Which answers of a batch are not those of `revision`. */
function wrongIn(revision, digest) {
  const at = (revision % kept) * words;
  const wrong = [];
  for (let i = 0; i < words; i += 2)
    if (digests[at + i] !== digest[i] || digests[at + i + 1] !== digest[i + 1]) wrong.push(i / 2);
  return wrong;
}

function check({ from, to, digest }) {
  // Two revisions may answer alike: the earliest that fits is as far as this reader must have come.
  for (let revision = Math.max(from, last); revision <= to; revision++) {
    if (!equals(revision, digest)) continue;
    if (revision > last) seen++;
    last = revision;
    return;
  }
  faults.push(
    `no revision from ${Math.max(from, last)} to ${to}: of the first differ ${wrongIn(Math.max(from, last), digest).join()}, of the last ${wrongIn(to, digest).join()}`,
  );
}

function checkWaiting() {
  const digested = Atomics.load(flags, DIGESTED);
  while (waiting.length > 0 && waiting[0].to <= digested) check(waiting.shift());
}

while (Atomics.load(flags, STOP) === 0 && faults.length === 0) {
  const from = Atomics.load(flags, DIGESTED);
  view.enter();
  asker.ask(responder);
  view.leave();
  const to = Atomics.load(flags, BEGUN);
  waiting.push({ from, to, digest: asker.digest.slice() });
  Atomics.store(flags, BATCHES + reader, ++batches);
  checkWaiting();
  while (waiting.length >= WAITING_MAX && Atomics.load(flags, STOP) === 0) {
    Atomics.wait(flags, DIGESTED, Atomics.load(flags, DIGESTED), 5);
    checkWaiting();
  }
}
checkWaiting();
parentPort.postMessage({ batches, faults, seen });
