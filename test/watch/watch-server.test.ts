/** One podns feeds others: the same view, the same conflicts settled alike, resumed without a gap. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/model.ts';
import { CLIENT, eventually, Node, pod, RESERVE, VPC, WatchReader, type Line } from './nodes.ts';

const nodes: Node[] = [];
const readers: WatchReader[] = [];
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  // Leaves first, so that nobody looks for a server that has gone.
  for (const node of nodes.splice(0).reverse()) await node.close();
});

async function node(watch: string[] = [], vpc: string[] = []): Promise<Node> {
  const made = await new Node({ config: { watch, vpc }, reserve: RESERVE }).start();
  nodes.push(made);
  return made;
}

function reader(url: string, options?: { read?: boolean }): WatchReader {
  const made = new WatchReader(url, options);
  readers.push(made);
  return made;
}

async function digestOf(one: Node): Promise<string> {
  return (await one.status(true)).digest!;
}

/** Until all three say the same. */
async function agree(...all: Node[]): Promise<void> {
  await eventually(
    () => Promise.all(all.map(digestOf)),
    (digests) => new Set(digests).size === 1,
  );
}

const replies = (lines: Line[]): string[] => lines.map(({ type, object }) => `${type} ${object?.name ?? ''}`);

describe('a chain of three', () => {
  it('has one view, through changes, a whole new state, and conflicts', async () => {
    const root = await node();
    await root.server.apply({ full: true, put: [VPC, CLIENT, pod('db', 'fd00::2')] });
    const middle = await node([root.watchUrl]);
    const leaf = await node([middle.watchUrl]);
    await eventually(
      () => leaf.ask('db'),
      (text) => text === 'NOERROR fd00::2',
    );
    await agree(root, middle, leaf);

    await root.server.apply({ put: [pod('db', 'fd00::3'), pod('web', 'fd00::4')] });
    await eventually(
      () => leaf.ask('web'),
      (text) => text === 'NOERROR fd00::4',
    );
    expect(await leaf.ask('db')).toBe('NOERROR fd00::3');

    // Both claim fd00::9: the newer owns it, everywhere.
    await root.server.apply({ put: [pod('zz', 'fd00::9')] });
    await root.server.apply({ put: [pod('aa', 'fd00::9')] });
    await root.server.apply({ put: [pod('zz', 'fd00::9', { ready: false, names: ['z'] })] });
    await agree(root, middle, leaf);
    for (const name of ['aa', 'zz', 'z'])
      expect([name, await leaf.ask(name)]).toEqual([name, await root.ask(name)]);

    const many: Resource[] = Array.from({ length: 3000 }, (_, i) =>
      pod(`p${i}`, `fd00::5:${i.toString(16)}`),
    );
    await root.server.apply({ full: true, put: [VPC, CLIENT, ...many] });
    await agree(root, middle, leaf);
    expect(await leaf.ask('db')).toBe('NXDOMAIN');
    expect(await leaf.ask('p2999')).toBe('NOERROR fd00::5:bb7');

    // A newcomer is told of the conflict in an order that settles it alike.
    await root.server.apply({ put: [pod('zz', 'fd00::9')] });
    await root.server.apply({ put: [pod('aa', 'fd00::9')] });
    const late = await node([middle.watchUrl]);
    await agree(root, late);
    for (const name of ['aa', 'zz'])
      expect([name, await late.ask(name)]).toEqual([name, await root.ask(name)]);
  });

  it('gives a reader of one VPC that VPC alone', async () => {
    const root = await node();
    const other = { kind: 'vpc', name: 'w', net6: ['fd01::/64'], services6: [] } as const;
    await root.server.apply({
      put: [VPC, CLIENT, other, pod('secret', 'fd01::2', { vpc: 'w' })],
    });
    const leaf = await node([root.watchUrl], ['V']);
    await agree2(root, leaf, 'v');
    expect((await leaf.status()).counts).toMatchObject({ vpc: 1, pod: 1 });
    const stream = reader(`${root.watchUrl}?vpc=v`);
    await stream.until(({ type }) => type === 'synced');
    await root.server.apply({ put: [pod('hidden', 'fd01::3', { vpc: 'w' }), pod('seen', 'fd00::7')] });
    await root.server.apply({ delete: [{ kind: 'pod', vpc: 'w', namespace: 'n', name: 'hidden' }] });
    await root.server.apply({ put: [pod('last', 'fd00::8')] });
    await stream.until(({ object }) => object?.name === 'last');
    expect(replies(stream.lines).slice(4)).toEqual(['put seen', 'put last']);
    expect(stream.lines.find(({ object }) => object?.name === 'seen')!.more).toBeUndefined();
    expect(JSON.stringify(stream.lines)).not.toContain('"w"');
  });

  async function agree2(one: Node, other: Node, vpc: string): Promise<void> {
    await eventually(
      async () => [one.server.catalog.digest(vpc), other.server.catalog.digest(vpc)],
      ([a, b]) => a === b,
    );
  }
});

