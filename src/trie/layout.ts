/**
 * Where everything lies in the flat memory: words of the head, slots of the two tables, words of nodes and records.
 *
 * A reference is a word index into the arena; 0 refers to nothing. A POD or SERVICE looks like this, a word per row:
 *
 *                             31     24 23     16 15      8 7       0
 *                            +---------+---------+---------+---------+
 *     record                 |            flags            |  kind   |  RECORD_POD; POD_READY, CHOOSE_* …
 *     + RRSET_AAAA_COUNT     |            n, number of AAAA          |
 *     + RRSET_A_COUNT        |            m, number of A             |
 *     + RRSET_AAAA           |  n × 4 words, AAAA rdata as sent      |
 *                            |  m × 1 word, A rdata as sent          |
 *                            +---------+---------+---------+---------+
 *     tail + TAIL_NAMESPACE  |         node of its namespace         |
 *          + TAIL_NODE       |         node of its own name          |
 *          + TAIL_COUNTS     |attachm. |  names  |         0         |
 *          + TAIL_AID        |       ports       |  AID_*  | aid[0]  |
 *          + TAIL_AID_REST   |  aid[1…4], or the length of its text  |
 *          + TAIL_NAMES      |  nodes of its other names, 1 word each|
 *                            +---------+---------+---------+---------+
 *     attachment             |         record of the overlay         |  ATTACHMENT_OVERLAY
 *          + …_FLAGS         |         ATTACHED_*                    |
 *          + …_IP4           |         IPv4, or 0                    |
 *          + …_IP6           |  4 words, only with ATTACHED_IP6      |
 *                            |  … and so on for each attachment      |
 *                            +---------+---------+---------+---------+
 *     ports, octet by octet  |protocol |  number, 2 octets | length  |  then the name's octets; the next follows at once
 *                            |  … and after the last, an AID_TEXT    |
 *                            +---------+---------+---------+---------+
 *
 * A name with several owners has a SET, which copies their RRsets and refers to them. Where they are more than a SET
 * holds, it has a CROWD: groups of records that answer alike, each a tree of chunks.
 *
 * Nodes and records do not change once they are published, apart from the words that are called mutable here.
 * Addresses lie in network order, so native words compare equal on any byte order, as long as both sides were read
 * through the same kind of view.
 */

// ---- head (Int32Array) ---------------------------------------------------------------------------------
/** The copy of the tables that readers use: 0 or 1. */
export const HEAD_ACTIVE = 0;
/** Grows by one at each flip. */
export const HEAD_GENERATION = 1;
/** One of SYNC_*. */
export const HEAD_SYNC = 2;
/** First half of the key of all hashes. */
export const HEAD_SEED0 = 3;
/** Second half of it. */
export const HEAD_SEED1 = 4;
/** 1 when IPv4 sources must not identify pods, because the view comes from an old snapshot. */
export const HEAD_IPV4_BLIND = 7;
/** Slots in the name table of copy 0; the next word has those of copy 1. */
export const HEAD_NAME_CAPACITY = 8;
/** Slots in the address table of copy 0; the next word has those of copy 1. */
export const HEAD_ADDRESS_CAPACITY = 10;
/** Record of the only VPC, or 0 when there are none or several; the next word is copy 1's. */
export const HEAD_ONLY_VPC = 12;
/** Bit set of the prefix lengths (0…128) that the VPCs' `net6` use, NET6_LENGTH_WORDS for each copy. */
export const HEAD_NET6_LENGTHS = 16;
/** Words of that bit set. */
export const NET6_LENGTH_WORDS = 5;
/** Counts changes of those prefixes by twos, and is odd while one is longer than 64 bits; the next word is copy 1's. */
export const HEAD_NET6_STAMP = 32;
/** Root of the tree of VPCs in copy 0; the next word is copy 1's. */
export const HEAD_VPC_ROOT = 34;
/** Root of the tree of suffixes and special-use names; the next word is copy 1's. */
export const HEAD_SPECIAL_ROOT = 36;
/** Root of the tree of names in the configuration's routes and hosts, or 0; the next word is copy 1's. */
export const HEAD_OUTSIDE_ROOT = 38;
/** Where the readers' announcements begin: the copy in use plus 1, or 0 outside of a batch. */
export const HEAD_READERS = 64;
/** Words of one reader's announcement, so that each has a cache line of its own. */
export const READER_STRIDE = 16;
/** Readers at the same time. */
export const READERS_MAX = 64;
/** In a reader's announcement: the most steps that it has spent on one batch (`View.steps`). */
export const READER_STEPS = 1;
/** Words of the head. */
export const HEAD_WORDS = HEAD_READERS + READERS_MAX * READER_STRIDE;

