/**
 * `node bench/kernel/octets.mjs [queries]`: what the kernel's program answers, against what the server's own code answers
 * to the same packets: frame by frame, while the view changes. No network is touched; it needs the right to bpf(2).
 */
import { fileURLToPath } from 'node:url';
import { Responder } from '../../dist/answer/responder.js';
import { ServerCore } from '../../dist/server.js';
import { View } from '../../dist/trie/read/view.js';
import { NET4, NET6, pod6Octets, podDomain, podName } from '../pods.mjs';
import { valid } from '../valid.mjs';
import { buildQuery, random } from '../wire.mjs';
import { KernelAnswers } from './answers.mjs';
import { XDP_PASS, XDP_TX } from './bpf.mjs';
import { fault, frameOf } from './frames.mjs';

const LOOPBACK = 1;
const PORT = 53;
const PODS = 20;
/** Queries that arrive while the server is silent. */
const SILENT = 20;
const A = 1;
const AAAA = 28;
const VPC = 'bench';

const mapped = (octets) => Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), octets]);
const SERVER6 = Buffer.from('20010db8000000000000000000000053', 'hex');
const SERVER4 = mapped(Buffer.from([192, 0, 2, 53]));
const LONG = 'l'.repeat(60);

const pod = (i, generation, extra = {}) => ({
  kind: 'pod',
  vpc: VPC,
  namespace: 'n0',
  name: podName(i),
  ip6: `fdbe:0:1:${generation.toString(16)}::${(i + 1).toString(16)}`,
  overlays: [{ overlay: 'default', ip4: `10.0.${i >> 8}.${i & 255}` }],
  ...extra,
});
const client4 = (i) => mapped(Buffer.from([10, 0, i >> 8, i & 255]));

/** A server without sockets, whose pods move to other addresses. */
class World {
  moves = 0;
  #server = new ServerCore({ config: { zones: [], admin: 'off' } });
  /** @type {any} */
  #sink;
  /** @type {any} */
  view;
  /** @type {any} */
  responder;

