/** Answers of etcd's gateway: a watch and a range, in any pieces, to events of the reflector. */
import { load } from '../code.mjs';
import { must } from '../fault.mjs';
import { makeChecks } from '../sink.mjs';
import { RECORD_WORDS } from '../words.mjs';
import { pieces } from './stream.mjs';

const base64 = (value) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');
const header = { cluster_id: '1', member_id: '2', revision: '9', raft_term: '3' };
const kv = (key, value, revision = '7') => ({
  key: base64(`/podns/${key}`),
  value: base64(value),
  create_revision: '3',
  mod_revision: revision,
  version: '1',
});
const watch = (...answers) =>
  Buffer.from(answers.map((result) => `${JSON.stringify({ result: { header, ...result } })}\n`).join(''));
const range = (...kvs) => Buffer.from(JSON.stringify({ header, kvs, count: String(kvs.length) }));
const PREFIX = '/podns/';
const NAMING = { prefix: PREFIX, zone: undefined };
const words = [
  '"kvs"',
  '"events"',
  '"result"',
  '"header"',
  '"kv"',
  '"key"',
  '"value"',
  '"mod_revision"',
  '"PUT"',
  '"DELETE"',
  '"error"',
  '"canceled"',
  '"compact_revision"',
  '"fragment"',
  '"code"',
];

/** @type {import('../engine.mjs').Target} */
export default {
  name: 'etcd',
  about: 'the body of a range or a watch; source/etcd/pieces, events, keys, source/watch/json-cutter',
  most: 16_384,
  text: true,
  words: [
    ...RECORD_WORDS,
    ...words.map((word) => Buffer.from(word)),
    ...['red/pod/web/a', 'red/vpc', 'red/overlay/web/o'].map((key) => Buffer.from(base64(PREFIX + key))),
  ],
  seeds: () => [
    range(
      kv('red/vpc', { net6: ['fdfd:1::/48'] }),
      kv('red/namespace/web', {}),
      kv('red/pod/web/db', { ip6: 'fdfd:1::1', names: ['x'] }),
    ),
    range(kv('red/pod/web/a', '{'), kv('RED/vpc', {}), kv('other', {})),
    watch(
      { created: true },
      {
        events: [
          { kv: kv('red/pod/web/a', { ip6: 'fdfd:1::2' }) },
          { type: 'DELETE', kv: { key: base64('/podns/red/pod/web/b'), mod_revision: '8' } },
        ],
      },
    ),
    watch(
      { fragment: true, events: [{ type: 'PUT', kv: kv('red/service/web/s', { ip6: 'fdfd:2::1' }) }] },
      { events: [{ kv: kv('red/overlay/web/o', { net4: '10.0.0.0/8' }) }] },
    ),
    watch({ canceled: true, compact_revision: '5' }),
    Buffer.from(
      '{"error":{"grpc_code":11,"http_code":400,"message":"etcdserver: mvcc: required revision has been compacted"}}\n',
    ),
  ],
  async open() {
    const { WatchLines, readRange } = await load('source/etcd/pieces.js');
    const { TooLargeError } = await load('source/etcd/client.js');
    const { putEvent, changeEvent, failWatch } = await load('source/etcd/events.js');
    const { etcdKeyOf } = await load('source/etcd/keys.js');
    const { StreamError } = await load('source/reflector/dialect.js');
    const { checkResource, keyOf } = await makeChecks();

    /** What comes of it as text: the result, or the reason of a failure that the source expects. */
    async function outcome(work) {
      try {
        return JSON.stringify(await work());
      } catch (error) {
        if (!(error instanceof StreamError) && !(error instanceof TooLargeError)) throw error;
        return `${/** @type {Error} */ (error).constructor.name}: ${/** @type {Error} */ (error).message}`;
      }
    }

    function checkEvent(event, key) {
      must(['put', 'delete', 'refused'].includes(event.type), 'an event of another type', event.type);
      if (event.type !== 'put') return event;
      checkResource(event.resource);
      const text = Buffer.from(key, 'base64').toString('utf8');
      must(
        etcdKeyOf(PREFIX, keyOf(event.resource)) === text,
        'a resource below another key',
        () => `${text}: ${JSON.stringify(event.resource)}`,
      );
      return event;
    }

    const list = (chunks) =>
      outcome(async () => {
        async function* body() {
          yield* chunks;
        }
        const { kvs } = await readRange(body(), 'etcd');
        return kvs.map((one) => checkEvent(putEvent(one, NAMING, false), one.key));
      });

    const follow = (chunks) =>
      outcome(() => {
        const reader = new WatchLines();
        const events = [];
        for (const chunk of chunks) {
          for (const answer of reader.push(chunk)) {
            if (answer === undefined) continue;
            const { result, error } = answer.line;
            if (error !== undefined || result?.canceled === true) failWatch(answer.line);
            for (const event of answer.events)
              events.push(checkEvent(changeEvent(event, NAMING, false), event.kv.key));
          }
        }
        return events;
      });

    return {
      async run(input) {
        const cut = pieces(input);
        for (const read of [list, follow]) {
          const whole = await read([input]);
          must(whole === (await read(cut)), 'pieces change the result', whole.slice(0, 300));
        }
      },
    };
  },
};
