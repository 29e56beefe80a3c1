/** Names inside one upstream message, checked in time linear to its octets: where labels begin, and where pointers lead. */
import { NAME_LENGTH_MAX } from '../dns/constants.ts';

const MESSAGE_MAX = 65536;

/**
 * Reused for every message. A pointer is sound only when it leads to where a label of an earlier, sound name
 * begins (RFC 1035 section 4.1.4): so no chain of pointers costs time, and octets that are rewritten later, TTLs
 * among them, are never part of a name.
 */
export class MessageNames {
  /** Octets of the expanded name that begins at this offset, 0 where none does. */
  private readonly lengths = new Uint8Array(MESSAGE_MAX);
  private message: Uint8Array = new Uint8Array(0);
  /** From here on pointers to `movedFrom` or behind are remembered; -1: nowhere. */
  private movedFrom = -1;
  /** Offsets of pointers that must be rewritten when what lies before `movedFrom` is taken out. */
  readonly moved: number[] = [];

  begin(message: Uint8Array): void {
    this.message = message;
    this.lengths.fill(0, 0, message.length);
    this.movedFrom = -1;
    this.moved.length = 0;
  }

  moveFrom(offset: number): void {
    this.movedFrom = offset;
  }

  /** Checks the name at `at`, which must end before `end`. Returns the offset behind it, -1 when it is broken. */
  read(at: number, end: number): number {
    const { message, lengths } = this;
    const start = at;
    let length = 0;
    let behind = -1;
    for (;;) {
      if (at >= end) return -1;
      const label = message[at];
      if (label === 0) {
        length++;
        behind = at + 1;
        break;
      }
      if (label >= 0xc0) {
        if (at + 1 >= end) return -1;
        const target = ((label & 0x3f) << 8) | message[at + 1];
        const rest = target < start ? lengths[target] : 0;
        if (rest === 0) return -1;
        length += rest;
        behind = at + 2;
        if (this.movedFrom >= 0 && target >= this.movedFrom) this.moved.push(at);
        break;
      }
      if (label > 63) return -1;
      length += label + 1;
      at += label + 1;
      if (length > NAME_LENGTH_MAX) return -1;
    }
    if (length > NAME_LENGTH_MAX) return -1;
    // Of a name that ends in a pointer, that pointer too: some servers point to it.
    for (let i = start; i < at; i += message[i] + 1) lengths[i] = length - (i - start);
    lengths[at] = length - (at - start);
    return behind;
  }
}
