/**
 * Asks the scheduler to let this thread run soon rather than long: a worker's batch takes microseconds, and where it
 * shares a core with the main thread it would otherwise wait until that has had its slice of some milliseconds.
 *
 * Linux takes the wish from 6.12 on, without privilege, and ignores it before. A thread under another policy than the
 * usual one was put there by somebody, and is left alone.
 */
import { getPriority } from 'node:os';
import type { System } from './syscalls.ts';

const SCHED_OTHER = 0;
/** Octets of struct sched_attr in its first version. */
const SIZE = 48;
/** Nanoseconds; the least that the kernel takes. */
const SLICE = 100_000n;

export function requestShortSlice(system: System): void {
  if (system.sched_getscheduler(0) !== SCHED_OTHER) return;
  const memory = new ArrayBuffer(SIZE);
  const view = new DataView(memory);
  view.setUint32(0, SIZE, true);
  // Of this thread, in spite of the name: what it has is kept.
  view.setInt32(16, getPriority(), true);
  view.setBigUint64(24, SLICE, true);
  system.sched_setattr(0, system.pin(memory), 0);
}
