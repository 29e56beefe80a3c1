/** Which answer a method and a path of the Docker API ask for; no more than that. */

export type Asked =
  | { what: 'ping' | 'version' | 'info' | 'events' | 'networks' | 'containers' }
  | { what: 'network' | 'container' | 'image' | 'volume' | 'plugin' | 'exec'; term: string }
  /** There are none, and an empty list says so. */
  | { what: 'none'; body: unknown }
  /** Only those that run pods have it. */
  | { what: 'unknown'; of: string }
  | { what: 'swarm' | 'write' | 'nothing' };

const SINGLE: Record<string, Asked> = {
  _ping: { what: 'ping' },
  version: { what: 'version' },
  info: { what: 'info' },
  events: { what: 'events' },
  networks: { what: 'networks' },
  'containers/json': { what: 'containers' },
  'images/json': { what: 'none', body: [] },
  'images/search': { what: 'unknown', of: 'images' },
  'images/get': { what: 'unknown', of: 'images' },
  volumes: { what: 'none', body: { Volumes: [], Warnings: [] } },
  plugins: { what: 'none', body: [] },
  'system/df': { what: 'unknown', of: 'disks' },
};

/** In order; the first that fits. Terms may hold slashes, as names do. */
const PATTERNS: [RegExp, (term: string) => Asked][] = [
  [/^networks\/(.+)$/, (term) => ({ what: 'network', term })],
  [/^containers\/(.+)\/json$/, (term) => ({ what: 'container', term })],
  [/^containers\/.+\/logs$/, () => ({ what: 'unknown', of: 'logs' })],
  [/^containers\/.+\/top$/, () => ({ what: 'unknown', of: 'processes' })],
  [/^containers\/.+\/stats$/, () => ({ what: 'unknown', of: 'use of memory and time' })],
  [/^containers\/.+\/(?:archive|changes|export)$/, () => ({ what: 'unknown', of: 'files' })],
  [/^containers\/.+\/attach\/ws$/, () => ({ what: 'unknown', of: 'output' })],
  [/^images\/(.+)\/(?:json|history|get)$/, (term) => ({ what: 'image', term })],
  [/^distribution\/.+\/json$/, () => ({ what: 'unknown', of: 'images' })],
  [/^exec\/(.+)\/json$/, (term) => ({ what: 'exec', term })],
  [/^volumes\/(.+)$/, (term) => ({ what: 'volume', term })],
  [/^plugins\/(.+)\/json$/, (term) => ({ what: 'plugin', term })],
  [/^(?:swarm|services|nodes|tasks|secrets|configs)(?:\/.*)?$/, () => ({ what: 'swarm' })],
];

/** Where anything but GET would change something. */
const WRITTEN =
  /^(?:auth|build|commit|configs|containers|exec|grpc|images|networks|nodes|plugins|secrets|services|session|swarm|volumes)(?:\/|$)/;

/** First words of paths without a version. */
export const FIRST_WORDS = [
  ...new Set([...Object.keys(SINGLE).map((path) => path.split('/')[0]!), 'distribution', 'exec']),
  ...[
    'auth',
    'build',
    'commit',
    'grpc',
    'session',
    'swarm',
    'services',
    'nodes',
    'tasks',
    'secrets',
    'configs',
  ],
];

/** `path`: decoded, without slashes around it, base path and version. */
export function askedFor(method: string, path: string): Asked {
  if (method !== 'GET' && method !== 'HEAD') return { what: WRITTEN.test(path) ? 'write' : 'nothing' };
  const single = Object.hasOwn(SINGLE, path) ? SINGLE[path] : undefined;
  let asked = single;
  for (const [pattern, make] of PATTERNS) {
    const match = asked === undefined ? pattern.exec(path) : null;
    if (match !== null) asked = make(match[1] ?? '');
  }
  // Docker's clients ask by HEAD for two things alone.
  const headed = asked?.what === 'ping' || asked?.what === 'unknown';
  return asked === undefined || (method === 'HEAD' && !headed) ? { what: 'nothing' } : asked;
}