/** No source has delivered a whole state yet. */
export const SYNC_STARTING = 0;
/** Some sources have delivered, and others have not, nor is anything saved of them. */
export const SYNC_PARTIAL = 3;
/** Every source has delivered a whole state. */
export const SYNC_LIVE = 1;
/** A saved snapshot is served until the sources have synced. */
export const SYNC_SNAPSHOT = 2;

// ---- slots ---------------------------------------------------------------------------------------------
/** Words of a name slot: hash, node, payload; the slot is empty when the node is 0. */
export const NAME_SLOT = 3;
/** Words of an address slot: hash, record; the slot is empty when the record is 0. */
export const ADDRESS_SLOT = 2;

// ---- nodes ---------------------------------------------------------------------------------------------
/** Node of the name one label shorter, or 0 for a root. */
export const NODE_PARENT = 0;
/** Number of children; mutable, and only the writer reads it. */
export const NODE_CHILDREN = 1;
/** Length of the label in the low octet, NODE_PLAIN, NODE_VPC or NODE_NAMESPACE in the next. */
export const NODE_META = 2;
/** Where the octets of the label begin. */
export const NODE_LABEL = 3;

/** A node of neither kind below. */
export const NODE_PLAIN = 0;
/** The node of a VPC. */
export const NODE_VPC = 1;
/** The node of a namespace, which has its VPC's record in the word after its label. */
export const NODE_NAMESPACE = 2;

// ---- records -------------------------------------------------------------------------------------------
// Kinds, in the low octet of a record's first word.
/** A pod. */
export const RECORD_POD = 1;
/** A service. */
export const RECORD_SERVICE = 2;
/** The owners of one name, up to as many as one record holds. */
export const RECORD_SET = 3;
/** A VPC. */
export const RECORD_VPC = 4;
/** A namespace with a setting of its own; most have no record. */
export const RECORD_NAMESPACE = 5;
/** An overlay. */
export const RECORD_OVERLAY = 6;
/** A name with a meaning of its own: SPECIAL_* tells which. */
export const RECORD_SPECIAL = 7;
/** In the address table: several pods hold this IPv4. */
export const RECORD_HOLDERS = 8;
/** In the address table: a VPC's `net6`. */
export const RECORD_PREFIX = 9;
/** In the address table: several VPCs have this IPv6. */
export const RECORD_SPREAD = 10;
/** A node of the tree of a VPC's own prefixes. */
export const RECORD_SUBNET = 11;
/** The owners of one name, where they are more than a SET holds. */
export const RECORD_CROWD = 12;
/** A name of `routes` or `hosts`. */
export const RECORD_OUTSIDE = 13;

// Flags, above the kind in the same word.
/** POD: ready. SERVICE: always set. */
export const POD_READY = 0x0100;
/** POD and SERVICE: it has an `ip6` of its own, which is the first AAAA unless another resource owns the address. */
export const HAS_IP6 = 0x0200;
/** SET and CROWD: services own the name, and hide its pods. */
export const SET_SERVICE = 0x0100;
/** Which AAAA are given depends on the client's overlays: none stand ready, the attachments decide. */
export const CHOOSE_AAAA = 0x0400;
/** The same for A. A CROWD always has both flags. */
export const CHOOSE_A = 0x0800;
/** NAMESPACE: names below it that it does not have may be forwarded (`shadow: forward`). */
export const NAMESPACE_SHADOW_FORWARD = 0x0100;
/** OUTSIDE: names at and below it go to upstreams of their own. */
export const OUTSIDE_ROUTED = 0x0100;
/** OUTSIDE: names at and below it go to no upstream. */
export const OUTSIDE_BLOCKED = 0x0200;
/** OUTSIDE: it has addresses itself. The bit differs from CHOOSE_*, because they are the same for every client. */
export const OUTSIDE_HOST = 0x1000;

// POD, SERVICE, SET and OUTSIDE begin alike, with the addresses that every client is given.
/** Number of AAAA that stand ready. */
export const RRSET_AAAA_COUNT = 1;
/** Number of A that stand ready. */
export const RRSET_A_COUNT = 2;
/** Where the AAAA rdata begins, four words each; the A rdata follows, one word each. */
export const RRSET_AAAA = 3;

// Tail of POD and SERVICE, from the end of the A rdata.
/** Node of its namespace. */
export const TAIL_NAMESPACE = 0;
/** Node of its own name. */
export const TAIL_NODE = 1;
/** Number of other names from bit 16 on, of attachments from bit 24 on. */
export const TAIL_COUNTS = 2;
/** First octet of the aid, AID_TEXT or 0 from bit 8 on, number of ports from bit 16 on. */
export const TAIL_AID = 3;
/** The other four octets of the aid; with AID_TEXT, the length of its text. */
export const TAIL_AID_REST = 4;
/** Where the nodes of its other names begin; attachments, ports and the aid's text follow. */
export const TAIL_NAMES = 5;

