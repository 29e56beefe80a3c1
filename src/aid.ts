/** The default `aid` of a resource: a short stable name derived from its path. */
import { createHash } from 'node:crypto';

const LETTERS = { overlay: 'v', pod: 'p', service: 's' } as const;

/** `v`, `p` or `s` and the first ten hex digits of SHA-256 of `vpc/namespace/name`. */
export function defaultAid(
  kind: 'overlay' | 'pod' | 'service',
  vpc: string,
  namespace: string,
  name: string,
): string {
  const digest = createHash('sha256').update(`${vpc}/${namespace}/${name}`).digest('hex');
  return LETTERS[kind] + digest.slice(0, 10);
}
