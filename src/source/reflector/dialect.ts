/** What a list-then-watch stream says to the reflector, whatever protocol it came by, and how it may fail. */

import type { Place, Problem, Resource, ResourceKey, ResumePoint } from '../../model.ts';

/**
 * One thing that a stream said. Revisions are decimal text without leading zeros; they only ever grow along a
 * stream, except that a `snapshot` may begin anywhere. `at`: milliseconds since 1970 at which the control plane
 * committed it. `more`: further events of the same revision follow, and the change is visible only with the last.
 */
export type StreamEvent =
  /** The server accepted us. `resumed`: it will go on right after the revision that was asked for. */
  | { type: 'connected'; resumed: boolean }
  /** A full state begins; puts and refusals of any revision up to this one follow, then `synced`. */
  | { type: 'snapshot'; revision: string; at?: number }
  | {
      type: 'put';
      revision: string;
      resource: Resource;
      place?: Place;
      more: boolean;
      at?: number;
      /** What the state gives to order the claims of this object; see `Sink.put`. */
      stamp?: string;
    }
  | { type: 'delete'; revision: string; key: ResourceKey; more: boolean; at?: number }
  /** A change that is not valid. `key`: whose last good version stays, where that much could be read. */
  | {
      type: 'refused';
      revision: string;
      key?: ResourceKey;
      stamp?: string;
      scope: string;
      problems: Problem[];
      more: boolean;
      at?: number;
    }
  /** The full state that `snapshot` began is whole. */
  | { type: 'synced'; revision: string }
  /**
   * Nothing new up to this revision, still alive. `lost`: but the server itself has been cut off from what it
   * watches since then, milliseconds since 1970.
   */
  | { type: 'bookmark'; revision: string; lost?: number }
  /** Something that cannot be read at all, so that nobody knows what it changed. */
  | { type: 'malformed'; place?: Place; reason: string };

/**
 * A protocol. `connect` opens a connection and yields events in batches, as they arrive; it reads no faster than
 * its batches are taken. `revision`: go on after it; undefined: give the full state first. The iterator throws a
 * `StreamError` where it knows what the failure means, any other error counts as `retry`, and a normal end as a
 * lost stream. When `signal` aborts it ends all its I/O and returns or throws soon.
 */
export interface Dialect {
  connect(revision: string | undefined, signal: AbortSignal): AsyncIterable<StreamEvent[]>;
  /** Milliseconds without any batch after which the connection counts as dead; 0: never. */
  readonly stallAfter?: number;
  /** When the octets of the last batch came, by `performance.now()`. */
  readonly heard?: number;
  /** What proves later that the stream can go on after this revision, which the sink has; undefined: nothing. */
  proof?(revision: string): string | undefined;
  /** Takes up such a proof, before the first `connect`; false where it is not good enough to try. */
  resume?(point: ResumePoint): boolean;
  /** Ends what outlives a connection. */
  close?(): Promise<void>;
}

/**
 * `gone`: the revision cannot be resumed (HTTP 410, compacted, another history): list again. `unauthorized`: our
 * credentials were refused. `retry`: anything that may pass. `ended`: for ever, there is nothing to reconnect to.
 */
export type StreamFailure = 'gone' | 'unauthorized' | 'retry' | 'ended';

export class StreamError extends Error {
  readonly failure: StreamFailure;
  /** Milliseconds that the server asked us to stay away. */
  readonly retryAfter: number;

  constructor(failure: StreamFailure, message: string, retryAfter = 0) {
    super(message);
    this.name = 'StreamError';
    this.failure = failure;
    this.retryAfter = retryAfter;
  }
}

/** Decimal, no leading zeros, at most 20 digits. */
export function isRevision(text: unknown): text is string {
  return typeof text === 'string' && /^(0|[1-9][0-9]{0,19})$/.test(text);
}

/** Negative, zero or positive, like the difference. Both must be revisions: then longer is greater. */
export function compareRevisions(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}
