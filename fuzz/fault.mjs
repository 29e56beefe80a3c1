/** A property that does not hold. `kind` stays the same while an input is minimised; the message may change. */
export class Fault extends Error {
  constructor(kind, message) {
    super(`${kind}: ${message}`);
    this.name = 'Fault';
    this.kind = kind;
  }
}

/**
 * Throws the fault unless `holds`.
 *
 * @param {boolean} holds
 * @param {string} kind
 * @param {string | (() => string)} [message]
 */
export function must(holds, kind, message = '') {
  if (!holds) throw new Fault(kind, typeof message === 'function' ? message() : message);
}

/** What an error is called while its input is minimised: the property, or the class of the error with its place. */
export function kindOf(error) {
  if (error instanceof Fault) return error.kind;
  const stack = String(/** @type {Error} */ (error)?.stack ?? error);
  const place = /\/dist\/([^\s:)]+:\d+)/.exec(stack)?.[1] ?? '';
  return `throws ${/** @type {Error} */ (error)?.name ?? typeof error} ${place}`.trimEnd();
}
