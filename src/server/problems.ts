/** The one place that knows all that stands wrong now: what it is about, since when, and what helps. */
import type { Problem, ProblemKind } from '../model.ts';
import { keyText, placeText } from '../model.ts';
import { impactOf, remedyOf, type Impact } from './problem-words.ts';

/** Something that stands wrong. */
export interface StandingProblem {
  kind: ProblemKind;
  severity: Problem['severity'];
  /** The resource, file, source, listener or upstream it is about. */
  subject: string;
  /** One line, with its place. */
  text: string;
  /** What a person can do. */
  remedy: string;
  /** What it does to answers: none, some are old, or names are missing. */
  impact: Impact;
  /** Milliseconds since 1970. */
  since: number;
}

/** What is told of a problem: that it has begun, or that it is over. */
export interface ProblemEvent {
  type: 'begin' | 'end';
  problem: StandingProblem;
}

/** A problem as its finder tells it. */
export type Found = Problem & { subject?: string };

/** Problems that are kept one by one; of the rest only the number is known. */
const LISTED = 1000;
/** Problems of one replacement that are told one by one. */
const TOLD = 20;

interface Owner {
  problems: Map<string, StandingProblem>;
  /** Those for which there was no room. */
  unlisted: number;
}

export class Problems {
  private readonly owners = new Map<string, Owner>();
  private readonly wallClock: () => number;
  private readonly tell: (event: ProblemEvent, isOneOfMany: boolean) => void;
  private readonly tellRest: (owner: string, count: number) => void;
  private listed = 0;
  /** When problems began that stood in the process before this one, by `identityOf`. */
  private earlier: ReadonlyMap<string, number> = new Map();

  /** `isOneOfMany`: others that came with it are told already. `tellRest`: how many those are that are told in sum. */
  constructor(
    wallClock: () => number,
    tell: (event: ProblemEvent, isOneOfMany: boolean) => void,
    tellRest: (owner: string, count: number) => void,
  ) {
    this.wallClock = wallClock;
    this.tell = tell;
    this.tellRest = tellRest;
  }

  /** Problems that begin here and stood in the process before this one stand since they began there. */
  goOnFrom(earlier: ReadonlyMap<string, number>): void {
    this.earlier = earlier;
  }

  /** From now on these problems of an owner stand, and no others. One that stood already stands since it began. */
  replace(owner: string, found: readonly Found[]): void {
    const before = this.owners.get(owner);
    if (before === undefined && found.length === 0) return;
    const after: Owner = { problems: new Map(), unlisted: 0 };
    const begun: StandingProblem[] = [];
    for (const one of found) {
      const subject = subjectOf(one);
      const id = `${one.kind ?? 'record'}\n${subject}\n${one.reason}`;
      if (after.problems.has(id)) continue;
      const old = before?.problems.get(id);
      if (old === undefined && this.listed + begun.length >= LISTED) {
        after.unlisted++;
        continue;
      }
      const problem = this.standing(one, subject, old?.since);
      after.problems.set(id, problem);
      if (old === undefined) begun.push(problem);
    }
    const ended = [...(before?.problems ?? [])].filter(([id]) => !after.problems.has(id));
    this.listed += begun.length - ended.length;
    if (found.length === 0) this.owners.delete(owner);
    else this.owners.set(owner, after);
    ended.forEach(([, problem], i) => this.tell({ type: 'end', problem }, i >= TOLD));
    begun.forEach((problem, i) => this.tell({ type: 'begin', problem }, i >= TOLD));
    const rest = Math.max(0, begun.length - TOLD) + Math.max(0, after.unlisted - (before?.unlisted ?? 0));
    if (rest > 0) this.tellRest(owner, rest);
  }

  /** Those that spoil answers first, then by time. */
  list(): StandingProblem[] {
    const all = [...this.owners.values()].flatMap(({ problems }) => [...problems.values()]);
    return all.sort((a, b) => rankOf(a) - rankOf(b) || a.since - b.since);
  }

  /** How many stand, those that are not listed with them. */
  get count(): number {
    let count = this.listed;
    for (const { unlisted } of this.owners.values()) count += unlisted;
    return count;
  }

  /** How many of each kind are listed. */
  counts(): Map<ProblemKind, number> {
    const counts = new Map<ProblemKind, number>();
    for (const { problems } of this.owners.values())
      for (const { kind } of problems.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  }

  /** True while some problem of these kinds stands. */
  has(...kinds: ProblemKind[]): boolean {
    const counts = this.counts();
    return kinds.some((kind) => counts.has(kind));
  }

  private standing(one: Found, subject: string, stands: number | undefined): StandingProblem {
    const { kind = 'record', severity, reason } = one;
    const place = placeText(one.place);
    const text = place === '' ? reason : `${place}: ${reason}`;
    const since = stands ?? this.earlier.get(identityOf({ kind, subject, text })) ?? this.wallClock();
    return { kind, severity, subject, text, remedy: remedyOf(kind), impact: impactOf(one), since };
  }
}

/** Equal for the same problem in two processes. */
export function identityOf({
  kind,
  subject,
  text,
}: Pick<StandingProblem, 'kind' | 'subject' | 'text'>): string {
  return `${kind}\n${subject}\n${text}`;
}

function subjectOf({ subject, key, place }: Found): string {
  if (subject !== undefined) return subject;
  if (key !== undefined) return keyText(key);
  return place?.file ?? place?.text ?? '';
}

function rankOf({ impact, severity }: StandingProblem): number {
  return (impact === 'missing' ? 0 : impact === 'wrong' ? 2 : 4) + (severity === 'error' ? 0 : 1);
}
