/** An answer while it is being written. */

/** What the parts of an encoder share while one answer is written. */
export interface ResponseBuffer {
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

export function newResponseBuffer(): ResponseBuffer {
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

/** True when a record of so many octets fits; else the answer is truncated there. */
export function fits(response: ResponseBuffer, octets: number): boolean {
  if (response.at + octets <= response.end) return true;
  response.truncated = true;
  return false;
}
