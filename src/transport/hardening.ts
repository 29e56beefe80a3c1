/** What the process gives up at its start: new privileges, and core dumps, which would hold tokens and the cookie secret. */
import { loadSystem, PR_SET_NO_NEW_PRIVS, RLIMIT_CORE, type System } from './syscalls.ts';

/**
 * Call it before threads are started: those inherit it from their starter. Undefined, or why it could not be done, for a
 * log line.
 */
export function giveUpPrivileges(loaded = loadSystem()): string | undefined {
  const { system } = loaded;
  if (system === undefined) return `core dumps and new privileges stay possible: ${loaded.reason}`;
  if (system.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0)
    return 'new privileges stay possible: prctl failed';
  return withoutCores(system) ? undefined : 'core dumps stay possible: setrlimit failed';
}

/** Only the soft limit, which whoever may debug the process can raise again. */
function withoutCores(system: System): boolean {
  const limit = new BigUint64Array(2);
  const address = system.pin(limit.buffer);
  if (system.getrlimit(RLIMIT_CORE, address) !== 0) return false;
  limit[0] = 0n;
  return system.setrlimit(RLIMIT_CORE, address) === 0;
}
