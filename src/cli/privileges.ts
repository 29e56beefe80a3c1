/** `--user`: who podns becomes once its sockets are bound. */
import { readFileSync } from 'node:fs';
import { CommandError, EXIT_BAD_CONFIG, EXIT_NO_PERMISSION } from './exit.ts';

export interface User {
  name: string;
  uid: number;
  gid: number;
  /** Whether the process is that user already, and has nothing to drop. */
  isSelf: boolean;
}

/** Highest id; above are those that mean none. */
const ID_MAX = 2 ** 32 - 2;

/**
 * The user that the setting names as `NAME[:GROUP]`, each a name or a number. Throws CommandError: 78 where there is no
 * such user or group, 77 where this process may not become it.
 */
export function userOf(text: string): User {
  const [name = '', group] = text.split(':');
  const entry = entryOf('/etc/passwd', name);
  const uid = Number(entry?.[2] ?? idOf(name, `user: there is no user ${name} in /etc/passwd`));
  const gid =
    group === undefined
      ? Number(
          entry?.[3] ?? fail(`user: name a group too, as in ${name}:${name}: /etc/passwd does not tell it`),
        )
      : Number(
          entryOf('/etc/group', group)?.[2] ?? idOf(group, `user: there is no group ${group} in /etc/group`),
        );
  const isSelf = process.geteuid!() === uid && process.getegid!() === gid;
  if (!isSelf && process.geteuid!() !== 0)
    throw new CommandError(
      EXIT_NO_PERMISSION,
      `user: only root can become ${text}; start podns as root or as ${name}`,
    );
  if (uid === 0) fail(`user: ${name} is root, who keeps all rights; name another user`);
  return { name: entry?.[0] ?? String(uid), uid, gid, isSelf };
}

/** Becomes that user for good, with all threads of the process. Throws if any right is left. */
export function become({ name, uid, gid, isSelf }: User): void {
  if (isSelf) return;
  // The groups of the user's name; one who has none has only their own.
  if (/^\d+$/.test(name)) process.setgroups!([gid]);
  else (process as NodeJS.Process & { initgroups(name: string, group: number): void }).initgroups(name, gid);
  process.setgid!(gid);
  process.setuid!(uid);
  try {
    process.setuid!(0);
  } catch {
    return;
  }
  throw new Error(`the process can still become root after it became ${name}`);
}

/** Does something as that user: what they may not do fails as it will later. */
export function asUser<T>(user: User | undefined, work: () => T): T {
  if (user === undefined || user.isSelf) return work();
  process.setegid!(user.gid);
  process.seteuid!(user.uid);
  try {
    return work();
  } finally {
    process.seteuid!(0);
    process.setegid!(process.getgid!());
  }
}

function entryOf(file: string, name: string): string[] | undefined {
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const fields = line.split(':');
    if (fields.length > 2 && (fields[0] === name || fields[2] === name)) return fields;
  }
  return undefined;
}

function idOf(text: string, reason: string): number {
  const id = Number(text);
  if (!/^\d+$/.test(text) || id > ID_MAX) fail(reason);
  return id;
}

function fail(reason: string): never {
  throw new CommandError(EXIT_BAD_CONFIG, reason);
}
