/** Lint: each finding in its exact words, at its resource; and nothing about what is well. */
import { describe, expect, it } from 'vitest';
import { problemText } from '../../src/model.ts';
import type { Resource } from '../../src/model.ts';
import { lint } from '../../src/source/lint/lint.ts';
import type { LintOptions } from '../../src/source/lint/lint.ts';
import { validateResource } from '../../src/source/validate/validate.ts';

/** The findings about the raw objects, which stand on lines 1, 2, 3 … of f. */
function findings(raws: object[], options?: LintOptions): string[] {
  const resources = raws.map((raw, index) => {
    const { resource, issues } = validateResource(raw, { unknownKeys: 'error' });
    expect(issues).toBeUndefined();
    return { resource: resource as Resource, place: { file: 'f', line: index + 1, column: 1 } };
  });
  return lint(resources, options).map((problem) => `${problem.severity} ${problemText(problem)}`);
}

const vpc = { kind: 'vpc', name: 'a', net6: ['fd00:a::/48'], services6: ['fdcc::/32'] };
const namespace = { kind: 'namespace', vpc: 'a', name: 'n' };
const overlay = {
  ...{ kind: 'overlay', vpc: 'a', namespace: 'n', name: 'o' },
  ...{ net4: '10.1.0.0/16', net6: 'fd42::/64' },
};
const base = [vpc, namespace, overlay];
const pod = (name: string, more: object = { ip6: 'fd00:a::' + (name.length + 100) }) => ({
  ...{ kind: 'pod', vpc: 'a', namespace: 'n', name },
  ...more,
});
const service = (name: string, more: object = { ip6: 'fdcc::7' }) => ({
  ...{ kind: 'service', vpc: 'a', namespace: 'n', name },
  ...more,
});

