/** Lets the event loop take what sockets have queued, before they are closed. */

/** Turns after which a queue that was full is empty, and the end of waiting under a flood. */
const LAST_TURNS = 256;

/** Resolves when the event loop brings nothing any more; `received` counts what it has brought. */
export async function untilNothingComes(received: () => number): Promise<void> {
  // The first turn may end without having looked at the sockets, so a single quiet one says nothing.
  for (let turn = 0, quiet = 0; turn < LAST_TURNS && quiet < 2; turn++) {
    const before = received();
    await new Promise((resolve) => setImmediate(resolve));
    quiet = received() === before ? quiet + 1 : 0;
  }
}
