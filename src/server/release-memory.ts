/** Releases memory that a large load leaves unused: pages of V8's young generation, and of the C library. */
import { Session } from 'node:inspector';
import { loadSystem } from '../transport/syscalls.ts';

/** The number of changes in one transaction that justifies a full collection of a small heap (some 20 ms). */
export const LARGE_LOAD = 50_000;

/**
 * A million pods leave 40 MB of empty pages in V8's heap and 15 MB in malloc's, and neither returns them by itself.
 * The inspector's collectGarbage sends V8's low-memory notification, the only call that shrinks the young
 * generation; it opens no port. Resolves when done; never rejects.
 */
export async function releaseMemory(): Promise<void> {
  const session = new Session();
  try {
    session.connect();
    await new Promise<void>((resolve) => {
      session.post('HeapProfiler.collectGarbage', () => resolve());
    });
  } catch {
    // A build of Node without the inspector only stays larger.
  } finally {
    session.disconnect();
  }
  loadSystem().system?.trim();
}