  async open() {
    this.#sink = this.#server.feed.sink('bench');
    this.#sink.state('live');
    this.#sink.begin(true, '1');
    this.#put({ kind: 'vpc', name: VPC, net6: [NET6] });
    this.#put({ kind: 'overlay', vpc: VPC, namespace: 'n0', name: 'default', net4: NET4 });
    for (let i = 0; i < PODS; i++) this.#put(pod(i, 0, { names: i < 2 ? ['both'] : i === 2 ? [LONG] : [] }));
    await this.#sink.commit();
    this.view = new View(this.#server.memory);
    this.responder = new Responder(this.view, this.#server.settings, () => 1);
    this.view.refresh();
  }

  #put(object) {
    this.#sink.put(valid(object));
  }

  /** The upper half of the pods, whose addresses no client of ours has, move. */
  async move() {
    this.moves++;
    this.#sink.begin(false, String(this.moves + 1));
    for (let i = PODS / 2; i < PODS; i++) this.#put(pod(i, this.moves));
    await this.#sink.commit();
    this.view.refresh();
  }

  close() {
    return this.#server.close();
  }
}

const NAMES = [
  (i) => podName(i),
  (i) => podName(i).toUpperCase(),
  (i) => `${podName(i)}.n0`,
  (i) => podDomain(i),
  (i) => `${podName(i)}.N0.Vpc.INTERNAL`,
  (i) => `x${podName(i)}`,
  () => 'both',
  () => LONG,
  () => `${LONG}.n0`,
  () => 'example.com',
];

const opt = (size, extended, flags, options = Buffer.alloc(0)) => {
  const octets = Buffer.alloc(11 + options.length);
  octets.writeUInt16BE(41, 1);
  octets.writeUInt16BE(size, 3);
  octets.writeUInt16BE(extended, 5);
  octets.writeUInt16BE(flags, 7);
  octets.writeUInt16BE(options.length, 9);
  options.copy(octets, 11);
  return octets;
};
const option = (code, length) => {
  const octets = Buffer.alloc(4 + length, 7);
  octets.writeUInt16BE(code);
  octets.writeUInt16BE(length, 2);
  return octets;
};

/** Ways to end a message; `usual`: the kernel must answer it if it knows the answer. */
const ENDS = [
  { usual: true, additional: 0, octets: () => Buffer.alloc(0) },
  { usual: true, additional: 0, octets: () => Buffer.alloc(0) },
  { usual: true, additional: 1, octets: (below) => opt(below(65_536), 0, 0) },
  { usual: true, additional: 1, octets: () => opt(1232, 0, 0x8000) },
  { additional: 1, octets: () => opt(1232, 0, 0x0001) },
  { additional: 1, octets: () => opt(1232, 1, 0) },
  { additional: 1, octets: () => opt(1232, 0x0100, 0) },
  { additional: 1, octets: () => opt(1232, 0, 0, option(10, 8)) },
  { additional: 1, octets: () => opt(1232, 0, 0, option(3, 0)) },
  { additional: 1, octets: () => opt(1232, 0, 0, option(12, 9)) },
  { additional: 2, octets: () => Buffer.concat([opt(1232, 0, 0), opt(1232, 0, 0)]) },
  { additional: 0, octets: () => Buffer.alloc(3, 1) },
  { additional: 0, octets: () => opt(1232, 0, 0) },
  { additional: 1, octets: () => Buffer.alloc(0) },
];

/**
 * Faults of the headers: what, for which family, what it does to the frame before the sums.
 *
 * @type {[string, number, ((frame: Buffer) => void) | undefined][]}
 */
const BENDS = [
  ['fragment', 4, (frame) => frame.writeUInt16BE(0x2000, 20)],
  ['last fragment', 4, (frame) => frame.writeUInt16BE(0x0010, 20)],
  ['options', 4, (frame) => (frame[14] = 0x46)],
  ['protocol', 4, (frame) => (frame[23] = 6)],
  ['length', 4, (frame) => frame.writeUInt16BE(frame.readUInt16BE(16) - 1, 16)],
  ['fragment', 6, (frame) => (frame[20] = 44)],
  ['extension header', 6, (frame) => (frame[20] = 60)],
  ['length', 6, (frame) => frame.writeUInt16BE(frame.readUInt16BE(18) - 1, 18)],
  ['version', 6, (frame) => (frame[14] = 0x40)],
  ['station', 0, (frame) => (frame[0] = 0x33)],
  ['protocol', 0, (frame) => frame.writeUInt16BE(0x0806, 12)],
];

/** @type {(typeof BENDS)[number]} */
const SOUND = ['', 1, undefined];

/** One of `list`, the first ones much more often. */
const mostly = (below, list, usual) => list[below(4) > 0 ? below(usual) : below(list.length)];

/** A random query, and whether everything about it is usual; undefined where chance may have made it so. */
function draw(below) {
  const six = below(2) === 0;
  // The upper half moves and so is asked for, and is not among the clients.
  const client = below(PODS / 2 + 1);
  const known = client < PODS / 2;
  const i = below(PODS);
  const name = mostly(below, NAMES, 5)(i);
  const type = below(8) === 0 ? 1 + below(64) : below(3) === 0 ? A : AAAA;
  const end = mostly(below, ENDS, 4);
  const query = buildQuery(below(65_536), name, type);
  /** @type {boolean | undefined} */
  let usual = end.usual === true && name.length <= 62 && (type === A || type === AAAA);
  query.writeUInt16BE(end.additional, 10);
  query.writeUInt16BE([0x0100, 0x0100, 0x0000, 0x0120, 0x0110][below(5)], 2);
  if (below(16) === 0) {
    query.writeUInt16BE(below(65_536), 2 * (1 + below(5)));
    usual = undefined;
  }
  let message = Buffer.concat([query, end.octets(below)]);
  if (below(32) === 0) {
    message = message.subarray(0, below(message.length));
    usual = undefined;
  }
  const [what, family, bend] = below(16) === 0 ? BENDS[below(BENDS.length)] : SOUND;
  const bends = bend !== undefined && (family === 0 || (family === 6) === six);
  const checksum = mostly(below, ['whole', 'partial', ...(six ? [] : ['none']), 'wrong'], 2);
  const parts = {
    six,
    source: !known ? mapped(Buffer.from([10, 9, 9, 9])) : six ? pod6Octets(client) : client4(client),
    destination: six ? SERVER6 : SERVER4,
    sourcePort: below(64) === 0 ? 0 : 1024 + below(60_000),
    port: below(64) === 0 ? 54 : PORT,
    message,
    checksum,
    padding: below(8) === 0 ? below(20) : 0,
    bend: bends ? bend : undefined,
  };
  if (six && !known) parts.source = Buffer.from('fd990000000000000000000000000001', 'hex');
  if (bends || checksum === 'wrong' || parts.sourcePort === 0 || parts.port !== PORT) usual = false;
  // 1 of 65,536 whole sums is what would be left to an interface: that one is passed on.
  const key = `${parts.source.toString('hex')} ${name.toLowerCase()} ${type}`;
  return { parts, usual, key, what: bends ? what : '' };
}

/**
 * Compares `queries` random queries; throws on the first difference. `change`, `silence`: queries between two changes of
 * the view, and between two silences of the server. `seed`: of the queries.
 */
export async function compare({ queries, change = 20_000, silence = 7001, seed = 0x9e3779b9 }) {
  const world = new World();
  await world.open();
  const kernel = new KernelAnswers({ entries: 1 << 15, lease: 1n << 40n });
  const counts = { queries, answered: 0, passed: 0, learned: 0, ambiguous: 0, moves: 0 };
  try {
    kernel.listen(LOOPBACK, SERVER6, PORT, 1);
    kernel.listen(LOOPBACK, SERVER4, PORT, 1);
    const below = random(seed);
    const listener = { id: 1, text: '', address: '::', port: PORT, vpc: '', namespace: '' };
    const out = new Uint8Array(2048);
    let learned = new Set();
    for (let i = 1; i <= queries; i++) {
      if (i % change === 0) {
        await world.move();
        kernel.change();
        learned = new Set();
      }
      const silent = i >= silence && i % silence < SILENT;
      if (i % silence === 0) kernel.beat(process.hrtime.bigint() - (1n << 41n));
      if (i % silence === SILENT) kernel.beat();
      const { parts, usual, key, what } = draw(below);
      const frame = frameOf(parts);
      const peer = {
        address: parts.source,
        port: parts.sourcePort,
        local: parts.destination,
        listener,
        tcp: false,
      };
      const length = world.responder.answer(parts.message, 0, parts.message.length, peer, out, 0);
      const answer = out.subarray(0, Math.max(0, length));
      const result = kernel.run(frame);
      const story = () => `query ${i} (${what || 'headers sound'}), ${frame.toString('hex')}`;
      if (result.verdict === XDP_TX) {
        counts.answered++;
        const wrong = length <= 0 ? 'nothing to answer' : fault(frame, result.frame, answer, parts);
        if (wrong !== undefined) throw new Error(`${story()}: ${wrong}`);
        if (usual === false || silent || (usual === true && !learned.has(key)))
          throw new Error(`${story()}: answered, against the rules`);
        continue;
      }
      if (result.verdict !== XDP_PASS) throw new Error(`${story()}: verdict ${result.verdict}`);
      if (!frame.equals(result.frame)) throw new Error(`${story()}: passed on with a change`);
      counts.passed++;
      if (usual === true && !silent && learned.has(key)) {
        // At most the one sum in 65,536 that fits both ways.
        counts.ambiguous++;
        if (counts.ambiguous > 4 + queries / 4096) throw new Error(`${story()}: not answered, and known`);
      }
      if (parts.port === PORT && length > 0 && kernel.learn(answer, parts.source, 1)) {
        counts.learned++;
        learned.add(key);
      }
    }
    counts.moves = world.moves;
    return { ...counts, reasons: kernel.counters() };
  } finally {
    kernel.close();
    await world.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await compare({ queries: Number(process.argv[2] ?? 1_000_000) }), undefined, 2));
}