describe('a reader', () => {
  it('goes on after its revision, and gets exactly what it has missed', async () => {
    const root = await node();
    await root.server.apply({ put: [VPC, CLIENT] });
    const first = reader(root.watchUrl);
    const { revision } = await first.until(({ type }) => type === 'synced');
    first.close();
    await root.server.apply({ put: [pod('one', 'fd00::2')] });
    await root.server.apply({ put: [pod('two', 'fd00::3'), pod('three', 'fd00::4')] });
    const second = reader(`${root.watchUrl}?revision=${revision}`);
    await second.until(({ object }) => object?.name === 'three');
    expect(replies(second.lines)).toEqual(['put one', 'put two', 'put three']);
    expect(second.lines.map(({ more }) => more)).toEqual([undefined, true, undefined]);
    // One that has missed nothing hears so at once.
    const third = reader(`${root.watchUrl}?revision=${second.lines[2]!.revision}`);
    expect(await third.until(() => true)).toEqual({
      type: 'bookmark',
      revision: second.lines[2]!.revision,
    });
  });

  it('is sent away with 410 where its revision is not ours, or no longer kept', async () => {
    const root = await node();
    await root.server.apply({ put: [VPC, CLIENT] });
    const own = root.server.subscribers.watchServer.revision;
    const foreign = own.slice(0, -1) + ((Number(own.at(-1)) + 1) % 10);
    // Nobody has read yet, so nothing was kept before this one.
    for (const revision of ['41', '0', foreign, `${BigInt(own) + 100_000_000n}`]) {
      const asked = await fetch(`${root.watchUrl}?revision=${revision}`);
      expect([revision, asked.status]).toEqual([revision, 410]);
      await asked.text();
    }
    for (const query of ['revision=x', 'revision=1&revision=2', 'vpc=a.b', 'vpc=']) {
      const asked = await fetch(`${root.watchUrl}?${query}`);
      expect([query, asked.status]).toEqual([query, 400]);
      await asked.text();
    }
    const again = await node();
    await again.server.apply({ put: [VPC, CLIENT] });
    const asked = await fetch(`${again.watchUrl}?revision=${own}`);
    expect(asked.status).toBe(410);
    await asked.text();
  });

  it('hears 503 before there is a view, and not an empty one', async () => {
    const root = await node();
    const asked = await fetch(root.watchUrl);
    expect([asked.status, asked.headers.get('retry-after')]).toEqual([503, '1']);
    await asked.text();
  });

  it('follows a server that restarts with another content', async () => {
    const root = await node();
    await root.server.apply({ put: [VPC, CLIENT, pod('old', 'fd00::2')] });
    const leaf = await node([root.watchUrl]);
    await agree(root, leaf);
    const [, port] = root.admin.address.split(':');
    await root.admin.close();
    await eventually(
      () => leaf.server.status()[0]!.state,
      (state) => state === 'lost',
    );
    const { createAdmin } = await import('../../src/admin/http.ts');
    const { serverRoutes } = await import('../../src/admin/server-routes.ts');
    const other = await node();
    await other.server.apply({ put: [VPC, CLIENT, pod('new', 'fd00::3')] });
    const admin = createAdmin({
      bind: `127.0.0.1:${port}`,
      facts: { readiness: () => other.server.readiness() },
      routes: serverRoutes(other.server, 'test'),
    });
    await admin.open();
    await agree(other, leaf);
    expect([await leaf.ask('old'), await leaf.ask('new')]).toEqual(['NXDOMAIN', 'NOERROR fd00::3']);
    await admin.close();
  });
});

describe('other routes', () => {
  it('list what there is, with what is only referred to', async () => {
    const root = await node();
    await root.server.apply({ put: [VPC, CLIENT, pod('x', 'fd01::1', { vpc: 'w', namespace: 'm' })] });
    const names = async (path: string): Promise<string[]> => {
      const list = (await (await fetch(`${root.url}/v1/${path}`)).json()) as { vpc?: string; name: string }[];
      return list.map(({ vpc, name }) => (vpc === undefined ? name : `${vpc}/${name}`));
    };
    expect(await names('vpcs')).toEqual(['v', 'w']);
    expect(await names('namespaces')).toEqual(['v/n', 'w/m']);
    expect(await names('namespaces?vpc=V')).toEqual(['v/n']);
    expect(await names('vpcs?namespace=m')).toEqual(['w']);
    expect(await names('pods')).toEqual(['v/client', 'w/x']);
    expect(await names('pods?vpc=w&namespace=m')).toEqual(['w/x']);
    expect(await names('services')).toEqual([]);
  });

  it('tell of changes as they are applied', async () => {
    const root = await node();
    await root.server.apply({ put: [VPC] });
    const events = reader(`${root.url}/v1/events`);
    await events.headed;
    await root.server.apply({ put: [CLIENT] });
    await root.server.apply({ delete: [{ kind: 'pod', vpc: 'v', namespace: 'n', name: 'client' }] });
    await events.until(({ type }) => type === 'delete');
    expect(events.lines).toMatchObject([
      { type: 'put', source: 'api', object: { kind: 'pod', name: 'client', ip6: 'fd00::1' } },
      { type: 'delete', source: 'api', object: { kind: 'pod', vpc: 'v', namespace: 'n', name: 'client' } },
    ]);
    await root.server.apply({
      put: Array.from({ length: 1200 }, (_, i) => pod(`p${i}`, `fd00::5:${i.toString(16)}`)),
    });
    const missed = await events.until(({ type }) => type === 'missed');
    expect(missed).toMatchObject({ changes: 200 });
  });

  it('export the counts', async () => {
    const root = await node();
    await root.server.apply({ put: [VPC, CLIENT] });
    const leaf = await node([root.watchUrl]);
    await agree(root, leaf);
    await root.server.apply({ put: [pod('x', 'fd00::2')] });
    await agree(root, leaf);
    const text = await (await fetch(`${leaf.url}/metrics`)).text();
    expect(text).toMatch(/^podns_apply_seconds_count 1$/m);
    expect(text).toMatch(/^podns_apply_seconds_bucket\{le="\+Inf"\} 1$/m);
    expect(text).toMatch(/^podns_resources\{kind="pod"\} 2$/m);
    expect(text).toMatch(/^podns_source_live\{source="watch:http:[^"]*"\} 1$/m);
    expect(await (await fetch(`${root.url}/metrics`)).text()).toMatch(/^podns_watch_readers 1$/m);
    expect((await leaf.status()).propagation.received.count).toBe(1);
  });
});
