/** What an engine has, as podns says it: names, namespaces, overlays, addresses, ports, readiness. */
import { afterEach, expect, test } from 'vitest';
import type { DockerOptions } from '../../../src/source/docker/docker.ts';
import type { ScriptedEngine } from '../../harness/scripted-engine.ts';
import { stage, type Stage } from './docker-harness.ts';

let open: Stage | undefined;
afterEach(async () => {
  expect(open?.sink.violations ?? []).toEqual([]);
  await open?.end();
  open = undefined;
});

async function live(
  setUp: (engine: ScriptedEngine) => void,
  options?: Partial<DockerOptions>,
): Promise<Stage> {
  open = await stage(setUp, options);
  await open.sink.until(() => open!.sink.lastState === 'live');
  return open;
}

function shop(engine: ScriptedEngine): void {
  engine.projectNetwork('shop', 'default', { net4: '10.1.0.0/24', net6: 'fd00:1::/64' });
}

test('a project is a namespace, a service a name, its replicas have names of their own', async () => {
  const { sink } = await live((engine) => {
    shop(engine);
    engine.service('shop', 'web', 1, { exposed: ['80/tcp', '9999/udp'] });
    engine.service('shop', 'web', 2);
    engine.service('shop', 'db', 1, {
      hostname: 'dbhost',
      networks: { shop_default: { fixed4: '10.1.0.77', aliases: ['db', 'database'] } },
    });
  });
  expect(sink.pods()).toEqual(['shop/db-1', 'shop/web-1', 'shop/web-2']);
  const web = sink.pod('shop', 'web-1')!;
  expect(web.names).toContain('web');
  expect(web.names).toContain('shop-web-1');
  expect(web.ports).toEqual([
    { name: 'http', protocol: 'tcp', port: 80 },
    { name: '9999', protocol: 'udp', port: 9999 },
  ]);
  expect(web.overlays).toEqual([{ overlay: 'default', ip4: '10.1.0.2', ip6: 'fd00:1::2', pinned: false }]);
  const db = sink.pod('shop', 'db-1')!;
  expect(db.overlays).toEqual([{ overlay: 'default', ip4: '10.1.0.77', ip6: 'fd00:1::4', pinned: true }]);
  expect(db.names).toEqual(expect.arrayContaining(['db', 'database', 'dbhost', 'shop-db-1']));
  expect(db.ready).toBe(true);
  expect(sink.overlay('shop', 'default')).toMatchObject({
    driver: 'bridge',
    net4: '10.1.0.0/24',
    net6: 'fd00:1::/64',
  });
  expect(sink.visible.get('namespace docker/shop')).toMatchObject({ created: '2026-01-01T00:00:00Z' });
  expect(sink.visible.get('vpc docker')).toMatchObject({ kind: 'vpc', name: 'docker', net6: [] });
});

test('what belongs to no project is in the namespace default, under the name of the container', async () => {
  const { sink } = await live((engine) => {
    engine.network('bridge', { net4: '172.17.0.0/24' });
    engine.network('host', { driver: 'host' });
    engine.network('none', { driver: 'null' });
    engine.network('My.Net', { net4: '10.9.0.0/24', internal: true });
    engine.run({ name: 'lone', networks: { bridge: {}, 'My.Net': {} } });
    engine.run({ name: 'hosty', mode: 'host', hostname: 'the-host', networks: { host: {} } });
    engine.create({ name: 'never', networks: { bridge: { aliases: ['soon'] } } });
  });
  expect(sink.pods()).toEqual(['default/hosty', 'default/lone', 'default/never']);
  expect(sink.pod('default', 'lone')!.overlays.map(({ overlay }) => overlay)).toEqual(['bridge', 'my-net']);
  expect(sink.overlay('default', 'my-net')!.internal).toBe(true);
  expect(sink.pod('default', 'hosty')).toMatchObject({ overlays: [], ready: true });
  expect(sink.pod('default', 'hosty')!.names).not.toContain('the-host');
  expect(sink.pod('default', 'never')).toMatchObject({
    overlays: [{ overlay: 'bridge', pinned: false }],
    ready: false,
  });
  expect(sink.pod('default', 'never')!.names).toContain('soon');
  expect(sink.visible.get('namespace docker/default')).toBeUndefined();
  expect([...sink.visible.keys()].filter((key) => key.startsWith('overlay'))).toEqual([
    'overlay docker/default/bridge',
    'overlay docker/default/my-net',
  ]);
});

