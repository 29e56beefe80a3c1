/** Where a running process listens for its successor: in the state folder, else in a folder of the user's own. */
import { lstatSync, mkdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PlaceOptions {
  /** `takeover_socket`; '' where it is not set. */
  asked: string;
  /** The state folder, '' for none. */
  state: string;
  /** `ADDR:PORT`, `unix:PATH` or `off`: two processes at a time cannot have the same. */
  admin: string;
  environment: Record<string, string | undefined>;
}

/** Octets of a path of a unix socket, without its end. */
const PATH_MAX = 107;

/** A path, or why there is none. */
export type Place = { path: string; reason?: undefined } | { path?: undefined; reason: string };

/** Makes the folder where it is a derived one. */
export function placeOf(options: PlaceOptions): Place {
  const { asked, state } = options;
  const path = asked !== '' ? asked : state !== '' ? join(state, 'takeover.sock') : derived(options);
  if (typeof path !== 'string') return path;
  if (Buffer.byteLength(path) <= PATH_MAX) return { path };
  return {
    reason: `the path ${path} is longer than ${PATH_MAX} octets; set takeover_socket to a shorter one`,
  };
}

function derived({ admin, environment }: PlaceOptions): string | { reason: string } {
  const hint = 'set state or takeover_socket';
  if (admin === 'off' || admin.endsWith(':0'))
    return { reason: `without a state folder and an admin address nothing tells processes apart; ${hint}` };
  const uid = process.geteuid?.();
  if (uid === undefined) return { reason: `this system has no users; ${hint}` };
  // Such as systemd makes it for RuntimeDirectory=; the first of several.
  const given = environment['RUNTIME_DIRECTORY']?.split(':')[0] || environment['XDG_RUNTIME_DIR'];
  const folder = given || join(tmpdir(), `podns-${uid}`);
  try {
    if (!given) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stats = lstatSync(folder);
    if (!stats.isDirectory() || stats.uid !== uid || (stats.mode & 0o022) !== 0)
      return { reason: `${folder} is no folder of this user alone; ${hint}` };
  } catch (error) {
    return { reason: `${folder}: ${(error as Error).message}; ${hint}` };
  }
  return join(folder, `podns-${namespace()}-${admin.replaceAll(/[^\w.]+/g, '_')}.sock`);
}

/** Each network namespace has addresses of its own, and files may be common to several. */
function namespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}
