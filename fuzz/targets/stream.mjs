/** The watch stream: lines of JSON in any pieces, through the splitter, the protocol, validation and the reflector. */
import { Readable } from 'node:stream';
import { load } from '../code.mjs';
import { must } from '../fault.mjs';
import { makeChecks } from '../sink.mjs';
import { RECORD_WORDS } from '../words.mjs';

const lines = (...events) => Buffer.from(`${events.map((event) => JSON.stringify(event)).join('\n')}\n`);
const pod = (name, more = {}) => ({ kind: 'pod', vpc: 'red', namespace: 'web', name, ...more });
const state = (...objects) => [
  { type: 'snapshot', revision: '5' },
  ...objects.map((object, i) => ({ type: 'put', revision: String(i + 1), object })),
  { type: 'synced', revision: '5' },
];

/** Pieces of lengths that the input itself gives, so that the same input is always cut alike. */
export function pieces(input) {
  const cut = [];
  for (let at = 0; at < input.length;) {
    const length = 1 + (input[at] % 61);
    cut.push(input.subarray(at, at + length));
    at += length;
  }
  return cut;
}

/** @type {import('../engine.mjs').Target} */
export default {
  name: 'stream',
  about: 'octets of a watch stream; source/watch, source/validate, source/reflector',
  most: 16_384,
  text: true,
  words: RECORD_WORDS,
  seeds: () => [
    lines(
      ...state(
        { kind: 'vpc', name: 'red', net6: ['fdfd:1::/48'] },
        { kind: 'namespace', vpc: 'red', name: 'web' },
        pod('db', { ip6: 'fdfd:1::1', names: ['data.base'] }),
      ),
    ),
    lines(
      ...state(
        pod('a', {
          overlays: [{ overlay: 'o', pinned: true, ip4: '10.0.0.1' }],
          ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
        }),
      ),
      { type: 'bookmark', revision: '6' },
    ),
    lines(
      ...state(pod('a'), pod('b')),
      { type: 'delete', revision: '6', object: pod('a'), more: true },
      { type: 'put', revision: '6', object: pod('c', { ready: false }) },
      { type: 'put', revision: '7', stamp: '9', object: pod('c') },
    ),
    lines(
      ...state(
        { kind: 'service', vpc: 'red', namespace: 'web', name: 's', ip6: 'fdfd:2::1' },
        { kind: 'overlay', vpc: 'red', namespace: 'web', name: 'o', net4: '10.0.0.0/8' },
      ),
    ),
    lines(
      { type: 'put', revision: '1', object: pod('early') },
      ...state(pod('x', { ip6: 'nonsense' })),
      { type: 'what', revision: '8' },
      7,
      ...state(pod('y')),
    ),
    lines(
      ...state({
        kind: 'vpc',
        name: 'v',
        hosts: { 'a.b': ['1.2.3.4'] },
        routes: { corp: ['10.0.0.53'] },
        upstreams: ['10.0.0.1:53'],
      }),
    ),
  ],
  async open() {
    const { watchSource } = await load('source/watch/watch.js');
    const { CheckingSink } = await makeChecks();

    /** The view at the end, as text. */
    async function view(chunks) {
      let fault;
      let sink;
      const ended = new Promise((resolve) => (sink = new CheckingSink(() => resolve(undefined))));
      // What a sink throws would be a matter of the source: here it is the finding.
      const proxy = new Proxy(sink, {
        get: (target, property) => {
          const value = Reflect.get(target, property, target);
          if (typeof value !== 'function') return value;
          return (...parameters) => {
            try {
              return value.apply(target, parameters);
            } catch (error) {
              fault ??= error;
              return undefined;
            }
          };
        },
      });
      const source = watchSource({
        url: '-',
        input: Readable.from(chunks, { objectMode: true }),
        random: () => 0,
      });
      source.start(proxy);
      await ended;
      await source.close();
      if (fault !== undefined) throw fault;
      return JSON.stringify([...sink.visible].sort());
    }

    return {
      async run(input) {
        const whole = await view([input]);
        const cut = await view(pieces(input));
        must(
          whole === cut,
          'pieces change the view',
          () => `${whole.slice(0, 300)} and ${cut.slice(0, 300)}`,
        );
      },
    };
  },
};