test('two projects have equal service names, and nothing in common', async () => {
  const { sink } = await live((engine) => {
    shop(engine);
    engine.projectNetwork('blog', 'default', { net4: '10.2.0.0/24' });
    engine.service('shop', 'db');
    engine.service('blog', 'db');
  });
  expect(sink.addresses('shop', 'db-1')).toEqual(['10.1.0.2', 'fd00:1::2']);
  expect(sink.addresses('blog', 'db-1')).toEqual(['10.2.0.2']);
});

test('container_name gives a pod its name; a container of `compose run` has no other, and a hook none at all', async () => {
  const { sink } = await live((engine) => {
    shop(engine);
    const labels = { 'com.docker.compose.oneoff': 'True' };
    engine.service('shop', 'db', 1, { name: 'postgres' });
    engine.service('shop', 'job', 1, { name: 'shop-job-run-1a2b', labels, networks: { shop_default: {} } });
    engine.service('shop', 'late', 1, { labels: { 'com.docker.compose.hook': 'post_start' } });
  });
  expect(sink.pods()).toEqual(['shop/postgres', 'shop/shop-job-run-1a2b']);
  expect(sink.pod('shop', 'postgres')!.names).toContain('db');
  expect(sink.pod('shop', 'shop-job-run-1a2b')!.names).not.toContain('job');
});

test('labels override what the engine says; one that cannot be read refuses that container alone', async () => {
  const { sink, engine } = await live((engine) => {
    engine.network('bridge', { net4: '172.17.0.0/24' });
    const run = (name: string, labels: Record<string, string>): void =>
      void engine.run({ name, networks: { bridge: {} }, exposed: ['80/tcp'], labels });
    run('a', { 'podns.name': 'api', 'podns.names': 'v1, V2', 'podns.ports': 'web=80/tcp,grpc=9000' });
    run('b', { 'podns.ignore': 'true' });
    run('c', { 'podns.vpc': 'other' });
    run('d', { 'podns.names': 'good,not good' });
    run('e', { 'podns.ports': 'http=80/quic' });
    run('f', { 'podns.nmae': 'x' });
  });
  expect(sink.pods()).toEqual(['default/api', 'default/c']);
  expect(sink.pod('default', 'api')).toMatchObject({
    names: ['v1', 'v2'],
    ports: [
      { name: 'web', protocol: 'tcp', port: 80 },
      { name: 'grpc', protocol: 'tcp', port: 9000 },
    ],
  });
  expect(sink.visible.get('pod other/default/c')).toBeDefined();
  const texts = [...sink.standing.values()].flat().map(({ place, reason }) => `${place?.text}: ${reason}`);
  expect(texts).toHaveLength(3);
  expect(texts[0]).toBe(
    'docker container d: label podns.names: "not good": " " is not allowed, only letters, digits, - and _; write names with commas between',
  );
  expect(texts[1]).toBe(
    'docker container e: label podns.ports: "http=80/quic" is not a port; write http=8080/tcp, with commas between',
  );
  expect(texts[2]).toMatch(
    /^docker container f: label podns.nmae: podns knows no such label; its labels are /,
  );
  for (const name of ['d', 'e', 'f']) engine.remove(engine.called(name));
  await sink.until(() => sink.standing.size === 0);
});

test('readiness comes from state and health', async () => {
  const { sink, engine } = await live((engine) => {
    engine.network('bridge', { net4: '172.17.0.0/24' });
    engine.run({ name: 'a', networks: { bridge: {} }, health: 'starting' });
  });
  const a = engine.called('a');
  expect(sink.pod('default', 'a')!.ready).toBe(false);
  engine.setHealth(a, 'healthy');
  await sink.until(() => sink.pod('default', 'a')!.ready);
  engine.setHealth(a, 'unhealthy');
  await sink.until(() => !sink.pod('default', 'a')!.ready);
  engine.setHealth(a, 'healthy');
  await sink.until(() => sink.pod('default', 'a')!.ready);
  engine.setStatus(a, 'paused', 'pause');
  await sink.until(() => !sink.pod('default', 'a')!.ready);
  expect(sink.addresses('default', 'a')).toEqual(['172.17.0.2']);
  engine.setStatus(a, 'restarting', 'die');
  await sink.until(() => sink.addresses('default', 'a')!.length === 0);
});

