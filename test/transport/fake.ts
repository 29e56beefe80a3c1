/** A stand-in for the answering code: echoes a query with QR set, and does what octet 12 of it says. */
import type { Listener, Peer } from '../../src/answer/peer.ts';
import type { Answering } from '../../src/transport/transport.ts';
import { ECHO, REPLY_AT_ONCE, Seen, THROW_DEFER, answerTo, respond } from './fake-rules.mjs';
import type { SeenPeer } from './fake-rules.mjs';

export { DROP, ECHO, HOLD, HOLD_SIZED, REPLY_AT_ONCE, SIZED, THROW, THROW_DEFER } from './fake-rules.mjs';

interface Held {
  answer: Uint8Array;
  reply: (answer: Uint8Array) => void;
}

export class Fake implements Answering {
  readonly held: Held[] = [];
  /** For responders in other threads as well. */
  readonly seen = new Seen(new SharedArrayBuffer(1024));
  readonly #waiters: { count: number; done: () => void }[] = [];

  answerNow(packet: Uint8Array, start: number, end: number, peer: Peer, out: Uint8Array): number {
    this.seen.note(peer, out.length);
    return respond(packet, start, end, out, 0);
  }

  /** Whom it answered last, and how many octets of room it was given for that. */
  get last(): (SeenPeer & { room: number }) | undefined {
    return this.seen.read();
  }

  defer(packet: Uint8Array, _peer: Peer, reply: (answer: Uint8Array) => void): void {
    if (packet[12] === THROW_DEFER) throw new Error('defer throws, as it was asked to');
    const answer = answerTo(packet, 0, packet.length);
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
      // The bytes are valid during the call only: a transport that kept them sends rubbish.
      answer.fill(0xee);
    }
  }
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
