/** Registry names of types, classes, rcodes, opcodes and error codes, in both directions (IANA DNS parameters). */

const TYPES: ReadonlyMap<string, number> = new Map(
  Object.entries({
    A: 1,
    NS: 2,
    MD: 3,
    MF: 4,
    CNAME: 5,
    SOA: 6,
    MB: 7,
    MG: 8,
    MR: 9,
    NULL: 10,
    WKS: 11,
    PTR: 12,
    HINFO: 13,
    MINFO: 14,
    MX: 15,
    TXT: 16,
    RP: 17,
    AFSDB: 18,
    SIG: 24,
    KEY: 25,
    AAAA: 28,
    LOC: 29,
    SRV: 33,
    NAPTR: 35,
    KX: 36,
    CERT: 37,
    DNAME: 39,
    OPT: 41,
    APL: 42,
    DS: 43,
    SSHFP: 44,
    IPSECKEY: 45,
    RRSIG: 46,
    NSEC: 47,
    DNSKEY: 48,
    DHCID: 49,
    NSEC3: 50,
    NSEC3PARAM: 51,
    TLSA: 52,
    SMIMEA: 53,
    HIP: 55,
    CDS: 59,
    CDNSKEY: 60,
    OPENPGPKEY: 61,
    CSYNC: 62,
    ZONEMD: 63,
    SVCB: 64,
    HTTPS: 65,
    SPF: 99,
    NID: 104,
    L32: 105,
    L64: 106,
    LP: 107,
    EUI48: 108,
    EUI64: 109,
    TKEY: 249,
    TSIG: 250,
    IXFR: 251,
    AXFR: 252,
    MAILB: 253,
    MAILA: 254,
    ANY: 255,
    URI: 256,
    CAA: 257,
  }),
);

const CLASSES: ReadonlyMap<string, number> = new Map(
  Object.entries({ IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 }),
);

const RCODES: ReadonlyMap<string, number> = new Map(
  Object.entries({
    NOERROR: 0,
    FORMERR: 1,
    SERVFAIL: 2,
    NXDOMAIN: 3,
    NOTIMP: 4,
    REFUSED: 5,
    YXDOMAIN: 6,
    YXRRSET: 7,
    NXRRSET: 8,
    NOTAUTH: 9,
    NOTZONE: 10,
    BADVERS: 16,
    BADKEY: 17,
    BADTIME: 18,
    BADMODE: 19,
    BADNAME: 20,
    BADALG: 21,
    BADTRUNC: 22,
    BADCOOKIE: 23,
  }),
);

const OPCODES: ReadonlyMap<string, number> = new Map(
  Object.entries({ QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5, DSO: 6 }),
);

/** Purposes of extended errors, by their code (RFC 8914 section 4 and its registry). */
const EXTENDED_ERRORS: readonly string[] = [
  'Other',
  'Unsupported DNSKEY Algorithm',
  'Unsupported DS Digest Type',
  'Stale Answer',
  'Forged Answer',
  'DNSSEC Indeterminate',
  'DNSSEC Bogus',
  'Signature Expired',
  'Signature Not Yet Valid',
  'DNSKEY Missing',
  'RRSIGs Missing',
  'No Zone Key Bit Set',
  'NSEC Missing',
  'Cached Error',
  'Not Ready',
  'Blocked',
  'Censored',
  'Filtered',
  'Prohibited',
  'Stale NXDOMAIN Answer',
  'Not Authoritative',
  'Not Supported',
  'No Reachable Authority',
  'Network Error',
  'Invalid Data',
];

function reversed(names: ReadonlyMap<string, number>): ReadonlyMap<number, string> {
  return new Map([...names].map(([text, number]) => [number, text]));
}

const TYPE_NAMES = reversed(TYPES);
const CLASS_NAMES = reversed(CLASSES);
const RCODE_NAMES = reversed(RCODES);
const OPCODE_NAMES = reversed(OPCODES);

/** `AAAA` or `TYPE28`, in any letter case, to its number; -1 for what is neither (RFC 3597 section 5). */
export function typeNumber(text: string): number {
  const upper = text.toUpperCase();
  const known = TYPES.get(upper);
  if (known !== undefined) return known;
  if (!upper.startsWith('TYPE')) return -1;
  const digits = upper.slice(4);
  return /^[0-9]{1,5}$/.test(digits) && Number(digits) <= 0xffff ? Number(digits) : -1;
}

export function typeText(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`;
}

export function classText(number: number): string {
  return CLASS_NAMES.get(number) ?? `CLASS${number}`;
}

/** The extended rcode's name (12 bits); `RCODE11` for one without. */
export function rcodeText(rcode: number): string {
  return RCODE_NAMES.get(rcode) ?? `RCODE${rcode}`;
}

export function opcodeText(opcode: number): string {
  return OPCODE_NAMES.get(opcode) ?? `OPCODE${opcode}`;
}

/** The purpose of an extended error, `Not Ready`; `Code 99` for one that is not registered here. */
export function edeText(code: number): string {
  return EXTENDED_ERRORS[code] ?? `Code ${code}`;
}
