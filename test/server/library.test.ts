/** The library's face: changes that wait for each other, and the checks of what it is given. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Changes } from '../../src/index.ts';
import { ServerCore } from '../../src/server.ts';
import { ConfigError, completeConfig, loadConfig } from '../../src/config.ts';
import { defaults } from '../../src/config/table.ts';
import { encodeQuery } from '../harness/build.ts';
import { parseWire } from '../harness/wire.ts';
import { ask, CLIENT, pod, RESERVE, VPC } from '../watch/nodes.ts';

const servers: ServerCore[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

function start(config: object = {}): ServerCore {
  const server = new ServerCore({ config: { workers: 0, ...config }, reserve: RESERVE });
  servers.push(server);
  return server;
}

const many = Array.from({ length: 5000 }, (_, i) => pod(`p${i}`, `fd00::1:${(i + 1).toString(16)}`));

describe('changes', () => {
  it('wait for the one that is under way, also the first, and become answerable in order', async () => {
    const server = start();
    const done: number[] = [];
    await Promise.all(
      [
        server.apply({ put: [VPC, CLIENT, ...many] }),
        server.apply({ put: [pod('other', 'fd00::2')] }),
        server.apply({
          put: [pod('other', 'fd00::3')],
          delete: [{ kind: 'pod', vpc: 'v', namespace: 'n', name: 'p7' }],
        }),
      ].map((each, i) => each.then(() => done.push(i))),
    );
    expect(done).toEqual([0, 1, 2]);
    expect(await ask(server, 'other')).toBe('NOERROR fd00::3');
    expect(await ask(server, 'p7')).toBe('NXDOMAIN');
    expect(await ask(server, 'p4999')).toBe('NOERROR fd00::1:1388');
  });

  it('that fail fail alone', async () => {
    const server = start();
    const outcomes = await Promise.allSettled([
      server.apply({ put: [VPC, CLIENT] }),
      server.apply({ put: [pod('db', 'nonsense')] }),
      server.apply({ put: [pod('db', 'fd00::2')] }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await ask(server, 'db')).toBe('NOERROR fd00::2');
  });

  it('delete by either name of a key, or by the resource', async () => {
    const server = start();
    const namespace = { kind: 'namespace', vpc: 'v', name: 'm' };
    await server.apply({ put: [VPC, CLIENT, namespace, pod('db', 'fd00::2'), { ...namespace, name: 'o' }] });
    await server.apply({
      delete: [
        namespace,
        { kind: 'namespace', vpc: 'v', namespace: 'o', name: '' },
        pod('db', 'fd00::2'),
        { kind: 'vpc', vpc: 'v', namespace: '', name: '' },
      ],
    });
    expect(server.catalog.count('namespace')).toBe(0);
    expect(server.catalog.count('vpc')).toBe(0);
    expect([...server.list('pod')].map(({ name }) => name)).toEqual(['client']);
  });

  it.each<[string, unknown, string[]]>([
    ['no kind', { delete: [{}] }, ['delete[0]: kind: is missing']],
    ['a word too few', { delete: [{ kind: 'pod', vpc: 'v', name: 'x' }] }, ['delete[0]: namespace: ']],
    ['no object', { delete: ['pod v/n/x'] }, ['delete[0]: must be an object with a kind']],
    ['no list', { delete: pod('x', 'fd00::1') }, ['delete: a list is expected']],
    [
      'another word',
      { remove: [], puts: [] },
      ['remove: unknown key', 'puts: unknown key (did you mean "put"?)'],
    ],
    ['other types', { full: 1, revision: 7 }, ['full: true or false', 'revision: text is expected']],
    [
      'several at once',
      { put: [pod('a', 'fd00::1'), { kind: 'pod' }], delete: [{ kind: 'dop' }] },
      ['put[1]: vpc: ', 'delete[0]: kind: "dop" must be one of'],
    ],
    ['nothing', null, ['changes: an object is expected']],
  ])('with %s are refused, and nothing of them is done', async (_, changes, reasons) => {
    const server = start();
    const refused = await server.apply(changes as Changes).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TypeError);
    for (const reason of reasons) expect((refused as Error).message).toContain(reason);
    expect(server.catalog.count('pod')).toBe(0);
  });
});

describe('what is read in the middle of a change', () => {
  it('is what was before it: counts, lists, inventories', async () => {
    const server = start();
    await server.apply({ put: [VPC, CLIENT] });
    const changing = server.apply({ put: [...many, { ...pod('q', 'fd00::9'), namespace: 'later' }] });
    let busy = 0;
    let over = false;
    void changing.then(() => (over = true));
    while (!over) {
      await new Promise(setImmediate);
      if (over || !server.catalog.busy) continue;
      busy++;
      expect([...server.list('pod')]).toHaveLength(1);
      expect(server.catalog.count('pod')).toBe(1);
      if (busy === 1) {
        const query = encodeQuery({ name: '_namespaces.vpc.internal', type: 'TXT' });
        const answer = await server.answer(query, { address: 'fd00::1', tcp: true });
        expect(parseWire(answer!).answer.map(({ text }) => text)).toEqual(['"n"']);
      }
    }
    expect(busy).toBeGreaterThan(0);
    expect([...server.list('pod')]).toHaveLength(5002);
  });

  it('nor is what a source has only begun to say', async () => {
    const server = start();
    await server.apply({ put: [VPC, CLIENT] });
    const sink = server.feed.sink('slow');
    sink.begin(false, '1');
    sink.put({ ...pod('q', 'fd00::9'), namespace: 'secret' });
    const query = encodeQuery({ name: '_namespaces.vpc.internal', type: 'TXT' });
    const answer = await server.answer(query, { address: 'fd00::1', tcp: true });
    expect(parseWire(answer!).answer.map(({ text }) => text)).toEqual(['"n"']);
    expect([...server.catalog.scopes()].map(({ namespace }) => namespace).sort()).toEqual(['', 'n']);
    sink.rollback();
  });
});

describe('the configuration', () => {
  it.each<[object, string[]]>([
    [{ stale_after: 1 }, ['config.stale_after: unknown key (did you mean "staleAfter"?)']],
    [{ lisen: [] }, ['config.lisen: unknown key (did you mean "listen"?)']],
    [{ ttl: 'soon', workers: 1000 }, ['config.ttl: ', 'config.workers: a whole number from 0 to 64']],
    [{ clients: [{ from: '10.0.0.0/8', vcp: 'aep' }] }, ['config.clients.0']],
    [{ suffixes: ['vpc.internal'] }, ['config.suffixes: vpc.internal is already the canonical suffix']],
    [{ admin: '0.0.0.0:9153' }, ['config.admin: ', 'set admin_token']],
  ])('%j is refused', (config, reasons) => {
    let thrown: unknown;
    try {
      new ServerCore({ config, reserve: RESERVE });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConfigError);
    for (const reason of reasons) expect((thrown as Error).message).toContain(reason);
  });

  it('may be written as in a file, and as it comes out', () => {
    const given = {
      listen: '127.0.0.1:5300@aep/web,[fe80::1%lo]:53',
      staleAfter: '30s',
      cacheSize: '1MiB',
      suffixes: ['cluster.local', { name: 'flat', flat: true }],
      clients: [{ from: '10.0.0.0/8', vpc: 'AEP' }],
      forward: ['corp.example'],
      upstreams: ['10.0.0.53'],
      state: undefined,
      zones: ['zones'],
      kraud: [{ url: 'http://example/x', vpc: 'k' }],
    };
    const config = completeConfig(given);
    expect(config).toMatchObject({ staleAfter: 30_000, cacheSize: 1 << 20, state: '' });
    expect(config.listen[0]).toMatchObject({ text: '127.0.0.1:5300@aep/web', vpc: 'aep', namespace: 'web' });
    expect(completeConfig(config)).toEqual(config);
    expect(completeConfig()).toEqual(defaults());
    expect(completeConfig(loadConfig({ folder: '/nowhere' }).config)).toEqual(defaults());
  });
});
