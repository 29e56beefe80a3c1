/** The catalog by example: who is heard, what a change set yields, what stays as it was. */
import { describe, expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { Change, Transaction } from '../../src/catalog/catalog.ts';
import type { Pod, Resource, ResourceKey, Vpc } from '../../src/model.ts';
import { keyOf, keyText } from '../../src/model.ts';

function pod(name: string, fields: Partial<Pod> = {}): Pod {
  return {
    kind: 'pod',
    vpc: 'aep',
    namespace: 'shop',
    name,
    aid: 'p0123456789',
    names: [],
    ip6: 'fdfd:1a8::2:1',
    overlays: [],
    ports: [],
    ready: true,
    ...fields,
  };
}

function vpc(name: string, net6: string[], fields: Partial<Vpc> = {}): Vpc {
  return { kind: 'vpc', name, net6, services6: [], ...fields };
}

const podKey = (name: string): ResourceKey => ({ kind: 'pod', vpc: 'aep', namespace: 'shop', name });
const vpcKey = (name: string): ResourceKey => ({ kind: 'vpc', vpc: name, namespace: '', name: '' });

function fill(transaction: Transaction, resources: Resource[]): Change[] {
  for (const resource of resources) transaction.put(resource);
  return [...transaction.commit()];
}

/** `+pod aep/shop/db@7`, `-pod aep/shop/db`. */
function words(changes: Iterable<Change>): string[] {
  return [...changes].map((change) =>
    change.type === 'put' ? `+${keyText(keyOf(change.resource))}@${change.stamp}` : `-${keyText(change.key)}`,
  );
}

describe('content', () => {
  const everything: Resource[] = [
    vpc('aep', ['fdfd:1a8::/48'], { id: 'x', forward: ['example.com'], upstreams: ['9.9.9.9:53'] }),
    vpc('bare', []),
    vpc('local', [], { routes: { 'corp.example': ['9.9.9.9:53'], ads: [] }, hosts: { h: ['192.0.2.1'] } }),
    { kind: 'namespace', vpc: 'aep', name: 'shop', created: '2023-09-11T12:16:30Z', shadow: 'forward' },
    { kind: 'namespace', vpc: 'aep', name: 'empty' },
    {
      kind: 'overlay',
      vpc: 'aep',
      namespace: 'shop',
      name: 'default',
      aid: 'v1223123123',
      driver: 'ipip',
      net4: '10.198.62.0/23',
      net6: 'fd42:1a8:0:2a09::/64',
      internal: true,
    },
    pod('db'),
    pod('nowhere', { ip6: undefined, ready: false, aid: 'P0123456789' }),
    pod('app.1.dotted', {
      aid: 'custom-Aid',
      names: ['app', 'web', 'x'.repeat(200)],
      overlays: [
        { overlay: 'default', ip4: '10.198.62.20', pinned: true },
        { overlay: 'other', ip4: '255.255.255.255', ip6: 'fd42::1', pinned: false },
        { overlay: 'third', ip6: 'fd42::2', pinned: true },
        { overlay: 'bare', pinned: false },
      ],
      ports: [
        { name: 'http', protocol: 'tcp', port: 80 },
        { name: 'dns', protocol: 'udp', port: 65535 },
        { name: 'x', protocol: 'sctp', port: 1 },
      ],
    }),
    pod('y'.repeat(253)),
    pod('z'.repeat(255)),
    {
      kind: 'service',
      vpc: 'aep',
      namespace: 'shop',
      name: 'front',
      aid: 's0123456789',
      names: ['www'],
      ip6: 'fdcc:c10d::7',
      ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
    },
    { kind: 'service', vpc: 'aep', namespace: 'shop', name: 'a', aid: '', names: [], ports: [] },
  ];

  it('comes out as it went in, for every kind and field', () => {
    const catalog = new Catalog({ sources: ['one'] });
    const changes = fill(catalog.begin('one', true, '7'), everything);
    expect(changes).toHaveLength(everything.length);
    const vpcs = everything.filter(({ kind }) => kind === 'vpc');
    for (const resource of everything) {
      const expected = JSON.parse(JSON.stringify(resource)) as Resource;
      expect(catalog.get(keyOf(resource))).toEqual(expected);
      const change = changes.find(
        (other) => other.type === 'put' && keyText(keyOf(other.resource)) === keyText(keyOf(resource)),
      );
      // Of VPCs their order in this state.
      const stamp = resource.kind === 'vpc' ? 2n ** 63n + BigInt(vpcs.indexOf(resource) + 1) : 7n;
      const more = { stamp, source: 'one', revision: '7', renewed: false };
      expect(change).toEqual({ type: 'put', resource: expected, ...more });
    }
    expect(catalog.count('pod')).toBe(5);
    expect(catalog.count('vpc')).toBe(3);
    expect([...catalog.scopes()]).toContainEqual({ vpc: 'aep', namespace: 'shop' });
  });

  it('keeps names, lists and resources larger than its buffers and chunks', () => {
    const catalog = new Catalog({ sources: ['one'] });
    const big = pod('big', { names: Array.from({ length: 30_000 }, (_, i) => `name-${i}`) });
    const upstreams = Array.from({ length: 200_000 }, (_, i) => `10.0.0.1:${i % 60_000}`);
    fill(catalog.begin('one', true, '1'), [big, vpc('aep', [], { upstreams }), pod('after')]);
    expect(catalog.get(podKey('big'))).toEqual(big);
    expect(catalog.get(vpcKey('aep'))).toEqual(vpc('aep', [], { upstreams }));
    expect(catalog.get(podKey('after'))).toEqual(pod('after'));
    fill(catalog.begin('one', true, '2'), [pod('after')]);
    while (catalog.tidy());
    expect(catalog.get(podKey('after'))).toEqual(pod('after'));
    expect(catalog.memory().records).toBeLessThan(3 << 20);
  });

  it('refuses what validation must have refused, and goes on', () => {
    const catalog = new Catalog({ sources: ['one'] });
    const transaction = catalog.begin('one', true, '1');
    expect(() => transaction.put(pod('bad', { ip6: 'nonsense' }))).toThrow(TypeError);
    expect(() =>
      transaction.put(pod('bad', { overlays: [{ overlay: 'o', ip4: '1.2.3', pinned: true }] })),
    ).toThrow(TypeError);
    expect(() => transaction.put(pod('n'.repeat(256)))).toThrow(RangeError);
    transaction.put(pod('db'));
    expect(words(transaction.commit())).toEqual(['+pod aep/shop/db@1']);
  });
});

describe('a transaction', () => {
  it('shows nothing before its commit, and yields differences only', () => {
    const catalog = new Catalog({ sources: ['one'] });
    const first = catalog.begin('one', true, '5');
    first.put(pod('db'));
    first.put(pod('web'));
    expect(catalog.get(podKey('db'))).toBeUndefined();
    expect([...catalog.list('pod')]).toEqual([]);
    expect(catalog.revision('one')).toBeUndefined();
    expect(words(first.commit())).toEqual(['+pod aep/shop/db@5', '+pod aep/shop/web@5']);
    expect(catalog.revision('one')).toBe('5');

    const second = catalog.begin('one', true, '6');
    second.put(pod('db'));
    second.put(pod('app'));
    expect(catalog.count('pod')).toBe(2);
    // What is said again is claimed again.
    const changes = ['+pod aep/shop/app@6', '+pod aep/shop/db@6', '-pod aep/shop/web'];
    expect(words(second.commit()).sort()).toEqual(changes);
    expect(catalog.said(podKey('db'))).toEqual({ source: 'one', revision: '6', stamp: 6n, shadowed: [] });
    const third = catalog.begin('one', true, '7');
    for (const name of ['db', 'app']) third.put(pod(name), undefined, '6');
    expect(words(third.commit())).toEqual([]);
  });

  it('lets the last word on a key count', () => {
    const catalog = new Catalog({ sources: ['one'] });
    fill(catalog.begin('one', true, '1'), [pod('db'), pod('web')]);
    const transaction = catalog.begin('one', false, '2');
    transaction.put(pod('db', { ready: false }));
    transaction.put(pod('db'));
    transaction.delete(podKey('web'));
    transaction.put(pod('web', { names: ['w'] }));
    transaction.put(pod('new'));
    transaction.delete(podKey('new'));
    transaction.delete(podKey('never'));
    expect(words(transaction.commit())).toEqual(['+pod aep/shop/db@2', '+pod aep/shop/web@2']);
    expect(catalog.get(podKey('new'))).toBeUndefined();
  });

  it('removes from a full list what is deleted in it again', () => {
    const catalog = new Catalog({ sources: ['one'] });
    fill(catalog.begin('one', true, '1'), [pod('db')]);
    const transaction = catalog.begin('one', true, '2');
    transaction.put(pod('db'));
    transaction.delete(podKey('db'));
    expect(words(transaction.commit())).toEqual(['-pod aep/shop/db']);
  });

  it('is forgotten by rollback, a full one too', () => {
    const catalog = new Catalog({ sources: ['one'] });
    fill(catalog.begin('one', true, '1'), [pod('db'), pod('web')]);
    const transaction = catalog.begin('one', true, '2');
    transaction.put(pod('db'));
    transaction.put(pod('web', { ready: false }));
    transaction.put(pod('new'));
    transaction.rollback();
    expect(catalog.revision('one')).toBe('1');
    expect(catalog.get(podKey('web'))).toEqual(pod('web'));
    // Nothing remembers that the forgotten list named db.
    const changes = words(fill(catalog.begin('one', true, '3'), [pod('web')]));
    expect(changes).toEqual(['+pod aep/shop/web@3', '-pod aep/shop/db']);
  });

  it('is one at a time for a source, and one commit at a time in all', () => {
    const catalog = new Catalog({ sources: ['one', 'two'] });
    const one = catalog.begin('one', true, '1');
    const two = catalog.begin('two', true, '1');
    expect(() => catalog.begin('one', true, '2')).toThrow(/already/);
    expect(() => catalog.begin('three', true, '2')).toThrow(/unknown source/);
    one.put(pod('db'));
    one.put(pod('web'));
    const changes = one.commit();
    changes.next();
    expect(() => two.commit()).toThrow(/not finished/);
    two.put(pod('late'));
    changes.next();
    expect(changes.next().done).toBe(true);
    expect(words(two.commit())).toEqual(['+pod aep/shop/late@1']);
    expect(() => one.put(pod('x'))).toThrow(/ended/);
  });

  it('is applied whole even if its reader leaves early', () => {
    const catalog = new Catalog({ sources: ['one'] });
    fill(catalog.begin('one', true, '1'), [pod('gone'), vpc('old', ['fd00::/48'])]);
    const transaction = catalog.begin('one', true, '2');
    for (const name of ['a', 'b', 'c']) transaction.put(pod(name));
    transaction.put(vpc('aep', ['fd00::/48']));
    for (const _ of transaction.commit()) break;
    expect(catalog.count('pod')).toBe(3);
    expect(catalog.get(vpcKey('aep'))).toEqual(vpc('aep', ['fd00::/48']));
    expect(catalog.get(vpcKey('old'))).toBeUndefined();
    expect(catalog.revision('one')).toBe('2');
    expect(words(fill(catalog.begin('one', false, '3'), [pod('d')]))).toEqual(['+pod aep/shop/d@3']);
  });
});

describe('stamps', () => {
  it('are what the source gives, or the revision of the object, or of the transaction', () => {
    const catalog = new Catalog({ sources: ['one'] });
    const transaction = catalog.begin('one', true, '9007199254740991');
    transaction.put(pod('db'), undefined, '12');
    transaction.put(pod('web'));
    transaction.put(pod('app'), undefined, '12', '0');
    expect(words(transaction.commit())).toEqual([
      '+pod aep/shop/db@12',
      '+pod aep/shop/web@9007199254740991',
      '+pod aep/shop/app@0',
    ]);
    expect(catalog.said(podKey('web'))?.revision).toBe('9007199254740991');
    expect(catalog.said(podKey('app'))?.revision).toBe('12');
    expect(() => catalog.begin('one', false, '1').put(pod('db'), undefined, '1', 'x')).toThrow(TypeError);
  });

  it.each(['0', '281474976710656', '9007199254740993', '9223372036854775808', '18446744073709551615'])(
    'are exact: %s',
    (revision) => {
      const catalog = new Catalog({ sources: ['one'] });
      const place = { file: 'z.yaml', line: 3 };
      const transaction = catalog.begin('one', true, revision);
      transaction.put(pod('db'));
      transaction.put(pod('web'), place, 'text', revision);
      for (const _ of transaction.commit()) void _;
      const stamp = BigInt(revision);
      expect(catalog.said(podKey('db'))).toEqual({ source: 'one', revision, stamp, shadowed: [] });
      const more = { revision: 'text', stamp, place, shadowed: [] };
      expect(catalog.said(podKey('web'))).toEqual({ source: 'one', ...more });
      expect(catalog.get(podKey('web'))).toEqual(pod('web'));
    },
  );

  it('count as 2^64 - 1 from there on, and the revision is still told', () => {
    const catalog = new Catalog({ sources: ['one'] });
    const revision = '99999999999999999999';
    fill(catalog.begin('one', true, revision), [pod('db')]);
    expect(catalog.said(podKey('db'))).toMatchObject({ stamp: 2n ** 64n - 1n, revision });
  });

  it('count the change sets of a source whose revisions are no numbers', () => {
    const catalog = new Catalog({ sources: ['one', 'two'] });
    for (const revision of ['', 'abc', '007', '-1', '100000000000000000000', '1e3']) {
      const stamp = catalog.said(podKey('db'))?.stamp ?? 0n;
      fill(catalog.begin('one', false, revision), [pod('db', { names: [`r${stamp}`] })]);
      expect(catalog.said(podKey('db'))).toMatchObject({ stamp: stamp + 1n, revision });
    }
    fill(catalog.begin('one', false, 'same'), [pod('db', { names: ['r5'] })]);
    fill(catalog.begin('two', false, 'x'), [pod('web')]);
    expect(catalog.said(podKey('web'))?.stamp).toBe(1n);
    fill(catalog.begin('one', false, 'next'), [pod('app')]);
    expect(catalog.said(podKey('app'))?.stamp).toBe(8n);
  });

  it('rise with every rewrite, of the same content too, and fall where revisions do', () => {
    const catalog = new Catalog({ sources: ['one'] });
    fill(catalog.begin('one', true, '1000'), [pod('db')]);
    const again = fill(catalog.begin('one', false, '1001'), [pod('db')]);
    expect(again).toMatchObject([{ type: 'put', resource: pod('db'), stamp: 1001n, renewed: true }]);
    expect(fill(catalog.begin('one', false, '1001'), [pod('db')])).toEqual([]);
    expect(words(fill(catalog.begin('one', true, '3'), [pod('db')]))).toEqual(['+pod aep/shop/db@3']);
  });
});

describe('what is refused', () => {
  it('stays as its own source said it, heard or not, with all prefixes', () => {
    const catalog = new Catalog({ sources: ['one', 'two'] });
    fill(catalog.begin('one', true, '1'), [vpc('first', ['fd00::/48']), pod('db', { names: ['one'] })]);
    fill(catalog.begin('two', true, '2'), [
      vpc('second', ['fd00::/48', 'fd02::/48']),
      pod('db', { names: ['two'] }),
    ]);
    const list = catalog.begin('two', true, '3');
    expect(list.keep(vpcKey('second'))).toBe(true);
    expect(list.keep(podKey('db'))).toBe(true);
    expect(list.keep(podKey('other'))).toBe(false);
    expect([...list.commit()]).toEqual([]);
    expect(fill(catalog.begin('one', true, '4'), [])).toHaveLength(3);
    expect(catalog.get(vpcKey('second'))).toEqual(vpc('second', ['fd00::/48', 'fd02::/48']));
    expect(catalog.get(podKey('db'))).toEqual(pod('db', { names: ['two'] }));
    expect(catalog.said(podKey('db'))).toMatchObject({ source: 'two', revision: '2', stamp: 2n });
  });

  it('has of a VPC the age that the state gives it now', () => {
    const catalog = new Catalog({ sources: ['one'] });
    const said = (name: string): unknown => (catalog.get(vpcKey(name)) as Vpc).net6;
    fill(catalog.begin('one', true, '1'), [vpc('a', ['fd00::/16']), vpc('b', ['fd00::/16'])]);
    const list = catalog.begin('one', true, '2');
    list.keep(vpcKey('b'));
    list.put(vpc('a', ['fd00::/16']));
    for (const _ of list.commit()) void _;
    expect([said('a'), said('b')]).toEqual([[], ['fd00::/16']]);
    const change = catalog.begin('one', false, '3');
    change.put(vpc('a', ['fd00::/16']), undefined, '3', '7');
    change.keep(vpcKey('b'), '8');
    for (const _ of change.commit()) void _;
    expect([said('a'), said('b')]).toEqual([['fd00::/16'], []]);
  });

  it('has its place among the ages already, if it never was valid', () => {
    const owner = (full: boolean): string[] => {
      const catalog = new Catalog({ sources: ['one'] });
      const list = catalog.begin('one', full, '1');
      list.keep(vpcKey('b'));
      list.put(vpc('c', ['fd00::/16']));
      list.keep(vpcKey('d'));
      for (const _ of list.commit()) void _;
      const gone = catalog.begin('one', false, '2');
      gone.delete(vpcKey('d'));
      for (const _ of gone.commit()) void _;
      fill(catalog.begin('one', false, '3'), [vpc('e', ['fd00::/16']), vpc('d', ['fd00::/16'])]);
      const names: string[] = [];
      for (const next of ['c', 'e', 'd']) {
        fill(catalog.begin('one', false, '4'), [vpc('b', ['fd00::/16'])]);
        names.push(
          ...['b', 'c', 'd', 'e'].filter((name) => (catalog.get(vpcKey(name)) as Vpc).net6.length > 0),
        );
        fill(catalog.begin('one', false, '5'), [vpc('b', [])]);
        names.push(...['c', 'd', 'e'].filter((name) => (catalog.get(vpcKey(name)) as Vpc).net6.length > 0));
        fill(catalog.begin('one', false, '6'), [vpc(next, [])]);
      }
      return names;
    };
    expect(owner(true)).toEqual(['b', 'c', 'b', 'e', 'b', 'd']);
    expect(owner(false)).toEqual(['b', 'c', 'b', 'e', 'b', 'd']);
  });

  it('is not what was put or deleted before in the same transaction', () => {
    const catalog = new Catalog({ sources: ['one'] });
    fill(catalog.begin('one', true, '1'), [pod('db'), pod('web')]);
    const change = catalog.begin('one', false, '2');
    change.put(pod('db', { ready: false }));
    change.delete(podKey('web'));
    expect([change.keep(podKey('db')), change.keep(podKey('web'))]).toEqual([true, false]);
    expect(words(change.commit())).toEqual(['+pod aep/shop/db@2', '-pod aep/shop/web']);
  });
});

describe('several sources', () => {
  it('are heard in order, and a hidden one appears when the other goes', () => {
    const catalog = new Catalog({ sources: ['files', 'watch'] });
    fill(catalog.begin('watch', true, '41'), [pod('db'), pod('web')]);
    const zoned = pod('db', { names: ['zoned'] });
    const files = catalog.begin('files', true, 'hash');
    files.put(zoned, { file: 'zones/aep.yaml', line: 7, column: 3 });
    expect(words(files.commit())).toEqual(['+pod aep/shop/db@1']);
    expect(catalog.get(podKey('db'))).toEqual(zoned);
    expect(catalog.said(podKey('db'))).toEqual({
      source: 'files',
      revision: 'hash',
      stamp: 1n,
      place: { file: 'zones/aep.yaml', line: 7, column: 3 },
      shadowed: ['watch'],
    });
    expect(catalog.conflicts()).toEqual([
      {
        kind: 'conflict',
        severity: 'warning',
        key: podKey('db'),
        place: undefined,
        reason: 'pod aep/shop/db: watch says it too, otherwise; files is preferred and is heard',
      },
    ]);
    expect(catalog.count('pod')).toBe(2);
    // A hidden change shows nowhere.
    expect(words(fill(catalog.begin('watch', false, '42'), [pod('db', { ready: false })]))).toEqual([]);
    const gone = catalog.begin('files', false, 'hash2');
    gone.delete(podKey('db'));
    expect([...gone.commit()]).toEqual([
      {
        type: 'put',
        resource: pod('db', { ready: false }),
        stamp: 42n,
        source: 'watch',
        revision: '42',
        renewed: false,
      },
    ]);
    expect(catalog.conflicts()).toEqual([]);
  });

  it('may be added, removed and ordered anew', () => {
    const catalog = new Catalog({ sources: ['one'] });
    catalog.addSource('two');
    fill(catalog.begin('one', true, '1'), [pod('db', { names: ['one'] }), pod('only')]);
    fill(catalog.begin('two', true, '2'), [pod('db', { names: ['two'] })]);
    expect(words(catalog.setSources(['two', 'one']))).toEqual(['+pod aep/shop/db@2']);
    expect(catalog.said(podKey('db'))).toMatchObject({ source: 'two', shadowed: ['one'] });
    expect(words(catalog.setSources(['one', 'two']))).toEqual(['+pod aep/shop/db@1']);
    expect(words(catalog.setSources(['two'])).sort()).toEqual(['+pod aep/shop/db@2', '-pod aep/shop/only']);
    expect(catalog.sources).toEqual(['two']);
    expect(catalog.conflicts()).toEqual([]);
    expect(() => catalog.revision('one')).toThrow(/unknown source/);
    catalog.addSource('three');
    expect(words(fill(catalog.begin('three', true, '9'), [pod('db')]))).toEqual([]);
  });

  it('may move a line in a file without a word to anyone', () => {
    const catalog = new Catalog({ sources: ['files'] });
    const first = catalog.begin('files', true, 'a');
    first.put(pod('db'), { file: 'z.yaml', line: 1 }, undefined, '0');
    Array.from(first.commit());
    const second = catalog.begin('files', true, 'b');
    second.put(pod('db'), { file: 'z.yaml', line: 2 }, undefined, '0');
    expect([...second.commit()]).toEqual([]);
    expect(catalog.said(podKey('db'))).toMatchObject({
      place: { file: 'z.yaml', line: 2 },
      stamp: 0n,
      revision: 'b',
    });
  });
});

describe('net6 of two VPCs', () => {
  const net6 = (catalog: Catalog, name: string) => (catalog.get(vpcKey(name)) as Vpc | undefined)?.net6;

  it('may not overlap: the later claim is refused, reported, and back when the owner goes', () => {
    const catalog = new Catalog({ sources: ['one'] });
    fill(catalog.begin('one', true, '1'), [vpc('old', ['fd00:1::/32'])]);
    const changes = fill(catalog.begin('one', false, '2'), [vpc('new', ['fd00:1:2::/48', 'fd00:2::/32'])]);
    expect(changes).toMatchObject([
      { resource: { name: 'new', net6: ['fd00:2::/32'] }, stamp: 2n ** 63n + 2n },
    ]);
    expect(catalog.conflicts()).toEqual([
      {
        kind: 'net6',
        severity: 'error',
        key: vpcKey('new'),
        place: undefined,
        reason: 'net6 fd00:1:2::/48 of vpc new is refused: it overlaps net6 of vpc old, which is older',
      },
    ]);
    const gone = catalog.begin('one', false, '3');
    gone.delete(vpcKey('old'));
    expect([...gone.commit()]).toMatchObject([
      { type: 'delete', key: vpcKey('old') },
      { type: 'put', resource: { name: 'new', net6: ['fd00:1:2::/48', 'fd00:2::/32'] } },
    ]);
    expect(catalog.conflicts()).toEqual([]);
  });

  it('go to the smaller name among equal stamps, in any order', () => {
    const a = vpc('a', ['fd00::/16']);
    const b = vpc('b', ['fd00:1::/32']);
    for (const list of [
      [a, b],
      [b, a],
    ]) {
      const catalog = new Catalog({ sources: ['one'] });
      const transaction = catalog.begin('one', true, 'x');
      for (const each of list) transaction.put(each, undefined, undefined, '5');
      for (const _ of transaction.commit()) void _;
      expect(net6(catalog, 'a')).toEqual(['fd00::/16']);
      expect(net6(catalog, 'b')).toEqual([]);
    }
  });

  it('are as old as their VPC is, whatever is edited', () => {
    const catalog = new Catalog({ sources: ['one'] });
    fill(catalog.begin('one', true, '1'), [vpc('owner', ['fd00::/32'])]);
    fill(catalog.begin('one', false, '2'), [vpc('greedy', ['fd00::/16'])]);
    fill(catalog.begin('one', false, '3'), [vpc('owner', ['fd00::/32', 'fd01::/32'], { forward: 'off' })]);
    expect(net6(catalog, 'owner')).toEqual(['fd00::/32', 'fd01::/32']);
    expect(net6(catalog, 'greedy')).toEqual([]);
    fill(catalog.begin('one', false, '4'), [vpc('owner', ['fd01::/32'])]);
    expect(net6(catalog, 'greedy')).toEqual(['fd00::/16']);
    // One that only sees the state cannot tell this prefix from one that was always there.
    fill(catalog.begin('one', false, '5'), [vpc('owner', ['fd00::/32'])]);
    expect(net6(catalog, 'owner')).toEqual(['fd00::/32']);
    const anew = catalog.begin('one', false, '6');
    anew.delete(vpcKey('owner'));
    anew.put(vpc('owner', ['fd00::/32']));
    for (const _ of anew.commit()) void _;
    expect(net6(catalog, 'greedy')).toEqual(['fd00::/16']);
  });

  it('are in the order of the whole state, whatever a node knew before', () => {
    const list = ['c', 'a', 'b'].map((name) => vpc(name, ['fd00::/16']));
    const catalog = new Catalog({ sources: ['one'] });
    fill(catalog.begin('one', true, '1'), [...list].reverse());
    expect(net6(catalog, 'b')).toEqual(['fd00::/16']);
    fill(catalog.begin('one', true, '2'), list);
    expect(net6(catalog, 'c')).toEqual(['fd00::/16']);
    // The same order again changes nothing, and losing one in the middle changes only that one.
    expect(fill(catalog.begin('one', true, '3'), list)).toEqual([]);
    expect(words(fill(catalog.begin('one', true, '4'), [list[0]!, list[2]!]))).toEqual(['-vpc a']);
    fill(catalog.begin('one', false, '5'), [vpc('a', ['fd00::/16'])]);
    fill(catalog.begin('one', false, '6'), [vpc('c', [])]);
    expect(net6(catalog, 'b')).toEqual(['fd00::/16']);
  });

  it('go by the preference of sources first, and by age inside one and its family', () => {
    const catalog = new Catalog({
      sources: ['etcd/b', 'files', 'etcd/a'],
      familyOf: (source) => source.split('/')[0]!,
    });
    const put = (source: string, name: string, stamp: string): void => {
      const transaction = catalog.begin(source, false, '1');
      transaction.put(vpc(name, ['fd00::/16']), undefined, '1', stamp);
      for (const _ of transaction.commit()) void _;
    };
    const owner = (): string[] => ['b', 'f', 'a'].filter((name) => net6(catalog, name)?.length === 1);
    put('files', 'f', '1');
    put('etcd/b', 'b', '9');
    expect(owner()).toEqual(['b']);
    expect(catalog.conflicts()[0]!.reason).toMatch(/which etcd\/b, a preferred source, says$/);
    put('etcd/a', 'a', '8');
    expect(owner()).toEqual(['a']);
    for (const _ of catalog.setSources(['files', 'etcd/b', 'etcd/a'])) void _;
    expect(owner()).toEqual(['f']);
    for (const _ of catalog.setSources(['etcd/b', 'files'])) void _;
    expect(owner()).toEqual(['b']);
  });

  it('may overlap inside one VPC; a refused claim refuses nobody', () => {
    const catalog = new Catalog({ sources: ['one'] });
    const transaction = catalog.begin('one', true, '9');
    transaction.put(vpc('a', ['fd00:1::/48', 'fd00:1::/64', 'fd00:1::/48']), undefined, '1');
    transaction.put(vpc('b', ['fd00::/16']), undefined, '2');
    transaction.put(vpc('c', ['fd00:2::/48']), undefined, '3');
    expect([...transaction.commit()]).toHaveLength(3);
    expect(net6(catalog, 'a')).toEqual(['fd00:1::/48', 'fd00:1::/64', 'fd00:1::/48']);
    expect(net6(catalog, 'b')).toEqual([]);
    expect(net6(catalog, 'c')).toEqual(['fd00:2::/48']);
  });

  it('are compared by bits, at every length', () => {
    const catalog = new Catalog({ sources: ['one'] });
    const transaction = catalog.begin('one', true, '9');
    transaction.put(vpc('a', ['fd00:8000::/17']), undefined, '1');
    transaction.put(vpc('b', ['fd00::/17']), undefined, '2');
    transaction.put(vpc('c', ['::/0']), undefined, '3');
    transaction.put(vpc('d', ['fd00::1/128', 'fd02::/33']), undefined, '4');
    for (const _ of transaction.commit()) void _;
    expect(net6(catalog, 'a')).toEqual(['fd00:8000::/17']);
    expect(net6(catalog, 'b')).toEqual(['fd00::/17']);
    expect(net6(catalog, 'c')).toEqual([]);
    expect(net6(catalog, 'd')).toEqual(['fd02::/33']);
  });
});

describe('a list', () => {
  it('is filtered, and sorted on request', () => {
    const catalog = new Catalog({ sources: ['one'] });
    fill(catalog.begin('one', true, '1'), [
      pod('b'),
      pod('a.b'),
      pod('a'),
      pod('x', { namespace: 'auth' }),
      pod('x', { vpc: 'aaa', namespace: 'zzz' }),
    ]);
    const names = (list: Iterable<Resource>) => [...list].map((resource) => keyText(keyOf(resource)));
    expect(names(catalog.list('pod', {}, true))).toEqual([
      'pod aaa/zzz/x',
      'pod aep/auth/x',
      'pod aep/shop/a',
      'pod aep/shop/a.b',
      'pod aep/shop/b',
    ]);
    expect(names(catalog.list('pod', { vpc: 'aep', namespace: 'auth' }))).toEqual(['pod aep/auth/x']);
    expect(names(catalog.list('pod', { vpc: 'aep' }))).toHaveLength(4);
    expect(names(catalog.list('service'))).toEqual([]);
  });

  it('does not change under its reader', () => {
    const catalog = new Catalog({ sources: ['one'] });
    const names = Array.from({ length: 30_000 }, (_, i) => `pod-${i}`);
    fill(
      catalog.begin('one', true, '1'),
      names.map((name) => pod(name)),
    );
    const reading = catalog.list('pod');
    const seen = [reading.next().value as Pod];
    fill(catalog.begin('one', true, '2'), [pod('other', { namespace: 'elsewhere' })]);
    for (let i = 0; i < 10_000; i++) fill(catalog.begin('one', false, '3'), [pod(`late-${i % 7}`)]);
    expect(catalog.tidy()).toBe(false);
    for (const resource of reading) seen.push(resource as Pod);
    expect(seen.map(({ name }) => name).sort()).toEqual(names.sort());
    expect(seen.every(({ namespace }) => namespace === 'shop')).toBe(true);
    while (catalog.tidy());
    expect(catalog.memory().dead).toBeLessThan(1 << 20);
  });
});
