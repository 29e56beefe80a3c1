/** What explaining needs besides the view, and what it is asked: the server hands the one in, people the other. */
import type { InventoryFacts } from '../answer/defer/inventory.ts';
import type { Listener, Peer } from '../answer/peer.ts';
import type { Responder } from '../answer/responder.ts';
import type { AnswerSettings } from '../answer/settings.ts';
import type { Kind, Place, Resource, ResourceKey } from '../model.ts';
import type { TrieMemory } from '../trie/memory.ts';
import type { Age, OutsideExplained } from './explanation.ts';

export interface ExplainAsk {
  /** As it goes on the wire, without a search list; an address stands for its reverse name. */
  name: string;
  /** `AAAA` by default; `PTR` for an address. */
  type?: string;
  /** `NS/POD`, `VPC/NS/POD` or the address of the client. */
  from: string;
  /** The pod's VPC. */
  vpc?: string;
  /** `ADDR:PORT[@vpc[/namespace]]`; otherwise the one that this client would use. */
  listener?: string;
  /** As over TCP. */
  tcp?: boolean;
  /** Octets of EDNS payload that the client takes, 0 for a client without EDNS; 1232 by default. */
  size?: number;
  /** Of the message, which chooses where the rotation of several addresses begins; random by default. */
  id?: number;
  /** Names of other VPCs may be told. */
  operator?: boolean;
}

/** What was asked cannot be explained. `unknown`: there is no such pod. */
export class ExplainError extends Error {
  override readonly name = 'ExplainError';
  readonly unknown: boolean;

  constructor(message: string, unknown = false) {
    super(message);
    this.unknown = unknown;
  }
}

/** The reading side of the catalog. */
export interface ExplainCatalog {
  get(key: ResourceKey): Resource | undefined;
  said(
    key: ResourceKey,
  ): { source: string; revision: string; place?: Place; shadowed: readonly string[] } | undefined;
  scopes(vpc?: string): Iterable<{ vpc: string; namespace: string }>;
  list(kind: Kind, filter: { vpc?: string; namespace?: string }): Iterable<Resource>;
}

export interface ExplainFacts {
  memory: TrieMemory;
  settings: AnswerSettings;
  catalog: ExplainCatalog;
  inventory: InventoryFacts;
  /** Unix time. */
  seconds(): number;
  /** Those that are open, in their order. */
  listeners(): readonly Listener[];
  /** One without a socket. Throws an error with a reason for text that names none. */
  listenerOf(text: string): Listener;
  /** WAIT_*: what an unknown pod's name that needs its namespace would meet now. */
  podWait(vpc: string, source: string): number;
  /** Milliseconds: how long a query waits for the first view, and for its pod. */
  holds: { sync: number; pod: number };
  /** How old the revision of a source is. */
  age(source: string, revision: string): Age | undefined;
  /** Of the outside name that the responder has just judged; nobody is asked. `answer`: what the cache gives. */
  outside(
    packet: Uint8Array,
    responder: Responder,
    peer: Peer,
  ): { facts: OutsideExplained; answer: Uint8Array | undefined };
  /** Ends a slice of work: whatever else waits for the event loop goes first. */
  pause(): Promise<void>;
}
