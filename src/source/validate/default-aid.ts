/** The default `aid`, the short label by which one replica, overlay or service can be named. */
import { hash } from 'node:crypto';

const LETTER = { overlay: 'v', pod: 'p', service: 's' } as const;

/** The kind's letter and the first ten hex digits of SHA-256(`vpc/namespace/name`); folded names in. */
export function defaultAid(
  kind: 'overlay' | 'pod' | 'service',
  vpc: string,
  namespace: string,
  name: string,
): string {
  return LETTER[kind] + hash('sha256', `${vpc}/${namespace}/${name}`, 'hex').slice(0, 10);
}
