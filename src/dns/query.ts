/** One parsed question, reused for every packet so that parsing allocates nothing. */

/** What the parser found; the answer's order of checks starts from it. */
export const PARSED = 0;
/** Not to be answered: a response, shorter than a header. */
export const PARSED_DROP = 1;
/**
 * An opcode other than QUERY. Where the rest parses, `qnameLength` and `edns` are filled in, else they are 0/false.
 */
export const PARSED_NOTIMP = 2;
/**
 * Broken before or in the question, or in the records after it: a header answers it, with an OPT record where a
 * sound one came before the fault (RFC 6891 section 7).
 */
export const PARSED_FORMERR = 3;
/** Question and OPT are sound, but a COOKIE option has an illegal length (RFC 7873 section 5.2.2). */
export const PARSED_BAD_COOKIE = 4;
/** EDNS version above 0 (RFC 6891 section 6.1.3). */
export const PARSED_BADVERS = 5;
/** QDCOUNT 0 with a COOKIE option: NOERROR and a cookie (RFC 7873 section 5.4). */
export const PARSED_COOKIE_ONLY = 6;

export type Parsed = 0 | 1 | 2 | 3 | 4 | 5 | 6;

export class Query {
  /** The packet and where in it the message starts; valid until the next parse. */
  packet: Uint8Array = new Uint8Array(0);
  start = 0;
  /** A view of `packet`. */
  octets = new DataView(this.packet.buffer);

  id = 0;
  /** Second 16 bits of the header as received: QR, opcode, AA, TC, RD, RA, Z, AD, CD, rcode. */
  flags = 0;

  /**
   * The question's name: wire form, ASCII-folded, root octet included. The original octets stand at
   * `packet[start + 12 …]`, so offset `i` here is offset `12 + i` of the message: a compression pointer to
   * label k of the question is `0xc000 | 12 + labelOffsets[k]`.
   */
  readonly name = new Uint8Array(256);
  /** The memory of `name`, in words. */
  readonly nameWords = new Int32Array(this.name.buffer);
  /** Octets of `name`, root octet included: 1 for the root, 0 when there is no question. */
  qnameLength = 0;
  /** Number of labels without the root. */
  labelCount = 0;
  /** Offset in `name` of each label's length octet, leftmost first; `labelOffsets[labelCount]` is the root octet's. */
  readonly labelOffsets = new Uint8Array(129);
  qtype = 0;
  qclass = 0;

  /** True when the message has an OPT record. The fields below are 0 or false without one. */
  edns = false;
  ednsVersion = 0;
  /** The sender's payload size as written, not yet clamped. */
  udpSize = 0;
  dnssecOk = false;
  wantsNsid = false;
  /** The option is there (RFC 7828); meaningful over TCP only. */
  wantsKeepalive = false;
  /** An option of the range for local use is there (RFC 6891 section 9). */
  hasLocalOption = false;
  /** Absolute offset in `packet` of the first COOKIE option's data, and its length: 0, 8 or 16…40. */
  cookieOffset = 0;
  cookieLength = 0;
}
