/** Messages on a stream, each with its length in two octets before it (RFC 1035 section 4.2.2). */

/** Length octets and the longest message. */
export const FRAME_MAX = 2 + 65_535;

/** What a begun frame starts with; it grows as octets arrive, never by what the length claims. */
const HELD_MIN = 512;
const NOTHING = new Uint8Array(0);

/** Cuts a stream into messages. */
export class Frames {
  private chunk: Uint8Array = NOTHING;
  private offset = 0;
  /** The beginning of a frame whose rest has not arrived: its length octets and what followed. */
  private held: Uint8Array = NOTHING;
  private heldLength = 0;
  /** After `advance`: the message is `packet[start … end)`. */
  packet: Uint8Array = NOTHING;
  start = 0;
  end = 0;

  /** Takes the next piece of the stream; `chunk` belongs to this object until all its frames are taken. */
  push(chunk: Uint8Array): void {
    if (!this.unread) this.chunk = chunk;
    else this.chunk = Buffer.concat([this.chunk.subarray(this.offset), chunk]);
    this.offset = 0;
  }

  /** True while octets wait that `next` has not read. */
  get unread(): boolean {
    return this.offset < this.chunk.length;
  }

  /** True when the stream ends inside a frame, as far as it was read. */
  get partial(): boolean {
    return this.heldLength > 0;
  }

  /** The next whole message, valid until the next call, or null when more octets are needed. */
  next(): Uint8Array | null {
    return this.advance() ? this.packet.subarray(this.start, this.end) : null;
  }

  /** Goes to the next whole message, valid until the next call; false when more octets are needed. */
  advance(): boolean {
    if (this.heldLength > 0) return this.finishHeld();
    const chunk = this.chunk;
    const start = this.offset + 2;
    if (start <= chunk.length) {
      const end = start + ((chunk[start - 2]! << 8) | chunk[start - 1]!);
      if (end <= chunk.length) {
        this.offset = end;
        if (end === chunk.length) this.letGo();
        return this.give(chunk, start, end);
      }
    }
    this.hold(chunk.length - this.offset);
    return false;
  }

  /** Forgets the message at hand, whose memory would be kept until the next one. */
  release(): void {
    this.packet = NOTHING;
  }

  /** Forgets everything. */
  clear(): void {
    this.letGo();
    this.release();
    this.held = NOTHING;
    this.heldLength = 0;
  }

  private give(packet: Uint8Array, start: number, end: number): true {
    this.packet = packet;
    this.start = start;
    this.end = end;
    return true;
  }

  private finishHeld(): boolean {
    if (this.heldLength < 2) this.hold(2 - this.heldLength);
    if (this.heldLength < 2) return false;
    const length = (this.held[0]! << 8) | this.held[1]!;
    this.hold(2 + length - this.heldLength);
    if (this.heldLength < 2 + length) return false;
    this.give(this.held, 2, 2 + length);
    this.heldLength = 0;
    // One long query must not cost memory for the life of the connection.
    if (this.held.length > HELD_MIN) this.held = NOTHING;
    return true;
  }

  /** Moves up to `wanted` octets of the chunk to what is held, and drops a chunk that is used up. */
  private hold(wanted: number): void {
    const count = Math.min(wanted, this.chunk.length - this.offset);
    const length = this.heldLength + count;
    if (length > this.held.length) {
      const grown = new Uint8Array(Math.max(HELD_MIN, length, Math.min(2 * this.held.length, FRAME_MAX)));
      grown.set(this.held.subarray(0, this.heldLength));
      this.held = grown;
    }
    for (let i = 0; i < count; i++) this.held[this.heldLength + i] = this.chunk[this.offset + i]!;
    this.heldLength = length;
    this.offset += count;
    if (this.offset === this.chunk.length) this.letGo();
  }

  private letGo(): void {
    this.chunk = NOTHING;
    this.offset = 0;
  }
}

/** Writes `message[0…length]` with its length before it to `out` at `at`; returns the offset after it. */
export function writeFrame(message: Uint8Array, length: number, out: Uint8Array, at: number): number {
  out[at] = length >>> 8;
  out[at + 1] = length & 0xff;
  // Most answers are short, and a loop costs less than a view of the message.
  if (length <= 128) for (let i = 0; i < length; i++) out[at + 2 + i] = message[i]!;
  else out.set(message.length === length ? message : message.subarray(0, length), at + 2);
  return at + 2 + length;
}

/** The message with its length before it. */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(2 + message.length);
  writeFrame(message, message.length, framed, 0);
  return framed;
}
