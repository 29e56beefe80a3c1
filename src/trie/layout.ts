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
/** Root of the tree of names that the configuration's routes and hosts name, or 0. */
export const HEAD_OUTSIDE_ROOT = 14;
/** Per copy, five words each: which prefix lengths (0…128) the VPCs' `net6` use. */
export const HEAD_NET6_LENGTHS = 16;
export const NET6_LENGTH_WORDS = 5;
/** Per copy: counts changes of those prefixes, times two; odd while one is longer than 64 bits. */
export const HEAD_NET6_STAMP = 32;
/** One announcement a reader, each on a cache line of its own. */
export const HEAD_READERS = 64;
export const READER_STRIDE = 16;
export const READERS_MAX = 64;
/** In the reader's line: the most steps that it has spent on one announcement (`View.steps`). */
export const READER_STEPS = 1;
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

// ---- records -------------------------------------------------------------------------------------------
/** Low octet of a record's first word. */
export const RECORD_POD = 1;
export const RECORD_SERVICE = 2;
/** Several owners of one name. */
export const RECORD_SET = 3;
export const RECORD_VPC = 4;
export const RECORD_NAMESPACE = 5;
export const RECORD_OVERLAY = 6;
export const RECORD_SPECIAL = 7;
/** In the address table: an IPv4 with several holders, a VPC's `net6`, an IPv6 that several VPCs have. */
export const RECORD_HOLDERS = 8;
export const RECORD_PREFIX = 9;
export const RECORD_SPREAD = 10;
/** A node of the tree of what is a VPC's own by prefix. */
export const RECORD_SUBNET = 11;
/** More owners of one name than a SET holds. */
export const RECORD_CROWD = 12;
/** A name of `routes` or `hosts`. */
export const RECORD_OUTSIDE = 13;

/** Flags in the second octet of a record's first word. */
export const POD_READY = 0x0100;
/** The resource has an `ip6` of its own: the first AAAA, unless another owns it. */
export const HAS_IP6 = 0x0200;
/** On SET and CROWD: services bear the name, and hide its pods. */
export const SET_SERVICE = 0x0100;
/**
 * Which AAAA, or which A, depends on the overlays that the client shares: none stand ready, the attachments of the
 * pods decide. Always on a CROWD.
 */
export const CHOOSE_AAAA = 0x0400;
export const CHOOSE_A = 0x0800;
export const NAMESPACE_SHADOW_FORWARD = 0x0100;
/** OUTSIDE: names at and below it go to upstreams of their own; there are none; it has addresses itself. */
export const OUTSIDE_ROUTED = 0x0100;
export const OUTSIDE_BLOCKED = 0x0200;
/** Not the bits of CHOOSE_AAAA and CHOOSE_A: its addresses depend on no client. */
export const OUTSIDE_HOST = 0x1000;

/**
 * POD, SERVICE, SET and OUTSIDE begin alike: flags and kind, number of AAAA, number of A, then the AAAA rdata (4 words
 * each), then the A rdata (1 word each): what every client is given, ready to copy.
 */
export const RRSET_AAAA_COUNT = 1;
export const RRSET_A_COUNT = 2;
export const RRSET_AAAA = 3;

/** Tail of POD and SERVICE, relative to the end of their A rdata. */
export const TAIL_NAMESPACE = 0;
export const TAIL_NODE = 1;
/** names << 16 | overlays << 24 */
export const TAIL_COUNTS = 2;
/** first octet of the aid | AID_* << 8 | ports << 16 */
export const TAIL_AID = 3;
/** the other four octets of the aid, or for AID_TEXT its length */
export const TAIL_AID_REST = 4;
/** then: name nodes, attachments (4 + 4 words each), ports and the aid's text as octets */
export const TAIL_NAMES = 5;

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
/** Its IPv4 is answered, as far as `a_records` goes. */
export const ATTACHED_GIVEN4 = 8;
/** Its IPv4 is held by several pods: only clients on this overlay are given it. */
export const ATTACHED_SHARED4 = 16;

/** Tail of SET, relative to the end of its A rdata: pods, pods whose records are given, services, the refs. */
export const SET_PODS = 0;
export const SET_TAKEN = 1;
export const SET_SERVICES = 2;
export const SET_REFS = 3;

