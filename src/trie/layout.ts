/**
 * Where everything lies in the flat memory: indices into the head, slots of the two tables, words of records.
 *
 * A reference (`ref`) is a word index into the arena; 0 is nothing. Records are immutable once published,
 * apart from the words named mutable here. Addresses lie in network order, so comparing native words works on
 * any byte order as long as both sides were read through the same kind of view.
 */

// ---- head (Int32Array) ---------------------------------------------------------------------------------
/** Which copy of the tables readers use: 0 or 1. */
export const HEAD_ACTIVE = 0;
/** Grows by one at each flip. */
export const HEAD_GENERATION = 1;
/** One of SYNC_*. */
export const HEAD_SYNC = 2;
export const HEAD_SEED0 = 3;
export const HEAD_SEED1 = 4;
/** Root of the tree of VPCs, of the tree of suffixes and special names. */
export const HEAD_VPC_ROOT = 5;
export const HEAD_SPECIAL_ROOT = 6;
/** 1 when IPv4 sources must not identify pods: the view comes from an old snapshot. */
export const HEAD_IPV4_BLIND = 7;
/** Per copy, at `+ copy`: slots in the name and address tables. */
export const HEAD_NAME_CAPACITY = 8;
export const HEAD_ADDRESS_CAPACITY = 10;
/** Per copy: the only VPC's record, or 0 when there are none or several. */
export const HEAD_ONLY_VPC = 12;
/** Per copy, five words each: which prefix lengths (0…128) the VPCs' `net6` use. */
export const HEAD_NET6_LENGTHS = 16;
export const NET6_LENGTH_WORDS = 5;
/** Per copy: counts changes of those prefixes, times two; odd while one is longer than 64 bits. */
export const HEAD_NET6_STAMP = 32;
/** One announcement a reader, each on a cache line of its own. */
export const HEAD_READERS = 64;
export const READER_STRIDE = 16;
export const READERS_MAX = 64;
export const HEAD_WORDS = HEAD_READERS + READERS_MAX * READER_STRIDE;

/** No source has delivered a whole state yet. */
export const SYNC_STARTING = 0;
export const SYNC_LIVE = 1;
/** A saved snapshot is served until the sources have synced. */
export const SYNC_SNAPSHOT = 2;

// ---- slots ---------------------------------------------------------------------------------------------
/** Name slot: hash, node, payload. Empty when the node is 0. */
export const NAME_SLOT = 3;
/** Address slot: hash, record. Empty when the record is 0. */
export const ADDRESS_SLOT = 2;

// ---- node: parent, children (writer only), label length | kind << 8, label, [VPC record] ---------------
export const NODE_PARENT = 0;
export const NODE_CHILDREN = 1;
export const NODE_META = 2;
export const NODE_LABEL = 3;

export const NODE_PLAIN = 0;
export const NODE_VPC = 1;
/** Carries the VPC's record in the word after its label. */
export const NODE_NAMESPACE = 2;

export function nodeWords(labelLength: number, kind: number): number {
  return NODE_LABEL + ((labelLength + 3) >>> 2) + (kind === NODE_NAMESPACE ? 1 : 0);
}

// ---- records -------------------------------------------------------------------------------------------
/** Low octet of a record's first word. */
export const RECORD_POD = 1;
export const RECORD_SERVICE = 2;
/** Several bearers of one name. */
export const RECORD_SET = 3;
export const RECORD_VPC = 4;
export const RECORD_NAMESPACE = 5;
export const RECORD_OVERLAY = 6;
export const RECORD_SPECIAL = 7;
/** In the address table: an IPv4 with several holders, a VPC prefix, an address that lies in a foreign prefix. */
export const RECORD_HOLDERS = 8;
export const RECORD_PREFIX = 9;
export const RECORD_MISPLACED = 10;
export const RECORD_PREFIXES = 11;

/** Flags in the second octet of a record's first word. */
export const POD_READY = 0x0100;
/** The resource has an `ip6` of its own: the first AAAA, unless another owns it. */
export const HAS_IP6 = 0x0200;
export const SET_SERVICE = 0x0100;
export const NAMESPACE_SHADOW_FORWARD = 0x0100;

/**
 * POD, SERVICE and SET begin alike: flags and kind, number of AAAA, number of A, then the AAAA rdata (4 words
 * each), then the A entries (2 words each: rdata, and the overlay a client must share to be given it, or 0).
 */
export const RRSET_AAAA_COUNT = 1;
export const RRSET_A_COUNT = 2;
export const RRSET_AAAA = 3;

