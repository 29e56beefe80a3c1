/** When the revisions of a source became answerable: a bounded memory, coarser for what is older. */
import type { Age } from '../explain/explanation.ts';

interface Noted {
  /** The last one of its second. */
  revision: string;
  /** As a number once it was asked for; undefined before that, and where it is none. */
  number: bigint | undefined;
  /** Milliseconds since 1970: the control plane's commit where it told, else when it became answerable. */
  at: number;
  /** It holds older ones too: a whole state, or what came between it and one that was forgotten. */
  isOlder: boolean;
}

const NOTED_MAX = 256;
/** Milliseconds within which revisions are one. */
const TOGETHER = 1000;

export class RevisionTimes {
  private noted: Noted[] = [];

  note(revision: string, at: number, whole: boolean): void {
    const { noted } = this;
    const last = noted.at(-1);
    if (last !== undefined && !whole && !last.isOlder && at - last.at < TOGETHER) {
      last.revision = revision;
      last.number = undefined;
      return;
    }
    noted.push({ revision, number: undefined, at, isOlder: whole });
    if (noted.length > NOTED_MAX) this.thin();
  }

  /** Undefined for a revision that nothing is known of. */
  age(revision: string, now: number): Age | undefined {
    const number = numberOf(revision);
    for (const one of this.noted) {
      const isSame = one.revision === revision;
      if (!isSame && number === undefined) continue;
      one.number ??= numberOf(one.revision);
      if (!isSame && (one.number === undefined || one.number < number!)) continue;
      // The first that holds it: it came with this one, or after the one before.
      return { seconds: Math.max(0, Math.floor((now - one.at) / 1000)), atLeast: one.isOlder };
    }
    return undefined;
  }

  /** Forgets every second one of the older half; the one after it stands for both. */
  private thin(): void {
    const half = NOTED_MAX >>> 1;
    this.noted = this.noted.filter((one, i) => {
      if (i >= half) return true;
      if (i % 2 === 1) one.isOlder = true;
      return i % 2 === 1;
    });
  }
}

function numberOf(revision: string): bigint | undefined {
  return /^\d{1,20}$/.test(revision) ? BigInt(revision) : undefined;
}
