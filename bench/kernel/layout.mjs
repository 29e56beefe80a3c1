/** What the program and the process that feeds it agree on: maps, keys, values, reasons. */

/** Octets of the longest name that the kernel answers, its root octet included. */
export const NAME_MAX = 64;

/**
 * Of the listeners: u32 interface, u16 port and u16 zero, 16 octets of address. Port and addresses are in network order,
 * IPv4 as ::ffff:a.b.c.d; all else is in the order of the machine. The value is the number of the listener, u32.
 */
export const LISTENER_KEY = { port: 4, address: 8, size: 24 };
export const LISTENER_VALUE = 4;

/** Of the answers: u32 listener, u16 type in network order, u16 length of the name, client, folded name and zeros. */
export const ANSWER_KEY = { type: 4, nameLength: 6, client: 8, name: 24, size: 24 + NAME_MAX };
/**
 * u64 generation; u16 flags of the header without what is echoed, in network order; u16 length of the record; u32 sum of
 * the record for checksums; the record.
 */
export const ANSWER_VALUE = { flags: 8, length: 10, sum: 12, record: 16, size: 48 };

/** u64 generation; u64 heartbeat in nanoseconds of CLOCK_MONOTONIC; i64 nanoseconds that a heartbeat lasts. */
export const STATE = { heartbeat: 8, lease: 16, size: 24 };

export const RECORD_A = 16;
export const RECORD_AAAA = 28;

/** What became of a packet, and so the number of its counter. */
export const REASONS = [
  'answered',
  'not a query of ours: protocol',
  'fragment, options or extension header',
  'broken lengths',
  'no listener',
  'size',
  'flags',
  'counts',
  'type or class',
  'EDNS',
  'no heartbeat',
  'no entry',
  'old generation',
  'checksum',
  'no room',
];
export const COUNTERS = REASONS.length * 8;
