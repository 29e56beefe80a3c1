/** The record that deciding fills and encoding reads: one reused object per responder, no allocation per query. */

import { RCODE_NXDOMAIN, RCODE_SERVFAIL, TYPE_ANY, TYPE_NS, TYPE_SOA } from '../../dns/constants.ts';
import type { Query } from '../../dns/query.ts';
import { NO_SUCH_NAME, NO_SUCH_TYPE } from './reasons.ts';

/** Send the answer as it stands. */
export const OUTCOME_ANSWER = 0;
/** No word. */
export const OUTCOME_DROP = 1;
/** Needs the first sync. */
export const OUTCOME_HOLD_SYNC = 2;
/** Needs the client's pod, whose event may be on its way. */
export const OUTCOME_HOLD_POD = 3;
/** A TXT text that the main thread composes; `data` tells which. */
export const OUTCOME_TEXT = 4;
/** An outside name to be forwarded. */
export const OUTCOME_OUTSIDE = 5;

export const DATA_NONE = 0;
/** AAAA and A of `record`. */
export const DATA_AAAA = 1;
export const DATA_A = 2;
/** SRV of `record`'s ports that bear the question's first two labels. */
export const DATA_SRV = 3;
/** `ptrNode`, with `ptrHead` before it when that is not 0. */
export const DATA_PTR = 4;
export const DATA_SOA = 5;
export const DATA_NS = 6;
export const DATA_LOOPBACK4 = 7;
export const DATA_LOOPBACK6 = 8;
/** The address that was asked. */
export const DATA_OWN_ADDRESS = 9;
/** PTR `ns.Z`. */
export const DATA_OWN_NAME = 10;
/** Class CH: the version, the node's name. */
export const DATA_VERSION = 11;
export const DATA_NODE_NAME = 12;
export const DATA_WHOAMI = 13;
export const DATA_NAMESPACES = 14;
export const DATA_PODS = 15;
export const DATA_INVENTORY = 16;
/** PTR `localhost.` */
export const DATA_LOCALHOST = 17;

const REASONS_MAX = 24;

export class Decision {
  outcome = OUTCOME_ANSWER;
  /** Extended rcodes included. */
  rcode = 0;
  authoritative = false;
  recursionAvailable = false;
  /** Answer with TC and no record: the client is to come again over TCP. */
  truncated = false;
  /** False where only a header answers. */
  withQuestion = true;
  data = DATA_NONE;
  /** Record reference for DATA_AAAA, DATA_A, DATA_SRV; namespace node for DATA_PODS. */
  record = 0;
  ptrNode = 0;
  ptrHead = 0;
  /** Which label of the question owns the SOA; the label count for the root, -1 for no SOA. */
  soaLabel = -1;
  /** EDE info code, or -1; `edeText` is an index of EDE_TEXTS. */
  ede = -1;
  edeText = 0;
  /** The VPC whose serial and staleness the answer carries, or 0. */
  vpc = 0;
  readonly reasons = new Uint8Array(REASONS_MAX);
  reasonCount = 0;

  reset(): void {
    this.outcome = OUTCOME_ANSWER;
    this.rcode = 0;
    this.authoritative = false;
    this.recursionAvailable = false;
    this.truncated = false;
    this.withQuestion = true;
    this.data = DATA_NONE;
    this.record = 0;
    this.soaLabel = -1;
    this.ede = -1;
    this.vpc = 0;
    this.reasonCount = 0;
  }

  because(reason: number): void {
    if (this.reasonCount < REASONS_MAX) this.reasons[this.reasonCount++] = reason;
  }

  /** SERVFAIL in the place of an answer that cannot be waited for. */
  giveUp(ede: number, edeText: number): void {
    this.outcome = OUTCOME_ANSWER;
    this.authoritative = false;
    this.data = DATA_NONE;
    this.soaLabel = -1;
    this.fail(RCODE_SERVFAIL, ede, edeText);
  }

  fail(rcode: number, ede: number, edeText: number): void {
    this.rcode = rcode;
    this.ede = ede;
    this.edeText = edeText;
  }
}

/**
 * NOERROR without records, the SOA owned by this label of the question. Where that is the question itself, the
 * SOA is its data, and so is our NS (RFC 1034 section 4.2.1).
 */
export function noData(d: Decision, query: Query, soaLabel: number): void {
  if (soaLabel === 0) {
    const { qtype } = query;
    if (qtype === TYPE_SOA || qtype === TYPE_ANY) d.data = DATA_SOA;
    else if (qtype === TYPE_NS) d.data = DATA_NS;
    if (d.data !== DATA_NONE) return;
  }
  d.because(NO_SUCH_TYPE);
  d.soaLabel = soaLabel;
}

/** NXDOMAIN, with the same SOA. */
export function missing(d: Decision, soaLabel: number): void {
  d.because(NO_SUCH_NAME);
  d.rcode = RCODE_NXDOMAIN;
  d.soaLabel = soaLabel;
}

export const TEXT_UNKNOWN_CLIENT = 0;
export const TEXT_FOREIGN = 1;
export const TEXT_CONTRADICTORY = 2;
export const TEXT_UNKNOWN_SCOPE = 3;
export const TEXT_POD_UNKNOWN = 4;
export const TEXT_NOT_SYNCED = 5;
export const TEXT_BLOCKED = 6;
export const TEXT_INTERNAL = 7;
export const TEXT_REFUSED = 8;
export const TEXT_TRANSFER = 9;
export const TEXT_CLASS = 10;
export const TEXT_CHAOS = 11;
export const TEXT_STALE = 12;
export const TEXT_BUSY = 13;
export const TEXT_INVENTORY_RATE = 14;
export const TEXT_NO_FORWARDER = 15;
export const TEXT_MALFORMED = 16;
export const TEXT_COOKIE_LENGTH = 17;
export const TEXT_OPCODE = 18;
export const TEXT_ROUTE_BLOCKED = 19;
export const TEXT_UNKNOWN_NAMESPACE = 20;

/** What tells a person what is wrong. ASCII, because EDE texts are shown by dig as they come. */
export const EDE_TEXTS: readonly string[] = [
  'podns does not know whose client this address is; use --listen ADDR:PORT@vpc/namespace or a rule under clients',
  'this address belongs to a network that this listener does not serve',
  'records contradict each other about this address; see podns check',
  'the VPC of this listener, or of the rule under clients, is not known; see podns problems',
  'no pod with this address is known yet',
  'no source has delivered its records yet; see /readyz',
  'outside names are not forwarded for this VPC',
  'all overlays of this pod are internal: no outside names',
  'not a name of this VPC; ask another server',
  'zone transfers are not offered',
  'only class IN is served',
  'class CH is switched off',
  'the source of these records is not connected; this is its last view',
  'too many queries are waiting',
  'too many inventories were asked for; wait a second',
  'nothing forwards outside names here',
  'this message breaks the format of DNS (RFC 1035 section 4)',
  'a COOKIE option has 8 octets, or 16 to 40 (RFC 7873 section 4)',
  'only the opcode QUERY is served',
  'a route of this VPC or of the configuration has no upstreams for this name',
  'the namespace of this listener, or of the rule under clients, does not exist; see podns problems',
];
