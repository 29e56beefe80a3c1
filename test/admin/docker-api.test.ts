/** The Docker Engine API over HTTP: versions, errors, what one VPC is shown, ids that are not unique, slow readers. */
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Overlay, Pod, Resource } from '../../src/model.ts';
import { networks } from '../../src/admin/docker/networks.ts';
import { containerList, networkDetails, networkList } from '../../src/admin/docker/lists.ts';
import { parseFilters } from '../../src/admin/docker/filters.ts';
import { eachPaced, type DockerView } from '../../src/admin/docker/view.ts';
import { eventually, pod } from '../watch/nodes.ts';
import { DockerNode } from './docker-harness.ts';

let node: DockerNode | undefined;
afterEach(async () => {
  await node?.close();
  node = undefined;
});

const at = (overlay: string, ip4: string, pinned = true) => ({ overlay, ip4, pinned });

const OVERLAY: Overlay = {
  kind: 'overlay',
  vpc: 'v',
  namespace: 'n',
  name: 'front',
  aid: 'vfront',
  driver: 'vxlan',
  net4: '10.0.0.0/24',
  internal: true,
};

async function start(...put: Resource[]): Promise<DockerNode> {
  node = await new DockerNode().start(...put);
  return node;
}

interface Message {
  message: string;
}

describe('versions', () => {
  it('are told with every answer', async () => {
    await start(OVERLAY);
    for (const [path, status] of [
      ['/_ping', 200],
      ['/v1.41/networks', 200],
      ['/vpc/nosuch/_ping', 200],
      ['/v1.41/nosuch', 404],
      ['/vpc/nosuch/v1.41/networks', 404],
    ] as const) {
      const response = await fetch(`http://${node!.address}${path}`);
      expect([path, response.status]).toEqual([path, status]);
      expect(response.headers.get('api-version')).toBe('1.51');
      expect(response.headers.get('ostype')).toBe('linux');
      expect(response.headers.get('server')).toBe('podns/1.2.3 (linux)');
    }
    const head = await fetch(`http://${node!.address}/_ping`, { method: 'HEAD' });
    expect(head.headers.get('api-version')).toBe('1.51');
    expect(await (await fetch(`http://${node!.address}/_ping`)).text()).toBe('OK');
  });

  it.each([
    ['/v1.24/networks', 200, undefined],
    ['/v1.51/networks', 200, undefined],
    ['/v1.52/networks', 400, 'client version 1.52 is too new. Maximum supported API version is 1.51'],
    ['/vpc/v/v2.0/_ping', 400, 'client version 2.0 is too new. Maximum supported API version is 1.51'],
    [
      '/v1.23/networks',
      400,
      'client version 1.23 is too old. Minimum supported API version is 1.24, ' +
        'please upgrade your client to a newer version',
    ],
  ])('%s: %i', async (path, status, message) => {
    await start(pod('a', 'fd00::1'));
    const answer = await node!.get<Message>(path);
    expect(answer.status).toBe(status);
    expect(answer.body.message).toBe(message);
  });
});

describe('what there is not', () => {
  it.each([
    ['GET', '/v1.41/nosuch', 404, 'page not found'],
    ['GET', '/v1.41/', 404, 'page not found'],
    ['GET', '/vpc/v', 404, 'page not found'],
    ['POST', '/v1.41/nosuch', 404, 'page not found'],
    ['PUT', '/v1.41/networks', 501, 'podns is read-only'],
    ['POST', '/networks/create', 501, 'podns is read-only'],
    ['POST', '/v1.41/containers/n/a/kill', 501, 'podns is read-only'],
    ['DELETE', '/vpc/v/v1.41/networks/n/front', 501, 'podns is read-only'],
    ['GET', '/v1.41/containers/n/a/logs', 501, 'not their logs'],
    ['GET', '/v1.41/images/alpine/json', 404, 'No such image: alpine'],
    ['GET', '/v1.41/volumes/data', 404, 'get data: no such volume'],
    ['GET', '/v1.41/plugins/x/json', 404, 'plugin "x" not found'],
    ['GET', '/v1.41/tasks/x', 503, 'This node is not a swarm manager.'],
    ['GET', '/v1.41/networks?filters=%7B', 400, 'invalid filters'],
    ['GET', '/v1.41/containers/json?limit=x', 400, 'invalid syntax'],
    ['GET', '/v1.41/containers/json?filters={"before":{"a":true}}', 400, 'which pod came first'],
    [
      'GET',
      '/v1.41/containers/json?filters={"health":{"ill":true}}',
      400,
      'Unrecognised filter value for health',
    ],
    [
      'GET',
      `/v1.41/networks?filters={"name":[${'"x{400}",'.repeat(2)}"a"]}`,
      400,
      'the filters are too large',
    ],
    ['GET', `/v1.41/networks?filters={"id":[${'"x",'.repeat(100)}"a"]}`, 400, 'too many filters'],
    ['GET', '/v1.41/networks/n/front?scope=local', 404, 'network n/front not found'],
    ['GET', '/v1.41/networks/%2F', 404, 'not found'],
    ['GET', '/v1.41/containers/n/json', 404, 'No such container: n'],
  ])('%s %s: %i', async (method, path, status, message) => {
    await start(OVERLAY, pod('a', 'fd00::1'));
    const body = method === 'GET' ? {} : { body: '{', headers: { 'content-type': 'application/json' } };
    const answer = await node!.get<Message>(path, { method, ...body });
    expect(answer).toMatchObject({ status, body: { message: expect.stringContaining(message) as string } });
  });

  it('is the same to a client that sends what is no JSON, or too much', async () => {
    await start();
    const body = new Uint8Array(200_000);
    const headers = { 'content-type': 'application/x-tar' };
    const answer = await node!.get<Message>('/v1.41/build', { method: 'POST', body, headers });
    expect(answer.status).toBe(501);
  });

  it('leaves the other paths of the admin listener alone', async () => {
    await start();
    const answer = await fetch(`http://${node!.address}/v1/nosuch`);
    expect([answer.status, await answer.text()]).toEqual([404, 'not found\n']);
    expect((await fetch(`http://${node!.address}/healthz`)).status).toBe(200);
  });
});

