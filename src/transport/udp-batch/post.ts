/** One socket as its worker sees it. */
import type { Peer } from '../../answer/peer.ts';
import { AF_INET } from '../syscalls.ts';
import { Tally } from './control.ts';
import type { StationData } from './station.ts';

export class Post {
  readonly number: number;
  readonly fd: number;
  readonly family: number;
  /** Each packet says which address it was sent to. */
  readonly wildcard: boolean;
  readonly tally: Tally;
  readonly counts: Float64Array;
  readonly answers: Float64Array;
  /** Of the packet at hand. */
  readonly peer: Peer;

  constructor({ number, bound, listener, tally }: StationData) {
    this.number = number;
    this.fd = bound.fd;
    this.family = bound.family;
    this.wildcard = bound.wildcard;
    this.tally = new Tally(tally);
    this.counts = this.tally.counts;
    this.answers = this.tally.answers;
    const address = new Uint8Array(16);
    if (bound.family === AF_INET) address.fill(0xff, 10, 12);
    this.peer = { address, port: 0, local: Uint8Array.from(bound.local), listener, tcp: false };
  }
}