test('the IPv6 addresses of a configured network are those of the VPC', async () => {
  const { sink } = await live(
    (engine) => {
      engine.network('six', { net6: 'fd00:6::/64' });
      engine.network('other', { net6: 'fd00:7::/64', net4: '10.7.0.0/24' });
      engine.run({ name: 'a', networks: { six: {}, other: {} } });
    },
    { network: 'six', vpc: 'docker' },
  );
  expect(sink.visible.get('vpc docker')).toMatchObject({ net6: ['fd00:6::/64'] });
  expect(sink.pod('default', 'a')).toMatchObject({
    ip6: 'fd00:6::2',
    overlays: [
      { overlay: 'six', pinned: false },
      { overlay: 'other', ip4: '10.7.0.2', ip6: 'fd00:7::2' },
    ],
  });
});

test('an engine that may name certain VPCs says so, and a label with another one refuses that container alone', async () => {
  const { sink, engine, source } = await live(
    (engine) => {
      engine.network('bridge', { net4: '172.17.0.0/24' });
      for (const vpc of ['docker', 'other', 'foreign'])
        engine.run({ name: `of-${vpc}`, networks: { bridge: {} }, labels: { 'podns.vpc': vpc } });
    },
    { vpcs: ['other'] },
  );
  expect(source.vpcs).toEqual(['docker', 'other']);
  const pods = [...sink.visible.keys()].filter((key) => key.startsWith('pod')).sort();
  expect(pods).toEqual(['pod docker/default/of-docker', 'pod other/default/of-other']);
  const scope = `docker container ${engine.called('of-foreign').id.slice(0, 12)}`;
  expect(sink.standing.get(scope)?.map(({ reason }) => reason)).toEqual([
    'label podns.vpc: containers of this engine are of docker, other; add foreign to its vpcs',
  ]);
});

test('who shares the network of a container has its addresses by name, and no pod of its own', async () => {
  const { sink, engine } = await live((engine) => {
    engine.network('bridge', { net4: '172.17.0.0/24' });
    const vpn = engine.run({ name: 'vpn', networks: { bridge: {} } });
    const side = engine.run({ name: 'side', mode: `container:${vpn.id}`, exposed: ['80/tcp'] });
    engine.run({ name: 'third', mode: `container:${side.id}` });
  });
  expect(sink.pods()).toEqual(['default/vpn']);
  const vpn = sink.pod('default', 'vpn')!;
  expect(vpn.names).toEqual(expect.arrayContaining(['side', 'third']));
  expect(vpn.ports).toEqual([{ name: 'http', protocol: 'tcp', port: 80 }]);
  engine.remove(engine.called('vpn'));
  await sink.until(() => sink.pods().join() === 'default/side,default/third');
  expect(sink.addresses('default', 'side')).toEqual([]);
});

test('containers that share networks in a circle are no trouble', async () => {
  const { sink } = await live((engine) => {
    const a = engine.run({ name: 'a' });
    const b = engine.run({ name: 'b', mode: `container:${a.id}` });
    a.mode = `container:${b.id}`;
    const own = engine.run({ name: 'own' });
    own.mode = `container:${own.id}`;
  });
  expect(sink.pods()).toEqual(['default/a', 'default/b', 'default/own']);
});

test('of two containers with one name the older is called so, and the other bears the name', async () => {
  const { sink, engine } = await live((engine) => {
    engine.network('bridge', { net4: '172.17.0.0/24' });
    const labels = { 'podns.name': 'api' };
    engine.run({ name: 'a', networks: { bridge: {} }, labels });
    engine.run({ name: 'b', networks: { bridge: {} }, labels });
  });
  const short = engine.called('b').id.slice(0, 12);
  expect(sink.pods()).toEqual([`default/${short}`, 'default/api'].sort());
  expect(sink.pod('default', short)!.names).toContain('api');
  engine.remove(engine.called('a'));
  await sink.until(() => sink.pods().join() === 'default/api');
  expect(sink.addresses('default', 'api')).toEqual(['172.17.0.3']);
});

