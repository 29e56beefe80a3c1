/** The versions of the Docker Engine API that are answered, and how a client is told that its own is not. */
import { DockerFailure } from './failure.ts';

/** Of Docker 28. Clients of other versions agree on a lower one, or are told. */
export const API_VERSION = '1.51';
/** The lowest that any Docker since 1.12 asks for. */
export const MIN_API_VERSION = '1.24';

/** Throws what dockerd says to a client that is too new or too old. */
export function checkApiVersion(version: string): void {
  if (compareVersions(version, MIN_API_VERSION) < 0)
    throw new DockerFailure(
      400,
      `client version ${version} is too old. Minimum supported API version is ${MIN_API_VERSION}, ` +
        'please upgrade your client to a newer version',
    );
  if (compareVersions(version, API_VERSION) > 0)
    throw new DockerFailure(
      400,
      `client version ${version} is too new. Maximum supported API version is ${API_VERSION}`,
    );
}

function compareVersions(one: string, other: string): number {
  const a = one.split('.').map(Number);
  const b = other.split('.').map(Number);
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