/** Tail of POD and SERVICE, relative to the end of their A entries. */
export const TAIL_NAMESPACE = 0;
export const TAIL_NODE = 1;
/** two words, low and high; only the writer reads them, so they may change in place */
export const TAIL_STAMP = 2;
/** names << 16 | overlays << 24 */
export const TAIL_COUNTS = 4;
/** first octet of the aid | AID_* << 8 | ports << 16 */
export const TAIL_AID = 5;
/** the other four octets of the aid, or for AID_TEXT its length */
export const TAIL_AID_REST = 6;
/** then: name nodes, attachments (4 + 4 words each), ports and the aid's text as octets */
export const TAIL_NAMES = 7;

/** `p0123456789` is kept as five octets, any other aid as text. */
export const AID_HEX = 0;
export const AID_TEXT = 1;

/** Attachment: overlay record, flags, IPv4, and four words more when it has an IPv6. */
export const ATTACHMENT_OVERLAY = 0;
export const ATTACHMENT_FLAGS = 1;
export const ATTACHMENT_IP4 = 2;
export const ATTACHMENT_IP6 = 3;
export const ATTACHED_IP4 = 1;
export const ATTACHED_IP6 = 2;
export const ATTACHED_PINNED = 4;

/** Tail of SET, relative to the end of its A entries: pods, pods whose records are given, services, the refs. */
export const SET_PODS = 0;
export const SET_TAKEN = 1;
export const SET_SERVICES = 2;
export const SET_REFS = 3;

/** VPC: kind, number, node, stale (mutable), then for each copy a block of VPC_BLOCK words. */
/** Given once in the life of the process, unlike the record's reference: what is kept for a VPC is kept by it. */
export const VPC_NUMBER = 1;
export const VPC_NODE = 2;
/** 1: a source of this VPC is lost or not yet synced. Written in place at any time. */
export const VPC_STALE = 3;
export const VPC_COPIES = 4;
export const VPC_BLOCK = 6;
export const VPC_SERIAL = 0;
/** FORWARD_* | VPC_HAS_* */
export const VPC_POLICY = 1;
/** Root of the tree of forwarded suffixes, for FORWARD_LIST. */
export const VPC_FORWARD_ROOT = 2;
/** PREFIXES record of what is ours in reverse. */
export const VPC_PREFIXES = 3;
/** Root of the tree of names with dots that the VPC's namespaces have, or 0: who needs a namespace to be read. */
export const VPC_DOTTED_ROOT = 4;

export const FORWARD_ON = 0;
export const FORWARD_OFF = 1;
export const FORWARD_REFUSE = 2;
export const FORWARD_LIST = 3;
export const FORWARD_MASK = 0xff;
/** Some overlay of the VPC is internal. */
export const VPC_HAS_INTERNAL = 0x100;

/** PREFIXES: kind, count, then bits (IPv4 counted from 96) and four words each. */
export const PREFIXES_COUNT = 1;
export const PREFIXES_LIST = 2;
export const PREFIX_ENTRY = 5;

/** HOLDERS, PREFIX and MISPLACED carry their key: scope (VPC record or 0), bits, four words of address. */
export const KEYED_SCOPE = 1;
export const KEYED_BITS = 2;
export const KEYED_ADDRESS = 3;
/** In the place of the bits of a MISPLACED: no prefix has so many, and a PREFIX may be one whole address. */
export const MISPLACED_BITS = 129;
/** PREFIX: the VPC's record. MISPLACED: unused. HOLDERS: count, then pod and overlay, each. */
export const KEYED_VALUE = 7;
export const KEYED_WORDS = 8;
export const HOLDERS_LIST = 8;

/** OVERLAY: kind, namespace node, then for each copy whether it is internal. */
export const OVERLAY_NAMESPACE = 1;
export const OVERLAY_INTERNAL_COPIES = 2;

/** SPECIAL: kind, what (SPECIAL_*), index of the suffix. */
export const SPECIAL_WHAT = 1;
export const SPECIAL_INDEX = 2;
export const SPECIAL_LOCALHOST = 1;
export const SPECIAL_SUFFIX = 2;
export const SPECIAL_FLAT = 3;
export const SPECIAL_NXDOMAIN = 4;
export const SPECIAL_NODATA = 5;
export const SPECIAL_REVERSE4 = 6;
export const SPECIAL_REVERSE6 = 7;
/** A name on a VPC's forward list. */
export const SPECIAL_FORWARD = 8;
/** A name with dots, in some namespace of the VPC. */
export const SPECIAL_DOTTED = 9;