test('the host is told of at its addresses on bridges, also those that only containers say', async () => {
  const told: string[][] = [];
  const { engine, sink } = await live(
    (engine) => {
      engine.network('bridge', { net4: '172.17.0.0/24', gateways: ['172.17.0.1'] });
      engine.network('apart', {
        net4: '10.3.0.0/24',
        gateways: ['10.3.0.1'],
        options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' },
      });
      engine.network('far', {
        driver: 'overlay',
        scope: 'swarm',
        net4: '10.4.0.0/24',
        gateways: ['10.4.0.1'],
      });
    },
    { onGateways: (gateways) => void told.push([...gateways]) },
  );
  expect(told).toEqual([['172.17.0.1']]);
  engine.network('new', { net6: 'fd00:5::/64', gateways: ['fd00:5::1'] });
  await sink.until(() => sink.overlay('default', 'new') !== undefined);
  expect(told.at(-1)).toEqual(['172.17.0.1', 'fd00:5::1']);
  engine.network('shy', { net4: '', gateways: ['10.6.0.1'] });
  engine.run({ name: 'a', networks: { shy: {} } });
  await sink.until(() => told.at(-1)!.includes('10.6.0.1'));
  engine.remove(engine.called('a'));
  await sink.until(() => sink.pods().length === 0);
  expect(told.at(-1)).toContain('10.6.0.1');
  engine.removeNetwork('shy');
  await sink.until(() => !told.at(-1)!.includes('10.6.0.1'));
});

test('a manager of a swarm says the virtual addresses of services', async () => {
  const { sink } = await live((engine) => {
    const net = engine.network('s_front', {
      driver: 'overlay',
      scope: 'swarm',
      net4: '10.8.0.0/24',
      labels: { 'com.docker.stack.namespace': 's' },
    });
    engine.network('ingress', { driver: 'overlay', scope: 'swarm', net4: '10.0.0.0/24' });
    const labels = { 'com.docker.stack.namespace': 's' };
    engine.services = [
      {
        ID: 'abc',
        Spec: { Name: 's_web', Labels: labels },
        Endpoint: {
          Ports: [{ Protocol: 'tcp', TargetPort: 80 }],
          VirtualIPs: [{ NetworkID: net.id, Addr: '10.8.0.200/24' }],
        },
      },
    ];
    engine.run({
      name: 's_web.1.xyz',
      networks: { s_front: { fixed4: '10.8.0.9' } },
      labels: { ...labels, 'com.docker.swarm.service.name': 's_web' },
    });
  });
  expect(sink.overlay('s', 'front')).toMatchObject({ driver: 'overlay', net4: '10.8.0.0/24' });
  expect(sink.overlay('default', 'ingress')).toBeUndefined();
  expect(sink.pod('s', 'web')).toMatchObject({
    names: ['s_web'],
    overlays: [{ overlay: 'front', ip4: '10.8.0.200', pinned: false }],
    ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
  });
  const task = sink.pod('s', 's_web.1.xyz')!;
  expect(task.names).toContain('tasks.web');
  expect(task.names).not.toContain('web');
  expect(task.overlays).toEqual([{ overlay: 'front', ip4: '10.8.0.9', pinned: false }]);
});

test("podman's words: names of networks for ids, removes, and connects that name the container", async () => {
  const { sink, engine } = await live((engine) => {
    engine.podman = true;
    engine.server = 'Libpod/4.3.1 (linux)';
    engine.network('podman', { net4: '10.88.0.0/24' });
    engine.run({ name: 'a', networks: { podman: { aliases: ['x'] } } });
  });
  expect(sink.pod('default', 'a')).toMatchObject({ overlays: [{ overlay: 'podman', ip4: '10.88.0.2' }] });
  expect(sink.pod('default', 'a')!.names).toContain('x');
  const a = engine.called('a');
  engine.network('more', { net4: '10.89.0.0/24' });
  engine.connect(a, 'more');
  await sink.until(() => sink.addresses('default', 'a')!.length === 2);
  engine.setHealth(a, 'unhealthy');
  await sink.until(() => !sink.pod('default', 'a')!.ready);
  engine.remove(a);
  await sink.until(() => sink.pods().length === 0);
  engine.removeNetwork('more');
  await sink.until(() => sink.overlay('default', 'more') === undefined);
});