/** The aid is kept as text, because it is not `p` or `s` and ten hex digits. */
export const AID_TEXT = 1;

/** Record of the overlay. */
export const ATTACHMENT_OVERLAY = 0;
/** ATTACHED_* together. */
export const ATTACHMENT_FLAGS = 1;
/** IPv4, or 0. */
export const ATTACHMENT_IP4 = 2;
/** Four words of IPv6, with ATTACHED_IP6; otherwise the attachment ends here. */
export const ATTACHMENT_IP6 = 3;
/** The pod owns the IPv4 on this overlay. */
export const ATTACHED_IP4 = 1;
/** The pod owns the IPv6. */
export const ATTACHED_IP6 = 2;
/** The control plane has pinned the addresses. */
export const ATTACHED_PINNED = 4;
/** The IPv4 is given in answers, as `a_records` decides. */
export const ATTACHED_GIVEN4 = 8;
/** Several pods hold the IPv4, so only clients on this overlay are given it. */
export const ATTACHED_SHARED4 = 16;

// Tail of a SET, from the end of its A rdata.
/** Number of pods. */
export const SET_PODS = 0;
/** Number of pods whose addresses are given: they come first. */
export const SET_TAKEN = 1;
/** Number of services. */
export const SET_SERVICES = 2;
/** Where the references begin, pods before services. */
export const SET_REFS = 3;

// CROWD: both RRset counts are 0, and these words follow them.
/** Node of its name. */
export const CROWD_NODE = 3;
/** The pod whose own name it is, or 0. */
export const CROWD_POD = 4;
/** The service whose own name it is, or 0. */
export const CROWD_SERVICE = 5;
/** Number of groups. */
export const CROWD_GROUPS = 6;
/** Where the groups begin, in the order of their kinds: the first one's kind is given, the others have replica names. */
export const CROWD_LIST = 7;
/** In a group: one of GROUP_SERVICE, GROUP_READY, GROUP_NOT_READY, and perhaps GROUP_MIXED. */
export const GROUP_KIND = 0;
/** In a group: root of the tree of its records. */
export const GROUP_ROOT = 1;
/** Words of a group. */
export const GROUP_ENTRY = 2;

/** A group of services. */
export const GROUP_SERVICE = 0;
/** A group of pods that are ready. */
export const GROUP_READY = 1;
/** A group of pods that are not ready. */
export const GROUP_NOT_READY = 2;
/** The bits of those three. */
export const GROUP_KIND_MASK = 0xff;
/** The records of the group do not answer alike, so each is asked by itself. */
export const GROUP_MIXED = 0x100;
/** Groups of records that answer alike (families, overlays, ports); what fits none goes to its kind's mixed group. */
export const GROUPS_ALIKE = 64;
/** Groups of one CROWD. */
export const GROUPS_MAX = GROUPS_ALIKE + 3;

// Chunks of a group's tree, whose entries are ordered by key, then by record.
/** Bits of a key, which is a hash of the aid: with a record's reference it makes one exact double. */
export const KEY_BITS = 21;
/** 0 for a leaf, otherwise one more than the chunks below have. */
export const CHUNK_LEVEL = 0;
/** Number of entries. */
export const CHUNK_COUNT = 1;
/** Number of records in it and below it. */
export const CHUNK_TOTAL = 2;
/** The flush that made it; only the writer reads it. */
export const CHUNK_EDITION = 3;
/** Where the entries begin. */
export const CHUNK_ENTRIES = 4;
/** Words of a chunk. */
export const CHUNK_WORDS = 128;
/** Words of a leaf's entry: key, record. */
export const LEAF_ENTRY = 2;
/** Entries of a leaf. */
export const LEAF_MAX = 62;
/** In a branch's entry, after key and record of the first record below: the chunk. */
export const BRANCH_CHILD = 2;
/** In a branch's entry: number of records below. */
export const BRANCH_TOTAL = 3;
/** Words of a branch's entry. */
export const BRANCH_ENTRY = 4;
/** Entries of a branch. */
export const BRANCH_MAX = 31;

