/** An answer while it is being written. */

/** What the parts of an encoder share while one answer is written. */
export interface Draft {
  out: Uint8Array;
  /** Where the message begins, where the next octet goes, where records must end. */
  base: number;
  at: number;
  end: number;
  answers: number;
  authority: number;
  additional: number;
  truncated: boolean;
}

export function newDraft(): Draft {
  return {
    out: new Uint8Array(0),
    base: 0,
    at: 0,
    end: 0,
    answers: 0,
    authority: 0,
    additional: 0,
    truncated: false,
  };
}

/** True when a record of so many octets fits; else the answer ends before it, and says so. */
export function fits(draft: Draft, octets: number): boolean {
  if (draft.at + octets <= draft.end) return true;
  draft.truncated = true;
  return false;
}
