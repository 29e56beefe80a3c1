/**
 * Checks that etcd still has the history that podns followed. A wiped member, or a cluster restored from a backup, may
 * answer with the same cluster id and, after some writes, with revisions that look like a continuation.
 */

import { createHash } from 'node:crypto';
import type { EtcdHeader, RangeResponse } from './client.ts';
import { compareRevisions, StreamError } from '../reflector/dialect.ts';
import type { ResumePoint } from '../../model.ts';

/** The last change that podns saw: at its revision the key must still be the same. Both are base64. */
interface Witness {
  key: string;
  /** Undefined: deleted. After a restart only the hash of the value is known; of an unread value nothing is known. */
  value: string | { sha256: string } | typeof UNREAD | undefined;
  revision: string;
}

/** The value was too large to read, so an equal revision of the key must be enough. */
export const UNREAD = Symbol('unread');

/** The saved form of a history. */
interface Saved {
  cluster: string;
  term: string;
  /** Everything up to this revision was applied. */
  reached: string;
  witness?: { key: string; revision: string; sha256?: string; unread?: true };
}

export class EtcdHistory {
  private clusterId = '';
  private raftTerm = '0';
  private witness: Witness | undefined;
  /** The state at the last time when everything delivered had been applied. */
  private settled: { reached: string; witness: Witness | undefined } | undefined;

  /** A full list begins, which starts a new history. */
  begin(header: EtcdHeader): void {
    this.clusterId = header.cluster_id;
    this.raftTerm = header.raft_term;
    this.witness = undefined;
    // Until the list has been applied, the sink has the state of the old history.
    this.settled = undefined;
  }

  /** Everything up to this revision has been applied. */
  settle(reached: string): void {
    this.settled = { reached, witness: this.witness };
  }

  /** The proof for `restore` after a restart; undefined if this revision was not settled. */
  proof(revision: string): string | undefined {
    if (this.settled?.reached !== revision) return undefined;
    const { reached, witness } = this.settled;
    const saved: Saved = { cluster: this.clusterId, term: this.raftTerm, reached };
    if (witness !== undefined) {
      const { key, value } = witness;
      saved.witness = { key, revision: witness.revision };
      if (value === UNREAD) saved.witness.unread = true;
      else saved.witness.sha256 = typeof value === 'string' ? hashOf(value) : value?.sha256;
    }
    return JSON.stringify(saved);
  }

  /** False if the proof is not for this revision. */
  restore({ revision, proof }: ResumePoint): boolean {
    const saved = JSON.parse(proof) as Saved;
    if (saved.reached !== revision) return false;
    this.clusterId = saved.cluster;
    this.raftTerm = saved.term;
    if (saved.witness !== undefined) {
      const { key, sha256, unread } = saved.witness;
      const value = unread === true ? UNREAD : sha256 === undefined ? undefined : { sha256 };
      this.witness = { key, value, revision: saved.witness.revision };
    }
    this.settle(revision);
    return true;
  }

  saw(key: string, value: string | typeof UNREAD | undefined, revision: string): void {
    if (this.witness !== undefined && compareRevisions(revision, this.witness.revision) < 0) return;
    this.witness = { key, value, revision };
  }

  /** The key to read at the reached revision, to prove that the history is the same. */
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
    const { value, revision } = this.witness;
    const given = found?.value ?? '';
    const same =
      value === undefined
        ? found === undefined
        : found?.mod_revision === revision &&
          (value === UNREAD ||
            (typeof value === 'string' ? given === value : hashOf(given) === value.sha256));
    if (!same) throw new StreamError('gone', `etcd has another history at revision ${this.witness.revision}`);
  }
}

function hashOf(value: string): string {
  return createHash('sha256').update(value).digest('base64');
}
