/**
 * Is this still the etcd that we followed? A member that was wiped, or a cluster restored from a backup, may answer
 * with the same cluster id and, after some writes, with revisions that look like a continuation.
 */

import type { EtcdHeader, RangeResponse } from './etcd-client.ts';
import { compareRevisions, StreamError } from './reflector-dialect.ts';

/** The last change that we saw: at its revision the key must be exactly as it was then. Base64 both. */
interface Witness {
  key: string;
  /** Undefined: deleted. */
  value: string | undefined;
  revision: string;
}

export class EtcdHistory {
  private clusterId = '';
  private raftTerm = '0';
  private witness: Witness | undefined;

  /** A full list begins: from here on this is the history. */
  begin(header: EtcdHeader): void {
    this.clusterId = header.cluster_id;
    this.raftTerm = header.raft_term;
    this.witness = undefined;
  }

  saw(key: string, value: string | undefined, revision: string): void {
    if (this.witness !== undefined && compareRevisions(revision, this.witness.revision) < 0) return;
    this.witness = { key, value, revision };
  }

  /** What to read, at the revision reached, to prove that the history is the same. */
  get witnessKey(): string | undefined {
    return this.witness?.key;
  }

  /** `reached`: the revision up to which everything was applied. Throws `StreamError`. */
  checkHeader(header: EtcdHeader, reached: string): void {
    if (header.cluster_id !== this.clusterId) {
      throw new StreamError('gone', `another etcd cluster answers: ${header.cluster_id}`);
    }
    if (compareRevisions(header.revision, reached) < 0) {
      throw new StreamError('gone', `etcd went back to revision ${header.revision} from ${reached}`);
    }
    if (compareRevisions(header.raft_term, this.raftTerm) < 0) {
      throw new StreamError('gone', `etcd went back to term ${header.raft_term} from ${this.raftTerm}`);
    }
    this.raftTerm = header.raft_term;
  }

  /** `answer`: the range of `witnessKey` at the revision reached. Throws `StreamError`. */
  checkWitness(answer: RangeResponse): void {
    if (this.witness === undefined) return;
    const found = answer.kvs?.[0];
    const same =
      this.witness.value === undefined
        ? found === undefined
        : found?.mod_revision === this.witness.revision && (found.value ?? '') === this.witness.value;
    if (!same) throw new StreamError('gone', `etcd has another history at revision ${this.witness.revision}`);
  }
}
