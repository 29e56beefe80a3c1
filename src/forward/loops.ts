/**
 * Finds loops that no mark shows, because a resolver on the way writes queries of its own: where a question seems
 * to come back, its upstream is asked for a secret name, and whether that comes back is proof.
 */
import { randomBytes } from 'node:crypto';
import { EDE_OTHER, NAME_LENGTH_MAX, RCODE_SERVFAIL } from '../dns/constants.ts';
import type { Query } from '../dns/query.ts';
import type { Attempt } from './upstream/attempt.ts';
import { NO_MARKS } from './question.ts';
import type { Question } from './question.ts';
import type { Failure } from './cache/reply.ts';
import type { ResolutionResult } from './resolution.ts';
import type { Upstream } from './upstream/upstream.ts';

/** Octets of the label: hexadecimal digits of a random number. */
const LABEL = 24;
/** Milliseconds for which the name may come back. */
const TIMEOUT = 1300;
/** Names under way at the same time. */
const CANARIES_MAX = 64;

/** What a question gets that has come back. */
export const LOOP: Failure = {
  rcode: RCODE_SERVFAIL,
  ede: {
    code: EDE_OTHER,
    text: 'loop: this question has come back to podns, which forwarded it; see its upstreams',
  },
};

/** What those get who wait for it. */
export function loopThrough(upstream: string): ResolutionResult {
  const text = `loop: upstream ${upstream} asks podns what podns asks it`;
  return { answer: undefined, failure: { rcode: RCODE_SERVFAIL, ede: { code: EDE_OTHER, text } } };
}

interface Canary<F> {
  suspect: F;
  attempt: Attempt | undefined;
}

export class Loops<F extends object> {
  private readonly canaries = new Map<string, Canary<F>>();
  private readonly tested = new WeakSet<F>();

  /** Asks for a name below the question's own, so that it takes the same way. Each suspect is tested once. */
  test(suspect: F, question: Question, upstream: Upstream): void {
    if (this.tested.has(suspect) || this.canaries.size >= CANARIES_MAX) return;
    this.tested.add(suspect);
    const label = randomBytes(LABEL / 2).toString('hex');
    const canary: Canary<F> = { suspect, attempt: undefined };
    this.canaries.set(label, canary);
    const name = below(label, question.name);
    const asked: Question = { ...question, name, dnssecOk: false, checkingDisabled: false, marks: NO_MARKS };
    canary.attempt = upstream.ask(asked, undefined, TIMEOUT, false, () => this.end(label));
  }

  /** The suspect whose secret name this query asks for; the name is used once. */
  recognize(query: Query): F | undefined {
    if (this.canaries.size === 0 || query.name[0] !== LABEL) return undefined;
    const label = Buffer.from(query.name.buffer, query.name.byteOffset + 1, LABEL).toString('latin1');
    const suspect = this.canaries.get(label)?.suspect;
    this.end(label);
    return suspect;
  }

  close(): void {
    for (const label of [...this.canaries.keys()]) this.end(label);
  }

  private end(label: string): void {
    const canary = this.canaries.get(label);
    this.canaries.delete(label);
    canary?.attempt?.release(0);
  }
}

/** The label before the name; before its parent where it would be too long. */
function below(label: string, name: Uint8Array): Uint8Array {
  let from = 0;
  while (name.length - from + LABEL + 1 > NAME_LENGTH_MAX) from += name[from] + 1;
  const longer = new Uint8Array(1 + LABEL + name.length - from);
  longer[0] = LABEL;
  longer.set(Buffer.from(label, 'latin1'), 1);
  longer.set(name.subarray(from), 1 + LABEL);
  return longer;
}
