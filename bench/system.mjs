/** The system calls that a bench cannot do without: where they cannot be had, it ends at once and says why. */
import { loadSystem } from '../dist/transport/syscalls.js';

function loaded() {
  const { system, reason } = loadSystem();
  if (system === undefined) throw new Error(reason);
  return system;
}

export const system = loaded();
