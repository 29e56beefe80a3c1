/** Numbers of the DNS protocol that podns uses, under their registry names (IANA DNS parameters). */

export const TYPE_A = 1;
export const TYPE_NS = 2;
export const TYPE_CNAME = 5;
export const TYPE_SOA = 6;
export const TYPE_PTR = 12;
export const TYPE_MX = 15;
export const TYPE_TXT = 16;
export const TYPE_AAAA = 28;
export const TYPE_SRV = 33;
export const TYPE_OPT = 41;
export const TYPE_DS = 43;
export const TYPE_DNSKEY = 48;
export const TYPE_SVCB = 64;
export const TYPE_HTTPS = 65;
export const TYPE_IXFR = 251;
export const TYPE_AXFR = 252;
export const TYPE_ANY = 255;

export const CLASS_IN = 1;
export const CLASS_CH = 3;
export const CLASS_ANY = 255;

export const RCODE_NOERROR = 0;
export const RCODE_FORMERR = 1;
export const RCODE_SERVFAIL = 2;
export const RCODE_NXDOMAIN = 3;
export const RCODE_NOTIMP = 4;
export const RCODE_REFUSED = 5;
/** Extended: the header carries 0, the OPT record 1 (RFC 6891 section 6.1.3). */
export const RCODE_BADVERS = 16;

/** EDNS option codes. */
export const OPTION_NSID = 3;
export const OPTION_COOKIE = 10;
export const OPTION_KEEPALIVE = 11;
export const OPTION_EDE = 15;
/** Codes from here on are for local use. */
export const OPTION_LOCAL_FIRST = 65001;

/** Extended DNS error codes (RFC 8914, and its registry). */
export const EDE_OTHER = 0;
export const EDE_STALE = 3;
export const EDE_NOT_READY = 14;
export const EDE_BLOCKED = 15;
export const EDE_PROHIBITED = 18;
export const EDE_STALE_NXDOMAIN = 19;
export const EDE_NOT_AUTHORITATIVE = 20;
export const EDE_NOT_SUPPORTED = 21;
export const EDE_NO_REACHABLE_AUTHORITY = 22;
export const EDE_NETWORK_ERROR = 23;
export const EDE_INVALID_DATA = 24;

export const HEADER_LENGTH = 12;
/** Longest name on the wire, root octet included (RFC 1035 section 2.3.4). */
export const NAME_LENGTH_MAX = 255;
/** Without EDNS a UDP answer holds this much (RFC 1035 section 2.3.4). */
export const UDP_PLAIN_MAX = 512;
/** What we offer and never exceed over UDP (DNS Flag Day 2020, RFC 9715). */
export const UDP_PAYLOAD_MAX = 1232;
