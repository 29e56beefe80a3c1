/** Keeps account of hostile packets by message id: who is owed an answer, and which answers nobody asked for. */

import { checkReply } from '../fuzz/well-formed.mjs';

/** Only bounds a hang, milliseconds. */
export const PATIENCE = 5000;

export class Ledger {
  /** The first answer that is no sound reply to its query, and why; '' for none. */
  malformed = '';
  queries = 0;
  answered = 0;
  /** Queries without an answer; answers without a query, or a second one. */
  unanswered = 0;
  unexpected = 0;
  good = 0;
  /** Connections that the server has closed. */
  closes = 0;
  #open = new Uint8Array(65_536);
  #id = 0;
  /** By id. @type {Buffer[]} */
  #packets = [];
  #limit;

  /** `limit`: octets of an answer. */
  constructor(limit) {
    this.#limit = limit;
  }

  /** Writes a fresh id into the packet. */
  note(packet, expected) {
    const id = (this.#id = (this.#id + 1) & 0xffff);
    this.unanswered += this.#open[id];
    this.#open[id] = expected ? 1 : 0;
    if (expected) this.queries++;
    if (packet.length >= 2) packet.writeUInt16BE(id, 0);
    this.#packets[id] = packet;
    return id;
  }

  take(answer) {
    const id = answer.length < 2 ? -1 : answer.readUInt16BE(0);
    if (answer.length < 12 || answer[2] < 0x80 || this.#open[id] !== 1) {
      this.unexpected++;
      return;
    }
    this.#open[id] = 0;
    this.answered++;
    try {
      checkReply(answer, this.#packets[id], this.#limit);
    } catch (error) {
      this.malformed ||= /** @type {Error} */ (error).message;
    }
  }

  get owed() {
    return this.#open.reduce((sum, one) => sum + one, 0);
  }

  /** What the connection took with it is owed no more. */
  forgive() {
    this.queries -= this.owed;
    this.#open.fill(0);
  }

  async settle() {
    const end = performance.now() + PATIENCE;
    while (this.owed > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    this.unanswered += this.owed;
  }
}
