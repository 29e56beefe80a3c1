/** What a proof of isolation needs of a server, and what it reports. */
import type { Listener } from '../answer/peer.ts';
import type { AnswerSettings } from '../answer/settings.ts';
import type { Kind, Resource } from '../model.ts';
import type { TrieMemory } from '../trie/memory.ts';

export interface IsolationFacts {
  memory: TrieMemory;
  settings: AnswerSettings;
  /** Effective resources, with `undefined` where the reader may pause. */
  list(kind: Kind, filter: { vpc?: string }): Iterable<Resource | undefined>;
  /** Those that are open, or would be. */
  listeners(): readonly Listener[];
  /** Unix time. */
  seconds(): number;
  /** Ends a slice of work: whatever else waits for the event loop goes first. */
  pause(): Promise<void>;
}

export type ProofLine = ProofProgress | Violation | ProofEnd;

export interface ProofProgress {
  type: 'progress';
  pairs: number;
  of: number;
  /** Whose clients ask now. */
  vpc: string;
}

/** A client of one VPC was given something of another. */
export interface Violation {
  type: 'violation';
  client: { vpc: string; class: string; address: string; listener: string };
  /** The other VPC, and what of it was asked for. */
  of: { vpc: string; resource: string };
  question: { name: string; type: string };
  /** What was given, as in a zone file. */
  given: string;
  /** Command lines that show it. */
  dig: string;
  explain: string;
}

export interface ProofEnd {
  type: 'end';
  /** Questions that were asked. */
  pairs: number;
  /** Pairs of a client and a question that there are. */
  of: number;
  /** Above so many pairs only a sample of them is asked. */
  limit: number;
  vpcs: number;
  clients: number;
  violations: number;
  /** Questions that would have left podns: their answers hold nothing of the view. */
  outside: number;
  /** The proof ended early, because there were so many violations. */
  stopped: boolean;
  seconds: number;
}
