/** What the stand-in for the answering code does with a packet: octet 12 says it. On any thread. */

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

/** Echoes a query with QR set. `packet` from `start` on. */
export function answerTo(packet, start, end) {
  const action = packet[start + 12];
  const isSized = action === SIZED || action === HOLD_SIZED;
  const answer = new Uint8Array(isSized ? (packet[start + 13] << 8) | packet[start + 14] : end - start);
  answer.set(packet.subarray(start, Math.min(end, start + answer.length)));
  answer[2] |= 0x80;
  return answer;
}

/** Octets written to `out`, 0 to drop, -1 to defer. */
export function respond(packet, start, end, out, outStart) {
  if (end - start < 12 || packet[start + 2] >= 0x80) return 0;
  switch (packet[start + 12]) {
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
      const answer = answerTo(packet, start, end);
      out.set(answer, outStart);
      return answer.length;
    }
  }
}

/** Where a responder in any thread says whom it last answered: a length and JSON. */
export class Seen {
  constructor(memory) {
    this.memory = memory;
    this.length = new Int32Array(memory, 0, 1);
    this.bytes = new Uint8Array(memory, 4);
  }

  note(peer, room) {
    const text = JSON.stringify({
      address: Buffer.from(peer.address).toString('hex'),
      port: peer.port,
      local: Buffer.from(peer.local).toString('hex'),
      listener: peer.listener,
      tcp: peer.tcp,
      room,
    });
    this.bytes.set(Buffer.from(text));
    Atomics.store(this.length, 0, text.length);
  }

  /** Undefined before anything was answered. */
  read() {
    const length = Atomics.load(this.length, 0);
    return length === 0 ? undefined : JSON.parse(Buffer.from(this.bytes.slice(0, length)).toString());
  }
}

/** For a worker of the batch transport; `data` is the memory of a `Seen`. */
export function createResponder(data) {
  const seen = new Seen(data);
  return {
    enter() {},
    leave() {},
    answerPacket(packet, start, end, peer, out, outStart) {
      seen.note(peer, out.length - outStart);
      return respond(packet, start, end, out, outStart);
    },
    overload: () => 0,
  };
}
