/** Who owns what is claimed twice: a server that lived through it says what one says that starts afterwards. */
import { afterEach, describe, expect, it } from 'vitest';
import { ServerCore } from '../../src/server.ts';
import type { Pod, ResourceKey, Sink, Source, Vpc } from '../../src/model.ts';
import { ask, pod, RESERVE } from '../watch/nodes.ts';

class Said implements Source {
  readonly name: string;
  sink!: Sink;

  constructor(name: string) {
    this.name = name;
  }

  start(sink: Sink): void {
    this.sink = sink;
    sink.state('live');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async put(
    full: boolean,
    revision: string,
    puts: [Pod | Vpc, string, string?][],
    keeps: ResourceKey[] = [],
  ) {
    this.sink.begin(full, revision);
    for (const [resource, own, stamp] of puts) this.sink.put(resource, undefined, own, stamp);
    for (const key of keeps) this.sink.keep!(key);
    await this.sink.commit();
  }
}

const servers: ServerCore[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

async function open(...names: string[]): Promise<{ server: ServerCore; said: Said[] }> {
  const said = names.map((name) => new Said(name));
  const config = { admin: 'off' as const, workers: 0, forward: 'off' as const };
  const server = new ServerCore({ config, sources: said, reserve: RESERVE });
  servers.push(server);
  await server.start();
  return { server, said };
}

const vpc = (name: string, more: Partial<Vpc> = {}): Vpc => {
  return { kind: 'vpc', name, net6: ['fd00::/48'], services6: [], ...more };
};
const whose = async (server: ServerCore): Promise<string | undefined> =>
  /vpc=(\w+)/.exec(await ask(server, '_whoami.vpc.internal', 'fd00::1', 'TXT'))?.[1];

describe('net6 of two VPCs', () => {
  it('is not taken by who waits for an edit of the other', async () => {
    const victim = pod('db', 'fd00::1', { vpc: 'victim' });
    const edited = vpc('victim', { forward: 'off' });
    const { server, said } = await open('etcd:x');
    await said[0]!.put(true, '10', [
      [vpc('victim'), '5', '5'],
      [victim, '6'],
    ]);
    await said[0]!.put(false, '50', [[vpc('mallory'), '50', '50']]);
    await said[0]!.put(false, '100', [[edited, '100', '5']]);
    // etcd lists by name.
    const after = await open('etcd:x');
    await after.said[0]!.put(true, '100', [
      [vpc('mallory'), '50', '50'],
      [victim, '6'],
      [edited, '100', '5'],
    ]);
    expect([await whose(server), await whose(after.server)]).toEqual(['victim', 'victim']);
    expect(after.server.conflicts()).toEqual(server.conflicts());
  });
});

describe('one address of two pods', () => {
  it.each([1000n, 2n ** 48n - 10n, 2n ** 48n, 1_763_900_000_000_000n, 2n ** 53n, 2n ** 63n - 5n])(
    'is that of the newer, near revision %d',
    async (near) => {
      const [lived, late] = [await open('watch:x'), await open('watch:x')];
      const first: [Pod | Vpc, string] = [vpc('v'), '1'];
      const [p1, p2] = [pod('p1', 'fd00::9'), pod('p2', 'fd00::9')];
      const at = (more: bigint): string => String(near + more);
      await lived.said[0]!.put(true, at(0n), [first]);
      await lived.said[0]!.put(false, at(1n), [[p1, at(1n)]]);
      await lived.said[0]!.put(false, at(2n), [[p2, at(2n)]]);
      const owners = async (server: ServerCore): Promise<string> =>
        `${await ask(server, 'p1', 'fd00::9')} ${await ask(server, 'p2', 'fd00::9')}`;
      expect(await owners(lived.server)).toBe('NOERROR NOERROR fd00::9');
      // Written again, unchanged.
      await lived.said[0]!.put(false, at(3n), [[p1, at(3n)]]);
      await late.said[0]!.put(true, at(3n), [first, [p1, at(3n)], [p2, at(2n)]]);
      expect(await owners(lived.server)).toBe('NOERROR fd00::9 NOERROR');
      expect(await owners(late.server)).toBe('NOERROR fd00::9 NOERROR');
      expect(lived.server.conflicts()).toEqual(late.server.conflicts());
    },
  );

  it('that nobody contends for is renewed as well, for who comes later', async () => {
    const { server, said } = await open('watch:x');
    await said[0]!.put(true, '9', [
      [vpc('v'), '1'],
      [pod('p1', 'fd00::9'), '3'],
    ]);
    await said[0]!.put(false, '10', [[pod('p1', 'fd00::9'), '10']]);
    await said[0]!.put(false, '11', [[pod('p2', 'fd00::9'), '5']]);
    expect(await ask(server, 'p1', 'fd00::9')).toBe('NOERROR fd00::9');
  });
});

describe('what is refused in a list', () => {
  it('is served as its source said it last, when the preferred one leaves, and with all prefixes', async () => {
    const { server, said } = await open('watch:a', 'watch:b');
    const [a, b] = said as [Said, Said];
    const two: ResourceKey = { kind: 'vpc', vpc: 'two', namespace: '', name: '' };
    const both = { net6: ['fd00::/48', 'fd02::/48'] };
    await a.put(true, '1', [
      [vpc('one'), '1'],
      [pod('p', 'fd09::a'), '1'],
    ]);
    await b.put(true, '2', [
      [vpc('two', both), '2'],
      [pod('p', 'fd09::b'), '2'],
    ]);
    await b.put(true, '3', [], [two, { kind: 'pod', vpc: 'v', namespace: 'n', name: 'p' }]);
    expect(server.catalog.get(two)).toMatchObject({ net6: ['fd02::/48'] });
    await a.put(true, '4', []);
    expect(server.catalog.get(two)).toMatchObject(both);
    expect([...server.list('pod')]).toMatchObject([{ ip6: 'fd09::b' }]);
  });
});
