/** When the revisions of a source became answerable: a bounded memory, finer for what is younger. */
import type { Age } from '../explain/explanation.ts';

interface Noted {
  revision: string;
  /** The revision as a number; undefined where it is none. */
  number: bigint | undefined;
  /** Milliseconds since 1970: the control plane's commit where it told, else when it became answerable. */
  at: number;
  /** A whole state: what it holds may be older. */
  whole: boolean;
}

const NOTED_MAX = 256;

export class RevisionTimes {
  private readonly noted: Noted[] = [];

  note(revision: string, at: number, whole: boolean): void {
    const { noted } = this;
    noted.push({ revision, number: undefined, at, whole });
    if (noted.length <= NOTED_MAX) return;
    // Every second one of the older half goes, so that what stays reaches back ever further, ever more coarsely.
    const half = NOTED_MAX >>> 1;
    const rest = noted.splice(half);
    const thinned = noted.filter((one, i) => one.whole || i % 2 === 0);
    this.noted.length = 0;
    this.noted.push(...thinned.slice(-half), ...rest);
  }

  /** Undefined for a revision that nothing is known of. */
  age(revision: string, now: number): Age | undefined {
    const number = numberOf(revision);
    for (const one of this.noted) {
      const isSame = one.revision === revision;
      if (!isSame && number === undefined) continue;
      one.number ??= numberOf(one.revision);
      if (!isSame && (one.number === undefined || one.number < number!)) continue;
      // The first that holds it: it came with this one, or between this one and the one before.
      return { seconds: Math.max(0, Math.floor((now - one.at) / 1000)), atLeast: one.whole };
    }
    return undefined;
  }
}

function numberOf(revision: string): bigint | undefined {
  return /^\d{1,20}$/.test(revision) ? BigInt(revision) : undefined;
}
