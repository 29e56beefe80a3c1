/** Gives back the memory that a large load leaves behind: the young generation's pages, and the C library's. */
import { Session } from 'node:inspector';
import { loadSystem } from '../transport/syscalls.ts';

/** Changes of one transaction from which on it is worth a full collection of a small heap (some 20 ms). */
export const LARGE_LOAD = 50_000;

/**
 * A million pods leave 40 MB of empty pages in V8's heap and 15 MB in malloc's, which neither returns by itself.
 * The inspector's collectGarbage is V8's low-memory notification, the one call that shrinks the young generation;
 * no port is opened for it. Resolves when done; never rejects.
 */
export async function releaseMemory(): Promise<void> {
  const session = new Session();
  try {
    session.connect();
    await new Promise<void>((resolve) => {
      session.post('HeapProfiler.collectGarbage', () => resolve());
    });
  } catch {
    // A build of Node without the inspector: it only stays larger.
  } finally {
    session.disconnect();
  }
  loadSystem().system?.trim();
}