/**
 * CROWD: kind and flags, no AAAA, no A, its name node, the pod and the service whose own name it is (or 0), number
 * of groups; then for each group what bears the name (GROUP_*) and the root of its tree. The members of a group
 * answer alike (which families, which overlays, which ports), but for those of a MIXED one. Groups stand in the
 * order of their kind: those of the first one's kind are given, the others are there for the replica names.
 */
export const CROWD_NODE = 3;
export const CROWD_POD = 4;
export const CROWD_SERVICE = 5;
export const CROWD_GROUPS = 6;
export const CROWD_LIST = 7;
export const GROUP_KIND = 0;
export const GROUP_ROOT = 1;
export const GROUP_ENTRY = 2;

export const GROUP_SERVICE = 0;
export const GROUP_READY = 1;
export const GROUP_NOT_READY = 2;
export const GROUP_KIND_MASK = 0xff;
export const GROUP_MIXED = 0x100;
/** Groups of members alike; who is like none of them goes to the MIXED group of its kind. */
export const GROUPS_ALIKE = 64;
export const GROUPS_MAX = GROUPS_ALIKE + 3;

/**
 * Chunk of a group's tree: level (0: a leaf), entries, members below it, the flush that made it (the writer's). A
 * leaf's entry is key and record; another's is key and record of the first member below, the chunk, the members
 * below it. Ordered by key, then record; the key is a hash of the aid.
 */
/** Keys have so many bits: with a record's reference they make one exact double. */
export const KEY_BITS = 21;
export const CHUNK_LEVEL = 0;
export const CHUNK_COUNT = 1;
export const CHUNK_TOTAL = 2;
export const CHUNK_EDITION = 3;
export const CHUNK_ENTRIES = 4;
export const CHUNK_WORDS = 128;
export const LEAF_ENTRY = 2;
export const LEAF_MAX = 62;
export const BRANCH_CHILD = 2;
export const BRANCH_TOTAL = 3;
export const BRANCH_ENTRY = 4;
export const BRANCH_MAX = 31;

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
/** Root of the tree of SUBNET records, what is ours in reverse, or 0. */
export const VPC_SUBNETS = 3;
/** Root of the tree of names with dots that the VPC's namespaces have, or 0: who needs a namespace to be read. */
export const VPC_DOTTED_ROOT = 4;
/** Root of the tree of names that its own routes and hosts name, or 0. */
export const VPC_OUTSIDE_ROOT = 5;

export const FORWARD_ON = 0;
export const FORWARD_OFF = 1;
export const FORWARD_REFUSE = 2;
export const FORWARD_LIST = 3;
export const FORWARD_MASK = 0xff;
/** Some overlay of the VPC is internal. */
export const VPC_HAS_INTERNAL = 0x100;
/** Some name may leave by a route, its own or the configuration's. */
export const VPC_HAS_ROUTES = 0x200;

/**
 * SUBNET: kind, bits (IPv4 counted from 96), four words of address; then for each copy a block of SUBNET_BLOCK words:
 * how many declare it (0: it only joins two), and the nodes below it whose next bit is 0 and 1.
 */
export const SUBNET_BITS = 1;
export const SUBNET_ADDRESS = 2;
export const SUBNET_COPIES = 6;
export const SUBNET_BLOCK = 3;
export const SUBNET_HELD = 0;
export const SUBNET_BELOW = 1;
export const SUBNET_WORDS = SUBNET_COPIES + 2 * SUBNET_BLOCK;

/** HOLDERS, PREFIX and SPREAD carry their key: scope (VPC record or 0), bits, four words of address. */
export const KEYED_SCOPE = 1;
export const KEYED_BITS = 2;
export const KEYED_ADDRESS = 3;
/** PREFIX: the VPC's record. SPREAD: how many VPCs have the address (writer only). HOLDERS: unused. */
export const KEYED_VALUE = 7;
export const KEYED_WORDS = 8;
/** SPREAD, for each copy: in how many VPCs a pod has the address. */
export const SPREAD_PODS = 8;
export const SPREAD_WORDS = 10;

/**
 * In the place of the bits of a key, where the key is one whole address. In scope 0: an IPv6 that some VPC has; its
 * record stands there, or SPREAD, and then each under its VPC and 128 bits. An IPv4 always stands under its VPC; where
 * HOLDERS stands there, each pod that holds it stands under the overlay, and one of each namespace under that.
 */
export const ANYWHERE_BITS = 129;
export const OVERLAY_BITS = 130;
export const NAMESPACE_BITS = 131;

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
