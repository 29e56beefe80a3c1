/** A stand-in for the answering code: echoes a query with QR set, and does what octet 12 of it says. */
import type { Listener, Peer } from '../../src/answer/peer.ts';
import type { Answering } from '../../src/lane/lane.ts';

/** Octet 12 of a query: what the fake does with it. */
export const ECHO = 0;
/** Deferred until `release`. */
export const HOLD = 1;
/** `respond` throws. */
export const THROW = 2;
/** Dropped without a word. */
export const DROP = 3;
/** `defer` throws. */
export const THROW_DEFER = 4;
/** Deferred, and replied to before `defer` returns, twice (the second must be ignored). */
export const REPLY_AT_ONCE = 5;
/** The answer has as many octets as octets 13 and 14 say. */
export const SIZED = 6;
/** As SIZED, deferred. */
export const HOLD_SIZED = 7;

interface Held {
  answer: Uint8Array;
  reply: (answer: Uint8Array) => void;
}

export interface SeenPeer {
  address: string;
  port: number;
  local: string;
  listener: Listener;
  tcp: boolean;
}

export class Fake implements Answering {
  readonly held: Held[] = [];
  last: SeenPeer | undefined;
  /** Octets of the longest `out` that was offered. */
  room = 0;
  readonly #waiters: { count: number; done: () => void }[] = [];

  respond(packet: Uint8Array, peer: Peer, out: Uint8Array): number {
    this.room = Math.max(this.room, out.length);
    this.last = {
      address: Buffer.from(peer.address).toString('hex'),
      port: peer.port,
      local: Buffer.from(peer.local).toString('hex'),
      listener: peer.listener,
      tcp: peer.tcp,
    };
    if (packet.length < 12 || packet[2]! >= 0x80) return 0;
    switch (packet[12]) {
      case THROW:
        throw new Error('respond throws, as it was asked to');
      case DROP:
        return 0;
      case HOLD:
      case HOLD_SIZED:
      case THROW_DEFER:
      case REPLY_AT_ONCE:
        return -1;
      default: {
        const answer = answerTo(packet);
        out.set(answer);
        return answer.length;
      }
    }
  }

  defer(packet: Uint8Array, _peer: Peer, reply: (answer: Uint8Array) => void): void {
    if (packet[12] === THROW_DEFER) throw new Error('defer throws, as it was asked to');
    const answer = answerTo(packet);
    if (packet[12] === REPLY_AT_ONCE) {
      reply(answer);
      reply(answer);
      return;
    }
    this.held.push({ answer, reply });
    for (const waiter of this.#waiters) if (this.held.length >= waiter.count) waiter.done();
  }

  /** Resolves when `count` queries are held. */
  holding(count: number): Promise<void> {
    if (this.held.length >= count) return Promise.resolve();
    return new Promise((done) => this.#waiters.push({ count, done }));
  }

  /** Says of all that is held that there will be no answer. */
  forget(): void {
    for (const { reply } of this.held.splice(0)) reply(new Uint8Array(0));
  }

  /** Answers what is held, last first when `reverse`. */
  release(reverse = false): void {
    const held = this.held.splice(0);
    if (reverse) held.reverse();
    for (const { answer, reply } of held) {
      reply(answer);
      // The bytes are valid during the call only: a lane that kept them sends rubbish.
      answer.fill(0xee);
    }
  }
}

function answerTo(packet: Uint8Array): Uint8Array {
  const sized = packet[12] === SIZED || packet[12] === HOLD_SIZED;
  const answer = new Uint8Array(sized ? (packet[13]! << 8) | packet[14]! : packet.length);
  answer.set(packet.subarray(0, Math.min(packet.length, answer.length)));
  answer[2] = answer[2]! | 0x80;
  return answer;
}

/** A query of `length` octets (at least 16) for the fake. */
export function makeQuery(id: number, action = ECHO, length = 32, size = 0): Buffer {
  const query = Buffer.alloc(length, 0x2a);
  query.writeUInt16BE(id, 0);
  query[2] = 0x01;
  query[3] = 0;
  query[12] = action;
  query.writeUInt16BE(size, 13);
  return query;
}

export function makeListener(address: string, port = 0): Listener {
  const host = address.includes(':') ? `[${address}]` : address;
  return { id: 3, text: `${host}:${port}@aep`, address, port, vpc: 'aep', namespace: '' };
}
