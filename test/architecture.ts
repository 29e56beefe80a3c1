/** The rooms of src: what each is, and which others it may import. ARCHITECTURE.md shows this table. */

/** One sentence a room. */
export const ROOMS: Record<string, string> = {
  base: 'the ground floor: one keyed hash, one clock, one limiter; knows nothing of DNS',
  locations: 'where the package has what code does not import: modules of threads, the page, its version',
  model: 'resources, keys, problems; the contracts of `Source`, `Sink` and `Projection`',
  dns: 'octets only: messages, names, addresses, EDNS, cookies',
  trie: 'the flat shared memory: layout, the writer, the reader',
  'shared-cache':
    'answers of upstreams in shared memory, ready to be sent: one writer, any number of readers',
  answer: 'deciding, encoding, holding; never a socket',
  transport: 'sockets; knows nothing of names',
  takeover:
    'what a process gives its successor over a unix socket: view, sockets, secret; knows nothing of records',
  catalog: 'which source gave what, packed; conflicts; change sets; moments; the saved view',
  source: 'where records come from; each validates, and delivers transactions into a sink',
  forward: 'outside names: upstreams and their cache',
  isolation: 'a proof that no client is given anything of another VPC, by the same deciding and encoding',
  explain: 'why a client gets its answer: the same deciding, traced, and what resolvers do with it',
  watch: 'the server side of the watch stream, and the events',
  config: 'every setting and limit, in one table (`config/table.ts`)',
  server:
    'the one place that wires all of it; the library (`server/podns-server.ts`) and its core (`server.ts`)',
  index: 'what the package exports',
  admin: 'HTTP for people and machines',
  cli: 'one file a command',
};

/**
 * Who may import whom. A room is a folder of `src`, or a file at its top without `.ts`; every room may import
 * itself. `a/b` allows that one file of a room.
 */
export const ALLOWED: Record<string, string[]> = {
  // The ground floor: what several rooms need and what knows nothing of DNS.
  base: [],
  locations: [],
  model: [],
  dns: [],
  trie: ['base', 'dns', 'model'],
  'shared-cache': ['base', 'dns'],
  answer: ['base', 'dns', 'trie', 'model', 'shared-cache'],
  transport: ['locations', 'dns', 'answer', 'trie'],
  takeover: ['transport/handle', 'transport/syscalls', 'transport/unix-socket'],
  catalog: ['base', 'model', 'dns'],
  source: ['locations', 'base', 'model', 'dns'],
  forward: ['base', 'dns', 'model', 'shared-cache', 'answer/peer', 'answer/settings'],
  watch: ['model', 'catalog'],
  // `config/suggest` knows which words are written nearly alike.
  explain: ['model', 'dns', 'trie', 'answer', 'config/suggest'],
  isolation: ['model', 'dns', 'trie', 'answer'],
  config: [
    'model',
    'dns/address',
    'answer/settings',
    'transport/listen',
    'forward/upstream/endpoint',
    'source/validate/addresses',
    'source/validate/name-lists',
    'source/validate/names',
  ],
  server: [
    'locations',
    'base',
    'model',
    'dns',
    'trie',
    'shared-cache',
    'answer',
    'transport',
    'catalog',
    'source',
    'forward',
    'watch',
    'explain',
    'isolation',
    'config',
  ],
  index: [
    'server',
    'explain',
    'isolation',
    'model',
    'config',
    'source',
    'catalog/change',
    'transport/listen',
    'trie/memory',
  ],
  admin: [
    'locations',
    'index',
    'explain',
    'isolation',
    'server',
    'watch',
    'config',
    'model',
    'dns',
    'answer/record/reader',
    'transport/listen',
    // A unix socket, and the listening socket that a successor is given.
    'transport/unix-socket',
    'transport/handle',
    // Metrics read what answers were counted under.
    'answer/counts',
    'answer/vpc-counts',
    'transport/transport',
    // Docker's networks are overlays, also those that pods only refer to.
    'source/validate/names',
  ],
  cli: [
    'locations',
    'index',
    'server',
    'explain',
    'isolation',
    'config',
    'model',
    'dns',
    'source',
    'admin',
    'transport/listen',
    'transport/syscalls',
    // The sockets of a socket unit come to the process, not to the library.
    'transport/inherited',
    'transport/unix-socket',
    // A process takes over, not the library.
    'takeover',
    // `check` reads the host's resolvers as the forwarder does.
    'forward/routes/resolv-conf',
  ],
};