describe('networks', () => {
  it('are also those that pods only name, with their default ids', async () => {
    await start(
      OVERLAY,
      pod('a', 'fd00::1', { overlays: [at('front', '10.0.0.2'), at('back', '10.9.0.2', false)] }),
      pod('b', 'fd00::2', { overlays: [at('back', '10.9.0.3')] }),
      { ...pod('c', 'fd01::1', { overlays: [at('back', '10.9.0.2')] }), vpc: 'w' },
    );
    const { body } = await node!.get<{ Name: string; Id: string; Driver: string }[]>('/networks');
    expect(body.map(({ Name, Id, Driver }) => `${Name} ${Id} ${Driver}`)).toEqual([
      'n/front vfront vxlan',
      'n/back v8cb325441f ipip',
      'n/back v050422eefb ipip',
    ]);
    expect((await node!.get<object[]>('/vpc/v/networks')).body).toHaveLength(2);
    const back = await node!.get<{ Containers: object; IPAM: object }>('/vpc/v/networks/n/back');
    expect(Object.values(back.body.Containers)).toMatchObject([
      { Name: 'n/a', IPv4Address: '10.9.0.2', IPv6Address: '' },
      { Name: 'n/b', IPv4Address: '10.9.0.3' },
    ]);
    expect(back.body.IPAM).toMatchObject({ Config: [] });
    expect((await node!.get('/vpc/w/networks/v050422eefb')).status).toBe(200);
    expect((await node!.get('/vpc/v/networks/v050422eefb')).status).toBe(404);
    expect((await node!.get('/vpc/v/networks/n/side')).status).toBe(404);
  });

  it('tell whether they are internal, and pinned addresses from others', async () => {
    await start(
      OVERLAY,
      pod('a', 'fd00::1', { overlays: [at('front', '10.0.0.2'), at('back', '10.9.0.2', false)] }),
    );
    expect((await node!.get('/networks/vfront')).body).toMatchObject({ Internal: true, EnableIPv6: false });
    const { body } = await node!.get('/containers/n/a/json');
    expect(body).toMatchObject({
      HostConfig: { NetworkMode: 'n/front' },
      NetworkSettings: {
        Networks: {
          'n/front': { IPAMConfig: { IPv4Address: '10.0.0.2' }, IPPrefixLen: 24 },
          'n/back': { IPAMConfig: null, IPPrefixLen: 0 },
        },
      },
    });
  });

  it('have the slash of their name encoded or not', async () => {
    await start(OVERLAY);
    expect((await node!.get('/v1.41/networks/n%2Ffront')).status).toBe(200);
    expect((await node!.get('/v1.41/networks/n/front/')).status).toBe(200);
  });
});

describe('containers', () => {
  it('of one aid are told apart by the rest of their ids', async () => {
    await start(
      pod('a', 'fd00::1', { aid: 'same', overlays: [at('front', '10.0.0.2')] }),
      pod('b', 'fd00::2', { aid: 'same', overlays: [at('front', '10.0.0.3')], ready: false }),
      pod('c', 'fd00::3', { aid: 'same1' }),
    );
    const { body } = await node!.get<{ Id: string; Status: string }[]>('/containers/json');
    expect(body.map(({ Status }) => Status)).toEqual(['Up (healthy)', 'Up (unhealthy)', 'Up (healthy)']);
    expect(new Set(body.map(({ Id }) => Id)).size).toBe(3);
    const network = await node!.get<{ Containers: object }>('/networks/n/front');
    expect(Object.keys(network.body.Containers)).toEqual(body.slice(0, 2).map(({ Id }) => Id));
    expect(await node!.get('/containers/same/json')).toEqual({
      status: 400,
      body: { message: 'multiple IDs found with provided prefix: same' },
    });
    // An aid comes before what only begins like it.
    expect((await node!.get('/containers/same1/json')).body).toMatchObject({ Name: '/n/c' });
    expect((await node!.get(`/containers/${body[1]!.Id.slice(0, 20)}/json`)).body).toMatchObject({
      Name: '/n/b',
    });
  });
});