// VPC
/** Given once in the life of the process, unlike the record's reference: what is kept per VPC is kept by it. */
export const VPC_NUMBER = 1;
/** Node of the VPC. */
export const VPC_NODE = 2;
/** VPC_IS_*; mutable at any time. */
export const VPC_STALE = 3;
/** A source of this VPC is lost, or has not synced yet, or what it leaves out is held. */
export const VPC_IS_STALE = 1;
/** With SYNC_PARTIAL: every source that can describe this VPC has delivered. */
export const VPC_IS_WHOLE = 2;
/** Where the block of copy 0 begins; that of copy 1 follows. Their words are mutable. */
export const VPC_COPIES = 4;
/** Words of a block. */
export const VPC_BLOCK = 6;
/** In a block: serial of the SOA. */
export const VPC_SERIAL = 0;
/** In a block: one of FORWARD_*, and VPC_HAS_*. */
export const VPC_POLICY = 1;
/** In a block: root of the tree of forwarded suffixes, with FORWARD_LIST. */
export const VPC_FORWARD_ROOT = 2;
/** In a block: root of the tree of SUBNET records, which are answered in reverse, or 0. */
export const VPC_SUBNETS = 3;
/** In a block: root of the tree of the names with dots in all of its namespaces, or 0. */
export const VPC_DOTTED_ROOT = 4;
/** In a block: root of the tree of names in its own routes and hosts, or 0. */
export const VPC_OUTSIDE_ROOT = 5;

/** Outside names are forwarded. */
export const FORWARD_ON = 0;
/** Outside names do not exist. */
export const FORWARD_OFF = 1;
/** Outside names are refused. */
export const FORWARD_REFUSE = 2;
/** Outside names are forwarded when they are on a list. */
export const FORWARD_LIST = 3;
/** The bits of those four. */
export const FORWARD_MASK = 0xff;
/** Some overlay of the VPC is internal. */
export const VPC_HAS_INTERNAL = 0x100;
/** Some names may leave by a route, the VPC's own or the configuration's. */
export const VPC_HAS_ROUTES = 0x200;

// SUBNET
/** Length of the prefix; an IPv4 prefix counts from 96. */
export const SUBNET_BITS = 1;
/** Four words of address. */
export const SUBNET_ADDRESS = 2;
/** Where the block of copy 0 begins; that of copy 1 follows. Their words are mutable. */
export const SUBNET_COPIES = 6;
/** Words of a block. */
export const SUBNET_BLOCK = 3;
/** In a block: how many declare the prefix; 0 when it only joins two. */
export const SUBNET_HELD = 0;
/** In a block: the node below whose next bit is 0, then the one whose next bit is 1, or 0. */
export const SUBNET_BELOW = 1;
/** Words of a SUBNET. */
export const SUBNET_WORDS = SUBNET_COPIES + 2 * SUBNET_BLOCK;

// HOLDERS, PREFIX and SPREAD carry the key that they are found by.
/** Record of the VPC, or 0 for a key of all VPCs. */
export const KEYED_SCOPE = 1;
/** Length of the prefix, 128 for an address, or one of the lengths below. */
export const KEYED_BITS = 2;
/** Four words of address. */
export const KEYED_ADDRESS = 3;
/** PREFIX: the VPC's record. SPREAD: how many VPCs have the address; mutable, and only the writer reads it. */
export const KEYED_VALUE = 7;
/** Words of HOLDERS and PREFIX. */
export const KEYED_WORDS = 8;
/** SPREAD: in how many VPCs a pod has the address, a mutable word for each copy. */
export const SPREAD_PODS = 8;
/** Words of a SPREAD. */
export const SPREAD_WORDS = 10;

// Lengths that no prefix has, for the keys of whole addresses.
/** In scope 0, an IPv6 that some VPC has: its owner, or a SPREAD; then each VPC has its owner under 128 bits. */
export const ANYWHERE_BITS = 129;
/** In the scope of an overlay, an IPv4 whose key in the VPC leads to HOLDERS: the pod that holds it there. */
export const OVERLAY_BITS = 130;
/** In the scope of a namespace's node: one of the pods that hold the IPv4 on its overlays. */
export const NAMESPACE_BITS = 131;

// OVERLAY
/** Node of its namespace. */
export const OVERLAY_NAMESPACE = 1;
/** 1 when it is internal, a mutable word for each copy. */
export const OVERLAY_INTERNAL_COPIES = 2;

// SPECIAL
/** One of the SPECIAL_* below. */
export const SPECIAL_WHAT = 1;
/** Number of the suffix: 0 is the zone, then the configuration's in their order. */
export const SPECIAL_INDEX = 2;
/** `localhost`. */
export const SPECIAL_LOCALHOST = 1;
/** A suffix of ours. */
export const SPECIAL_SUFFIX = 2;
/** A suffix of ours below which a name is one of the client's own namespace. */
export const SPECIAL_FLAT = 3;
/** A special-use name that does not exist. */
export const SPECIAL_NXDOMAIN = 4;
/** A special-use name that exists and has no data. */
export const SPECIAL_NODATA = 5;
/** `in-addr.arpa`. */
export const SPECIAL_REVERSE4 = 6;
/** `ip6.arpa`. */
export const SPECIAL_REVERSE6 = 7;
/** A name on a VPC's forward list. */
export const SPECIAL_FORWARD = 8;
/** A name with dots, in some namespace of the VPC. */
export const SPECIAL_DOTTED = 9;
