/**
 * Asks the scheduler to run this thread soon rather than for long: a worker's batch takes microseconds, and where it
 * shares a core with the main thread it would otherwise wait until that has had its slice of some milliseconds.
 *
 * Linux grants this from 6.12 on, without privilege, and ignores it before. Somebody chose the policy of a thread that
 * does not have the usual one: it is left alone.
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
  // The priority of this thread, in spite of the name: it is kept.
  view.setInt32(16, getPriority(), true);
  view.setBigUint64(24, SLICE, true);
  system.sched_setattr(0, system.pin(memory), 0);
}