describe('one VPC', () => {
  it('is shown nothing of another, whatever is asked', async () => {
    const secret = 'zzsecret';
    await start(
      OVERLAY,
      pod('a', 'fd00::1', { overlays: [at('front', '10.0.0.2')] }),
      { ...OVERLAY, vpc: secret, aid: `v${secret}` },
      {
        ...pod(`${secret}pod`, 'fd01::1', { aid: `p${secret}`, overlays: [at('front', '10.0.0.9')] }),
        vpc: secret,
      },
    );
    for (const path of [
      ...['networks', 'networks/n/front', 'containers/json', 'containers/n/a/json', 'info', 'version'],
      ...[`networks/v${secret}`, `networks/${secret}/n/front`, `containers/p${secret}/json`],
      ...[`containers/${secret}/n/${secret}pod/json`, `containers/n/${secret}pod/json`, 'networks/v'],
    ]) {
      const { body } = await node!.get(`/vpc/v/v1.41/${path}`);
      // What was asked comes back in errors.
      const text = JSON.stringify(body).replaceAll(path.replace(/^\w+\/|\/json$/g, ''), '');
      expect(text).not.toContain(secret);
      expect(text).not.toContain('ambiguous');
    }
    expect((await node!.get<{ Containers: number }>('/vpc/v/info')).body.Containers).toBe(1);
    expect((await node!.get('/vpc/V/info')).status).toBe(200);
  });
});

describe('long lists', () => {
  const MANY = 3000;
  const viewOf = (): DockerView => ({
    catalog: node!.server.catalog,
    vpc: undefined,
    zone: '',
    nodeName: '',
    version: '',
  });

  it('are made in small pieces', async () => {
    const overlays = [at('front', '10.0.0.2')];
    await start(
      ...Array.from({ length: MANY }, (_, i): Pod =>
        pod(`p${i}`, `fd00::1:${(i + 1).toString(16)}`, { overlays }),
      ),
    );
    const view = viewOf();
    const none = parseFilters(null, []);
    const [network] = [...networks(view)].filter((each) => each !== undefined);
    const slow = parseFilters('{"name":{"^(/?[a-z]*)*(p|q){30,60}x$":true}}', ['name']);
    for (const [pieces, most] of [
      [containerList(view, none, Infinity), 64],
      [networkDetails(view, network!.overlay), 64],
      // A pattern that takes long counts for several.
      [containerList(view, slow, Infinity), 4],
      [networkList(view, none), Infinity],
    ] as const) {
      let count = 0;
      let text = '';
      for (const piece of pieces) {
        count++;
        text += piece;
        expect(piece.split('"EndpointID"').length - 1).toBeLessThanOrEqual(most);
      }
      expect(() => JSON.parse(text) as unknown).not.toThrow();
      expect(count).toBeGreaterThanOrEqual(MANY / 64);
      if (most === 4) expect(count).toBeGreaterThan(MANY / 4);
    }
  });

  it('let others run while one is searched', async () => {
    await start(...Array.from({ length: MANY }, (_, i) => pod(`p${i}`, `fd00::1:${(i + 1).toString(16)}`)));
    let passes = 0;
    let done = false;
    const pass = (): void => {
      passes++;
      if (!done) setImmediate(pass);
    };
    pass();
    await eachPaced(networks(viewOf()), () => undefined);
    done = true;
    expect(passes).toBeGreaterThanOrEqual(MANY / 64 / 2);
  });

  it('that nobody reads are cut, and make room for others', async () => {
    node = new DockerNode({ limits: { readers: 2, stall: 500 } });
    const names = Array.from({ length: 60 }, (_, i) => `${'x'.repeat(50)}-${i}`);
    const pods = Array.from({ length: 3000 }, (_, i) =>
      pod(`p${i}`, `fd00::1:${(i + 1).toString(16)}`, { names }),
    );
    await node.start(...pods);
    const sockets = [1, 2].map(() => {
      const socket = connect(Number(node!.address.split(':')[1]), '127.0.0.1');
      socket.pause().on('error', () => undefined);
      socket.write('GET /containers/json HTTP/1.1\r\nHost: localhost\r\n\r\n');
      return socket;
    });
    const ask = (): Promise<{ status: number; body: unknown }> => node!.get('/networks');
    const refused = await eventually(ask, ({ status }) => status === 503);
    expect(refused.body).toEqual({ message: 'too many lists are being read, try again' });
    await eventually(ask, ({ status }) => status === 200);
    for (const socket of sockets) socket.destroy();
  });
});

describe('before there is a view', () => {
  it('a VPC is not said to be unknown', async () => {
    node = new DockerNode({ zones: '/nosuch/folder' });
    await node.server.start();
    node.address = await node.admin.open();
    const answer = await node.get<Message>('/vpc/v/networks');
    expect(answer.status).toBe(503);
    expect(answer.body.message).toMatch(/^podns is not ready: zones:/);
  });
});
