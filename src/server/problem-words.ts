/** What each kind of problem does to answers, and what a person can do about it. */
import type { Problem, ProblemKind } from '../model.ts';

/**
 * `missing`: records of a source or file were never taken up, so podns is not ready. `wrong`: some answers are old, or
 * say less than they should. `none`: answers are right.
 */
export type Impact = 'missing' | 'wrong' | 'none';

interface Words {
  impact: Impact;
  remedy: string;
}

const WORDS: Record<ProblemKind, Words> = {
  record: {
    impact: 'wrong',
    remedy: 'mend the resource where the text says; podns check finds it beforehand',
  },
  file: {
    impact: 'wrong',
    remedy: 'mend the file: write beside it, then rename; to delete all that it holds, remove the file',
  },
  source: {
    impact: 'wrong',
    remedy: 'see whether the source runs and can be reached; podns goes on asking it',
  },
  conflict: { impact: 'none', remedy: 'let only one source give this resource' },
  net6: { impact: 'wrong', remedy: 'give one of the two VPCs another net6 prefix' },
  address: { impact: 'wrong', remedy: 'give one of the two another address' },
  memory: { impact: 'wrong', remedy: 'serve fewer records, or split them over several servers' },
  saved_view: {
    impact: 'none',
    remedy:
      'make room in the state folder and see that podns may write there; a restart has no saved view until then',
  },
  shrink: {
    impact: 'wrong',
    remedy: 'if this is meant, run podns accept; if not, mend the source: its next whole list settles this',
  },
  upstream: {
    impact: 'wrong',
    remedy: 'see whether the upstream runs and can be reached, or name another one',
  },
  listener: { impact: 'wrong', remedy: 'correct the scope of --listen, or add that VPC or namespace' },
  gateway: {
    impact: 'wrong',
    remedy: 'let podns have the address: stop what listens there on port 53, or see what the text says',
  },
  client_rule: { impact: 'wrong', remedy: 'correct the rule under clients, or add that VPC or namespace' },
  resolv_conf: { impact: 'wrong', remedy: 'correct resolv_conf, or set upstreams, or forward: off' },
  limit: { impact: 'wrong', remedy: 'find who asks that much, or raise the limit that the text names' },
};

export function remedyOf(kind: ProblemKind): string {
  return WORDS[kind].remedy;
}

export function impactOf({ kind = 'record', severity, unserved }: Problem): Impact {
  if (unserved === true) return 'missing';
  return severity === 'warning' && kind === 'record' ? 'none' : WORDS[kind].impact;
}
