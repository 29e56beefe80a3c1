/** The second 16 bits of a message's header (RFC 1035 section 4.1.1, RFC 4035 section 3). */

export const FLAG_QR = 0x8000;
export const OPCODE_MASK = 0x7800;
export const FLAG_AA = 0x0400;
export const FLAG_TC = 0x0200;
export const FLAG_RD = 0x0100;
export const FLAG_RA = 0x0080;
/** In a query it asks for AD in the answer (RFC 6840 section 5.7). */
export const FLAG_AD = 0x0020;
export const FLAG_CD = 0x0010;
export const RCODE_MASK = 0x000f;

/** In the last 16 bits of an OPT record's TTL (RFC 3225). */
export const EDNS_DO = 0x8000;

/** What an answer keeps of its query. */
export const FLAGS_ECHOED = FLAG_RD | FLAG_CD;

export function flagsOf(message: Uint8Array): number {
  return (message[2] << 8) | message[3];
}
