/** What a user of the library may write, and what the compiler refuses: compiled by a test, against `dist`. */
import { once } from 'node:events';
import {
  ConfigError,
  createServer,
  etcdSources,
  keyOf,
  problemText,
  validateResource,
  watchSource,
  zones,
  type BoundListener,
  type Change,
  type Changes,
  type Config,
  type Pod,
  type PodnsServer,
  type Resource,
  type ResourceKey,
  type ServerOptions,
  type ServerStatus,
  type Sink,
  type Source,
} from 'podns';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Refuses<Method extends keyof PodnsServer> = Method;
function same<A, B>(_: Equal<A, B>): void {}

export async function use(): Promise<void> {
  const options: ServerOptions = {
    config: {
      ttl: 5,
      workers: 0,
      forward: ['corp.example'],
      clients: [{ from: '10.0.0.0/8', vpc: 'aep', namespace: '' }],
    },
    sources: [zones('zones', { quiet: 10 }), ...etcdSources({ endpoints: ['http://127.0.0.1:2379'] })],
    logger: console,
  };
  const server: PodnsServer = createServer(options);
  await server.start();
  const listener: BoundListener = await server.listen('127.0.0.1:0@aep/shop');
  same<typeof listener.port, number>(true);
  const answer = await server.answer(new Uint8Array(12), { address: '192.0.2.1', scope: 'aep', tcp: true });
  same<typeof answer, Uint8Array | undefined>(true);
  const status: ServerStatus = server.status();
  same<typeof status.counts.pod, number>(true);
  server.on('change', (change) => {
    same<typeof change, Change>(true);
    const key: ResourceKey = change.type === 'put' ? keyOf(change.resource) : change.key;
    return key.vpc;
  });
  server.on('problem', (source, problem) => `${source}: ${problemText(problem)}`);
  await once(server, 'ready');
  await server.close(100);
}

/** A source of one's own. */
export class Own implements Source {
  readonly name = 'own';
  start(sink: Sink): void {
    const { resource, issues } = validateResource({ kind: 'vpc', name: 'aep' }, { unknownKeys: 'error' });
    if (resource === undefined) throw new Error(issues[0]?.reason);
    same<typeof resource, Resource>(true);
    sink.begin(true, '1');
    sink.put(resource);
    void sink.commit();
  }
  async close(): Promise<void> {}
}

export function refused(server: PodnsServer, pod: Pod): void {
  // @ts-expect-error: an unknown setting.
  createServer({ config: { lisen: [] } });
  // @ts-expect-error: a setting of another type.
  createServer({ config: { ttl: 'soon' } });
  // @ts-expect-error: a seam of the tests.
  createServer({ wallClock: () => 0 });
  // @ts-expect-error: a seam of the tests.
  watchSource({ url: '-', random: () => 0 });
  // @ts-expect-error: a stream has a URL.
  watchSource({});
  // @ts-expect-error: who asks has an address.
  void server.answer(new Uint8Array(12), { scope: 'aep' });
  // @ts-expect-error: a change is not a list.
  void server.apply([pod]);
  // @ts-expect-error: no such event.
  server.on('changed', () => undefined);
  // @ts-expect-error: what is inside is not shown.
  type Inside = Refuses<'catalog' | 'feed' | 'memory' | 'outside' | 'settings' | 'subscribers'>;
  const status = server.status();
  // @ts-expect-error: not what users count by.
  void status.sources[0]?.lostAt;
  same<keyof Changes, 'put' | 'delete' | 'full' | 'revision'>(true);
  same<Config['workers'], number>(true);
  same<InstanceType<typeof ConfigError>['usage'], boolean>(true);
  void (0 as unknown as Inside);
}
