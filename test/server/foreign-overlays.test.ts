/** Overlays that pods of other namespaces are on, wherever they are listed, shown and explained. */
import { afterEach, expect, it } from 'vitest';
import type { Pod, Resource } from '../../src/model.ts';
import { ServerCore } from '../../src/server.ts';
import { validateResource } from '../../src/source/validate/validate.ts';
import { DockerNode } from '../admin/docker-harness.ts';
import { RESERVE } from '../watch/nodes.ts';

let node: DockerNode | undefined;
let server: ServerCore | undefined;
afterEach(async () => {
  await node?.close();
  await server?.close(0);
  node = server = undefined;
});

function pod(namespace: string, name: string, overlay: string, more: Partial<Pod> = {}): Pod {
  const ip4 = `10.0.0.${name.length}`;
  return {
    ...{ kind: 'pod', vpc: 'v', namespace, name, aid: `p${name}`, names: [], ports: [], ready: true },
    overlays: [{ overlay, ip4, pinned: true }],
    ...more,
  };
}

const FRONT: Resource = {
  ...{ kind: 'overlay', vpc: 'v', namespace: 'front', name: 'net', aid: 'vfront', driver: 'bridge' },
  net4: '10.0.0.0/24',
};

it('the own namespace before an overlay is left out, and what is no overlay is refused with its reason', () => {
  const raw = (overlay: unknown): object => ({
    ...{ kind: 'pod', vpc: 'v', namespace: 'n', name: 'p', overlays: [{ overlay, ip4: '10.0.0.1' }] },
  });
  const read = (overlay: unknown): unknown => {
    const { resource, issues } = validateResource(raw(overlay), { unknownKeys: 'error' });
    return resource === undefined
      ? issues!.map(({ reason }) => reason)
      : (resource as Pod).overlays[0]!.overlay;
  };
  expect(read('Shop/Front')).toBe('shop/front');
  expect(read('n/front')).toBe('front');
  expect(read('N/Front')).toBe('front');
  expect(read('nn/front')).toBe('nn/front');
  expect(read('a/b/c')).toEqual([
    'the overlay of NAMESPACE/OVERLAY "b/c": "/" is not allowed, only letters, digits, - and _',
  ]);
  expect(read('arpa/b')).toEqual(['the namespace of NAMESPACE/OVERLAY "arpa" is reserved']);
  expect(read('/b')).toEqual(['the namespace of NAMESPACE/OVERLAY is empty']);
  expect(read('a/')).toEqual(['the overlay of NAMESPACE/OVERLAY is empty']);
  const map = { ...raw(''), overlays: { 'n/front': '10.0.0.1', 'Shop/x': null } };
  const { resource } = validateResource(map, { unknownKeys: 'error' });
  expect((resource as Pod).overlays).toEqual([
    { overlay: 'front', ip4: '10.0.0.1', pinned: true },
    { overlay: 'shop/x', pinned: true },
  ]);
});

it('namespaces that only attachments name are listed, as long as one does', async () => {
  server = new ServerCore({ config: { workers: 0 }, reserve: RESERVE });
  const { catalog } = server;
  const namespaces = (): string[] =>
    [...catalog.listPaced('namespace', { vpc: 'v' }, true)].flatMap((each) =>
      each?.kind === 'namespace' ? [each.name] : [],
    );
  await server.apply({ put: [pod('b', 'x', 'a/net'), pod('d', 'yy', 'c/net'), pod('d', 'zzz', 'e/net')] });
  expect(namespaces()).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect([...catalog.scopes('v')].map(({ namespace }) => namespace).toSorted()).toEqual([
    'a',
    'b',
    'c',
    'd',
    'e',
  ]);
  await server.apply({
    put: [pod('d', 'yy', 'net')],
    delete: [{ kind: 'pod', vpc: 'v', namespace: 'b', name: 'x' }],
  });
  expect(namespaces()).toEqual(['d', 'e']);
  await server.apply({ put: [{ kind: 'namespace', vpc: 'v', name: 'e' }] });
  expect(namespaces()).toEqual(['d', 'e']);
  await server.apply({ put: [], full: true });
  expect(namespaces()).toEqual([]);
  expect([...catalog.foreignOverlays()]).toEqual([]);
});

it('the Docker API shows their pods on the network, declared or not', async () => {
  node = await new DockerNode().start(
    ...[FRONT, pod('front', 'a', 'net'), pod('shop', 'bb', 'front/net'), pod('shop', 'ccc', 'gone/net')],
  );
  const names = async (): Promise<string[]> =>
    (await node!.get<{ Name: string }[]>('/v1.41/networks')).body.map(({ Name }) => Name);
  expect(await names()).toEqual(['front/net', 'gone/net']);
  const inspect = async (name: string): Promise<string[]> => {
    const path = `/v1.41/networks/${encodeURIComponent(name)}`;
    const { body } = await node!.get<{ Containers: Record<string, { Name: string }> }>(path);
    return Object.values(body.Containers).map(({ Name }) => Name);
  };
  expect(await inspect('front/net')).toEqual(['front/a', 'shop/bb']);
  expect(await inspect('gone/net')).toEqual(['shop/ccc']);
  const { body } = await node.get<{ Names: string[] }[]>(
    `/v1.41/containers/json?filters=${encodeURIComponent('{"network":["front/net"]}')}`,
  );
  expect(body.map(({ Names }) => Names[0])).toEqual(['/front/a', '/shop/bb']);
  await node.server.apply({ delete: [{ kind: 'overlay', vpc: 'v', namespace: 'front', name: 'net' }] });
  await node.server.apply({ delete: [{ kind: 'pod', vpc: 'v', namespace: 'front', name: 'a' }] });
  expect(await inspect('front/net')).toEqual(['shop/bb']);
});

it('an answer is explained by the overlay and by the setting of the VPC', async () => {
  server = new ServerCore({ config: { workers: 0, forward: 'off' }, reserve: RESERVE });
  const web = pod('shop', 'web', 'back', {
    overlays: [
      { overlay: 'back', ip4: '10.1.0.2', pinned: true },
      { overlay: 'front/net', ip4: '10.0.0.9', pinned: true },
    ],
  });
  await server.apply({ put: [pod('front', 'a', 'net'), web], full: true });
  const explain = async () => {
    const { candidates } = await server!.explain({
      name: 'web.shop',
      type: 'A',
      from: 'v/front/a',
      listener: '[::1]:53@v',
    });
    return candidates[0]!.addresses.map(({ address, overlay, given, why }) => [address, overlay, given, why]);
  };
  expect(await explain()).toEqual([
    ['10.1.0.2', 'back', false, 'the client shares another overlay with the pod'],
    ['10.0.0.9', 'front/net', true, null],
  ]);
  await server.apply({ put: [{ kind: 'vpc', name: 'v', net6: [], services6: [], a_records: 'none' }] });
  expect((await explain())[1]).toEqual([
    ...['10.0.0.9', 'front/net', false, 'A records are off (a_records: none of the VPC)'],
  ]);
});
