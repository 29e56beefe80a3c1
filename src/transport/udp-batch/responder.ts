/** What answers in a worker of the batch transport: the contract between the loop there and the module that it loads. */
import type { Batch } from '../../answer/prefetch.ts';
import type { Listener, Peer } from '../../answer/peer.ts';

/**
 * `respond`: octets written to `out` from `outStart` on, 0 for a packet that gets no answer, -1 for one that needs
 * the main thread. Between `enter` and `leave` the view stands still.
 */
export interface BatchResponder {
  /** What the packet of the last `respond` has asked for: a place of answer/counts. Absent: not told. */
  readonly asked?: number;
  enter(): void;
  leave(): void;
  /** After `enter`: may look at all packets of the batch, which came to one listener, before the first is answered. */
  look?(batch: Batch, count: number, listener: Listener): void;
  respond(
    packet: Uint8Array,
    start: number,
    end: number,
    peer: Peer,
    out: Uint8Array,
    outStart: number,
    /** The packet's number in its batch. */
    index: number,
  ): number;
  /** Writes SERVFAIL with the reason for the packet that `respond` has just returned -1 for. */
  overload(out: Uint8Array, outStart: number): number;
}

/** The module that a worker loads exports this. */
export type CreateResponder = (data: unknown) => BatchResponder;