describe('lint', () => {
  it('has nothing to say about what is well', () => {
    const app = pod('app', {
      ip6: 'fd00:a::2',
      overlays: [{ overlay: 'o', ip4: '10.1.0.2', ip6: 'fd42::2' }],
    });
    expect(findings([...base, app, pod('db'), service('front')])).toEqual([]);
  });

  it('what is only referred to, once each', () => {
    const app = { ...pod('app'), overlays: [{ overlay: 'x', ip4: '10.9.9.9' }] };
    expect(findings([app, pod('db')])).toEqual([
      'warning f:1:1: pod a/n/app: vpc a is used here, but not declared',
      'warning f:1:1: pod a/n/app: namespace a/n is used here, but not declared',
      'warning f:1:1: pod a/n/app: overlay a/n/x is used here, but not declared',
    ]);
  });

  it('an overlay of another namespace, its namespace, its prefix, and a second claim of an address on it', () => {
    const far = { kind: 'namespace', vpc: 'a', name: 'far' };
    const app = pod('app', { ip6: 'fd00:a::2', overlays: [{ overlay: 'far/net', ip4: '10.2.0.2' }] });
    expect(findings([...base, app])).toEqual([
      'warning f:4:1: pod a/n/app: namespace a/far is used here, but not declared',
      'warning f:4:1: pod a/n/app: overlay a/far/net is used here, but not declared',
    ]);
    const net = { kind: 'overlay', vpc: 'a', namespace: 'far', name: 'net', net4: '10.3.0.0/16' };
    const other = { ...pod('b'), namespace: 'far', overlays: [{ overlay: 'net', ip4: '10.2.0.2' }] };
    expect(findings([...base, far, net, app, other])).toEqual([
      'warning f:6:1: pod a/n/app: ip4 10.2.0.2 is outside net4 of overlay far/net, 10.3.0.0/16',
      'warning f:7:1: pod a/far/b: ip4 10.2.0.2 is outside net4 of overlay net, 10.3.0.0/16',
      'error f:7:1: pod a/far/b: 10.2.0.2 is claimed by pod a/n/app at f:6:1 too: only one of them gets it',
    ]);
  });

  it('overlapping net6, at the later VPC, whichever is the wider', () => {
    const b = { kind: 'vpc', name: 'b', net6: ['fd00::/16', 'fd01::/16'] };
    const c = { kind: 'vpc', name: 'c', net6: ['fd01:1::/32'] };
    expect(findings([vpc, b, c])).toEqual([
      'error f:2:1: vpc b: net6 fd00::/16 overlaps fd00:a::/48 of vpc a at f:1:1',
      'error f:3:1: vpc c: net6 fd01:1::/32 overlaps fd01::/16 of vpc b at f:2:1',
    ]);
    expect(findings([{ ...vpc, net6: ['fd00::/16', 'fd00:a::/48'] }])).toEqual([]);
  });

  it('addresses outside their prefixes', () => {
    const app = pod('app', {
      ip6: 'fd00:b::1',
      overlays: [{ overlay: 'o', ip4: '10.2.0.1', ip6: 'fd43::1' }],
    });
    expect(findings([...base, app, service('front', { ip6: 'fd00:a::9' })])).toEqual([
      'warning f:4:1: pod a/n/app: ip6 fd00:b::1 is outside net6 of vpc a, fd00:a::/48',
      'warning f:4:1: pod a/n/app: ip4 10.2.0.1 is outside net4 of overlay o, 10.1.0.0/16',
      'warning f:4:1: pod a/n/app: ip6 fd43::1 is outside net6 of overlay o, fd42::/64',
      'warning f:5:1: service a/n/front: ip6 fd00:a::9 is outside services6 of vpc a, fdcc::/32',
    ]);
  });

  it('an address held twice in a VPC, but not in two', () => {
    const x = pod('x', { ip6: 'fd00:a::1', overlays: [{ overlay: 'o', ip4: '10.1.0.1' }] });
    const y = pod('y', { ip6: 'fd00:a::1', overlays: [{ overlay: 'o', ip4: '10.1.0.1' }] });
    expect(findings([...base, x, y])).toEqual([
      'error f:5:1: pod a/n/y: fd00:a::1 is claimed by pod a/n/x at f:4:1 too: only one of them gets it',
      'error f:5:1: pod a/n/y: 10.1.0.1 is claimed by pod a/n/x at f:4:1 too: only one of them gets it',
    ]);
    const other = [
      { ...vpc, name: 'b', net6: [] },
      { ...namespace, vpc: 'b' },
      { ...overlay, vpc: 'b' },
    ];
    expect(findings([...base, x, ...other, { ...y, vpc: 'b' }])).toEqual([]);
  });

  it('an IPv4 address shared by two overlays', () => {
    const x = pod('x', { ip6: 'fd00:a::1', overlays: [{ overlay: 'o', ip4: '10.1.0.1' }] });
    const y = pod('y', { ip6: 'fd00:a::2', overlays: [{ overlay: 'o2', ip4: '10.1.0.1' }] });
    expect(findings([...base, { ...overlay, name: 'o2' }, x, y])).toEqual([
      'warning f:6:1: pod a/n/y: 10.1.0.1 is shared with pod a/n/x at f:5:1: only clients of the same overlay get it',
    ]);
  });

  it('a name that a service hides', () => {
    const app = pod('app-0', { names: ['app', 'web'], ip6: 'fd00:a::1' });
    expect(findings([...base, app, service('app')])).toEqual([
      'warning f:4:1: pod a/n/app-0: is hidden at the name "app" by service app at f:5:1',
    ]);
  });

  it('names that are no host names', () => {
    expect(findings([...base, { ...namespace, name: 'my_ns' }, pod('a_b'), pod('-x.y')])).toEqual([
      'warning f:4:1: namespace a/my_ns: "my_ns" is not a host name (RFC 1123): Java and many URL parsers refuse it',
      'warning f:5:1: pod a/n/a_b: "a_b" is not a host name (RFC 1123): Java and many URL parsers refuse it',
      'warning f:6:1: pod a/n/-x.y: "-x.y" is not a host name (RFC 1123): Java and many URL parsers refuse it',
    ]);
  });

  it('namespaces named like a public top-level domain, unless they let names out', () => {
    const shop = { ...namespace, name: 'shop' };
    expect(findings([...base, shop])).toEqual([
      'warning f:4:1: namespace a/shop: has the name of the public top-level domain .shop, which its VPC cannot reach; shadow: forward sends unknown names there',
    ]);
    expect(findings([...base, { ...shop, shadow: 'forward' }])).toEqual([]);
  });

  it('names that no query reaches, or that hide others', () => {
    const names = [
      'localhost',
      'a.localhost',
      '1.in-addr.arpa',
      'x.vpc.internal',
      'x.svc.local',
      '_h._tcp.x',
      'app.m',
    ];
    const app = pod('app', { ip6: 'fd00:a::1', names });
    const all = [...base, { ...namespace, name: 'm' }, app];
    expect(findings(all, { suffixes: ['svc.local'] })).toEqual(
      [
        'no query reaches the name "localhost": localhost is always the loopback address',
        'no query reaches the name "a.localhost": localhost is always the loopback address',
        'no query reaches the name "1.in-addr.arpa": it is read as a reverse name',
        'no query reaches the name "x.vpc.internal": podns removes the suffix vpc.internal before it reads a name',
        'no query reaches the name "x.svc.local": podns removes the suffix svc.local before it reads a name',
        'no query reaches the name "_h._tcp.x": it is read as a named port (SRV)',
        'the name "app.m" hides "app" of namespace m from namespace n',
      ].map((reason) => `warning f:5:1: pod a/n/app: ${reason}`),
    );
  });

  it('what has no address, and one aid for two', () => {
    const raws = [pod('none', {}), pod('bare', { overlays: [{ overlay: 'o' }] }), service('front', {})];
    const empty = 'has no address: its name exists, but every answer is empty';
    expect(findings([...base, ...raws])).toEqual([
      `warning f:4:1: pod a/n/none: ${empty}`,
      `warning f:5:1: pod a/n/bare: ${empty}`,
      `warning f:6:1: service a/n/front: ${empty}`,
    ]);
    const two = [pod('x', { ip6: 'fd00:a::1', aid: 'p1' }), pod('y', { ip6: 'fd00:a::2', aid: 'p1' })];
    expect(findings([...base, ...two])).toEqual([
      'warning f:5:1: pod a/n/y: has the aid p1 of pod x at f:4:1',
    ]);
  });
});
