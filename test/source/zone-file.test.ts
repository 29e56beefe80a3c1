/** Zone files: what they say, and every fault at its line and column. */
import { mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { keyOf, keyText, problemText } from '../../src/model.ts';
import { lint } from '../../src/source/lint/lint.ts';
import { zoneSchemaText } from '../../src/source/validate/json-schema.ts';
import { readZones } from '../../src/source/zones/zone-dir.ts';
import { parseZoneFile } from '../../src/source/zones/zone-file.ts';

const DEMO = fileURLToPath(new URL('../../zones', import.meta.url));

function read(text: string) {
  const { usable, placed, refused, problems } = parseZoneFile(text, 'f.yaml');
  return {
    usable,
    placed: placed.map(({ resource, place }) => `${keyText(keyOf(resource))} ${place.line}:${place.column}`),
    refused: [...refused.keys()],
    problems: problems.map(problemText),
  };
}

/** A document whose pods, in namespace n of VPC a, begin at line 5. */
function pods(text: string): string {
  return `vpc: a\nnamespaces:\n  n:\n    pods:\n${text}`;
}

describe('the demonstration data', () => {
  const { resources, problems } = readZones(DEMO);
  const find = (text: string) =>
    resources.find(({ resource }) => keyText(keyOf(resource)) === text)?.resource;

  it('is valid, and lint only minds that .shop is public', () => {
    expect(problems).toEqual([]);
    expect(lint(resources).map(({ severity, reason }) => `${severity} ${reason}`)).toEqual([
      expect.stringMatching(
        /^warning namespace aep\/shop: has the name of the public top-level domain \.shop/,
      ),
      expect.stringMatching(/^warning namespace globex\/shop: has the name of the public top-level domain/),
    ]);
  });

  it('holds the two tenants', () => {
    expect(find('vpc aep')).toMatchObject({ net6: ['fdfd:1a8::/48'], services6: ['fdcc:c10d::/32'] });
    expect(find('vpc globex')).toMatchObject({ net6: ['fdfd:2b7::/48'] });
    expect(find('namespace aep/nextcloud')).toMatchObject({ created: '2023-09-11T12:16:30Z' });
    const overlay = {
      aid: 'v1223123123',
      driver: 'ipip',
      net4: '10.198.62.0/23',
      net6: 'fd42:1a8:0:2a09::/64',
    };
    expect(find('overlay aep/nextcloud/default')).toMatchObject(overlay);
    expect(find('overlay globex/nextcloud/default')).toMatchObject({ net4: '10.198.62.0/23' });
    expect(find('pod aep/nextcloud/app')).toMatchObject({
      overlays: [{ ip4: '10.198.62.20', pinned: true }],
    });
    expect(find('service aep/nextcloud/front')).toMatchObject({
      ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
    });
  });

  it('has a schema that is the one of the validation (scripts/schema.mjs writes it)', () => {
    expect(readFileSync(join(DEMO, 'schema.json'), 'utf8')).toBe(zoneSchemaText());
  });
});

describe('text stays text', () => {
  it('names that look like numbers, truths or nothing', () => {
    const { placed } = parseZoneFile(
      pods(
        '      no: { names: [007, true, 1e3, null], aid: 0123, ready: false }\n      null:\n      1.0: {}\n',
      ),
      'f',
    );
    expect(placed.slice(2).map(({ resource }) => resource)).toMatchObject([
      { name: 'no', names: ['007', 'true', '1e3', 'null'], aid: '0123', ready: false },
      { name: 'null' },
      { name: '1.0' },
    ]);
  });

  it('times, also under %YAML 1.1', () => {
    const { placed } = parseZoneFile(
      '%YAML 1.1\n---\nvpc: a\nnamespaces: { n: { created: 2023-09-11T12:16:30Z } }',
      'f',
    );
    expect(placed[1]!.resource).toMatchObject({ name: 'n', created: '2023-09-11T12:16:30Z' });
  });

  it('follows aliases', () => {
    const { placed } = parseZoneFile(
      pods('      a: &a { ip6: "fd::1", ports: { http: 80 } }\n      b: *a\n'),
      'f',
    );
    expect(placed[3]!.resource).toMatchObject({ name: 'b', ip6: 'fd::1', ports: [{ port: 80 }] });
  });
});

describe('anchors and merge keys', () => {
  it('merge below what is written, the first source before the later, through several levels', () => {
    const { placed, problems } = parseZoneFile(
      `x-base: &base { aid: base, ready: false, x-why: anything }
x-more: &more { <<: *base, aid: more, names: [m] }
vpc: a
namespaces:
  n:
    x-note: [1, 2]
    pods: &pods
      a: { <<: *more, ready: true }
      b: { aid: own, <<: [*base, *more] }
      x-c: { ip6: "fd00::1", overlays: { default: { x-note: 1, ip4: 10.0.0.1 }, x-net: 10.0.0.2 } }
    overlays: { default: , x-net: }
  m:
    pods: { <<: *pods, a: { aid: other } }
`,
      'f',
    );
    expect(problems).toEqual([]);
    const pods = placed.flatMap(({ resource }) => (resource.kind === 'pod' ? [resource] : []));
    expect(pods).toMatchObject([
      { name: 'a', namespace: 'n', aid: 'more', ready: true, names: ['m'] },
      { name: 'b', namespace: 'n', aid: 'own', ready: false, names: ['m'] },
      { name: 'x-c', namespace: 'n', overlays: [{ overlay: 'default' }, { overlay: 'x-net' }] },
      { name: 'a', namespace: 'm', aid: 'other', ready: true, names: [] },
      { name: 'b', namespace: 'm', aid: 'own' },
      { name: 'x-c', namespace: 'm' },
    ]);
  });

  it('show a fault at the anchor that holds it, and a merge of something else where it is', () => {
    expect(read('x: 1\nvpc: a\n').problems[0]).toContain('"x" is not a key of a vpc');
    const { problems } = read(
      'x-a: &a { ip6: nope }\nvpc: a\nnamespaces: { n: { pods: { p: { <<: *a } } } }\n',
    );
    expect(problems).toEqual(['f.yaml:1:16: pod a/n/p: ip6: "nope" is not an IPv6 address']);
    const wrong = read('vpc: a\nnamespaces: { n: { pods: { p: { <<: 7 } } } }\n');
    expect(wrong.problems).toEqual(['f.yaml:2:37: <<: needs an alias of a map, or a list of such aliases']);
    expect(read('vpc: a\nnamespaces: &n { <<: *n }\n').problems).toEqual([
      expect.stringMatching(/nested too deeply$/),
    ]);
  });
});

describe('one resource is refused alone', () => {
  const cases: [string, string, string][] = [
    [
      'a bad address',
      '      x: { ip6: fdfd::zz }\n',
      'f.yaml:5:17: pod a/n/x: ip6: "fdfd::zz" is not an IPv6 address',
    ],
    [
      'a bad one in a list',
      '      x:\n        names: [ok,\n          not ok]\n',
      'f.yaml:7:11: pod a/n/x: names[1]: "not ok": " " is not allowed, only letters, digits, - and _',
    ],
    [
      'deep inside',
      '      x: { overlays: { o: { ip4: 1.2.3 } } }\n',
      'f.yaml:5:34: pod a/n/x: overlays.o.ip4: "1.2.3" is not an IPv4 address',
    ],
    [
      'an unknown key',
      '      x:\n        ipv6: fd::1\n',
      'f.yaml:6:9: pod a/n/x: "ipv6" is not a key of a pod; its keys are aid, names, ip6, overlays, ports, ready',
    ],
    [
      'an unknown key inside',
      '      x: { overlays: { o: { v4: 1 } } }\n',
      'f.yaml:5:29: pod a/n/x: overlays.o.v4: is not a key of an overlay address; its keys are ip4, ip6, pinned',
    ],
    [
      'kind, which is no key',
      '      x: { kind: vpc }\n',
      'f.yaml:5:12: pod a/n/x: "kind" is not a key of a pod; its keys are aid, names, ip6, overlays, ports, ready',
    ],
    [
      'a key twice',
      '      x: { ip6: "fd::1", ip6: "fd::2" }\n',
      'f.yaml:5:26: pod a/n/x: "ip6" is written twice',
    ],
    [
      'a key twice inside',
      '      x: { ports: { h: 1, h: 2 } }\n',
      'f.yaml:5:27: pod a/n/x: "h" is written twice',
    ],
    [
      'a value for a body',
      '      x: fd::1\n',
      'f.yaml:5:10: pod a/n/x: a pod must be a map of keys to values',
    ],
    [
      'a bad port',
      '      x: { ports: { h: 99999 } }\n',
      'f.yaml:5:24: pod a/n/x: ports.h: "99999" must be PORT/PROTOCOL, as in 80/tcp',
    ],
  ];
  it.each(cases)('%s', (_name, text, expected) => {
    expect(read(pods(text + '      y: {}\n'))).toMatchObject({
      usable: true,
      placed: ['vpc a 1:6', 'namespace a/n 3:3', expect.stringMatching(/^pod a\/n\/y /)],
      refused: ['pod a/n/x'],
      problems: [expected],
    });
  });

  it('a bad name is shown at the name', () => {
    expect(read(pods('      _pods: {}\n')).problems).toEqual([
      'f.yaml:5:7: pod "_pods": name: "_pods" is reserved',
    ]);
    expect(read('vpc: a\nnamespaces: { localhost: { pods: { x: {} } } }')).toMatchObject({
      usable: true,
      placed: ['vpc a 1:6'],
      problems: ['f.yaml:2:15: namespace "localhost" is reserved; it is left out with its content'],
    });
  });

  it('a name twice: the first counts, both places are told', () => {
    const result = read(pods('      x: {}\n      y: {}\n      x: {}\n'));
    expect(result.placed).toHaveLength(4);
    expect(result.problems).toEqual([
      'f.yaml:7:7: pod "x" is written twice; the first, at f.yaml:5:7, counts',
    ]);
  });

  it('a VPC and a namespace, and what they hold stays', () => {
    expect(read('vpc: a\nnet6: [x]\nfoo: 1\nnamespaces: { n: { created: now, pods: { x: {} } } }')).toEqual({
      usable: true,
      placed: ['pod a/n/x 4:42'],
      refused: ['vpc a', 'namespace a/n'],
      problems: [
        'f.yaml:2:8: vpc a: net6[0]: "x" is not an IPv6 prefix',
        'f.yaml:3:1: vpc a: "foo" is not a key of a vpc; its keys are vpc, namespaces, net6, services6, id, created, a_records, forward, upstreams, routes, hosts',
        'f.yaml:4:29: namespace a/n: created: "now" is not a time as in 2023-09-11T12:16:30Z (RFC 3339)',
      ],
    });
  });
});

describe('a file is unusable as a whole', () => {
  const cases: [string, string, string][] = [
    [
      'no YAML',
      'vpc: [a',
      'f.yaml:1:8: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['a tab', 'vpc: a\n\tx: 1', 'f.yaml:2:1: Tabs are not allowed as indentation'],
    ['no map', '- a', 'f.yaml:1:1: a document must be a map that begins with vpc: NAME'],
    ['no vpc', 'net6: []', 'f.yaml:1:1: vpc: is missing'],
    ['a vpc without name', 'vpc:', 'f.yaml:1:5: vpc: is missing'],
    ['a vpc that is no name', 'vpc: a.b', 'f.yaml:1:6: vpc: "a.b" must be one label, without dots'],
    ['vpc twice', 'vpc: a\nvpc: b', 'f.yaml:2:1: "vpc" is written twice, first at f.yaml:1:1'],
    [
      'a namespace twice',
      'vpc: a\nnamespaces:\n  n: {}\n  n: {}',
      'f.yaml:4:3: "n" is written twice, first at f.yaml:3:3',
    ],
    [
      'pods as a list',
      'vpc: a\nnamespaces: { n: { pods: [x] } }',
      'f.yaml:2:26: pods: must be a map of names to resources',
    ],
    ['a namespace as text', 'vpc: a\nnamespaces: { n: x }', 'f.yaml:2:18: a namespace must be a map'],
    ['an alias of nothing', 'vpc: a\nnamespaces: *x', 'f.yaml:2:13: there is no anchor &x before this alias'],
    ['an alias of itself', 'vpc: a\nnet6: &x [*x]', 'f.yaml:2:10: is nested too deeply'],
    ['a map for a key', '? { a: 1 }\n: 2', 'f.yaml:1:3: a key must be text'],
    [
      'the second document',
      'vpc: a\n---\nfoo: [',
      'f.yaml:3:7: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ];
  it.each(cases)('%s', (_name, text, expected) => {
    const result = read(text);
    expect(result).toMatchObject({ usable: false, placed: [] });
    expect(result.problems[0]).toBe(expected);
  });

  it('an alias bomb, and brackets without end', () => {
    let bomb = 'vpc: a\nx0: &a0 [x, x, x, x, x, x, x, x, x]\n';
    for (let i = 1; i < 9; i++)
      bomb += `x${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]\n`;
    const result = read(bomb + 'upstreams: *a8\n');
    expect(result.usable).toBe(false);
    expect(result.problems[0]).toMatch(
      /^f\.yaml:\d+:\d+: its aliases expand to more than 100\d{3} values: use fewer aliases$/,
    );
    const deep = read('vpc: a\nid: ' + '['.repeat(20_000));
    expect(deep.usable).toBe(false);
    expect(deep.problems).toEqual([expect.stringMatching(/^f\.yaml:2:\d+: is nested too deeply$/)]);
  });

  it('but nothing at all, and comments only, are an empty file', () => {
    for (const text of ['', '# nothing\n', '---\n---\n', '\ufeff'])
      expect(read(text)).toEqual({ usable: true, placed: [], refused: [], problems: [] });
  });
});

describe('a directory', () => {
  const directories: string[] = [];
  function directory(files: Record<string, string | Uint8Array>): string {
    const dir = mkdtempSync(join(tmpdir(), 'podns-zones-'));
    directories.push(dir);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    return dir;
  }
  afterEach(() => {
    for (const dir of directories.splice(0)) rmSync(dir, { recursive: true });
  });

  it('gives a resource to the first file in name order, and tells both places', () => {
    const dir = directory({
      'b.yaml': 'vpc: a\nnet6: [fd00::/48]\nnamespaces: { n: { pods: { x: { ip6: "fd00::b" } } } }',
      'a.yml': 'vpc: a\nnamespaces: { n: { pods: { x: { ip6: "fd00::a" } } } }',
      'c.yaml': 'vpc: a\nnet6: [fd01::/48]',
      '.hidden.yaml': 'nonsense',
      'readme.txt': 'nonsense',
    });
    const { resources, problems } = readZones(dir);
    expect(resources.map(({ resource }) => resource)).toMatchObject([
      { kind: 'vpc', name: 'a', net6: ['fd00::/48'] },
      { kind: 'namespace', name: 'n' },
      { kind: 'pod', name: 'x', ip6: 'fd00::a' },
    ]);
    expect(problems.map(problemText)).toEqual([
      `${dir}/b.yaml:3:28: pod a/n/x is already at ${dir}/a.yml:2:28, which counts`,
      `${dir}/c.yaml:1:6: vpc a is already at ${dir}/b.yaml:1:6, which counts`,
    ]);
  });

  it('tells of files that cannot be read as text', () => {
    const dir = directory({ 'a.yaml': Uint8Array.of(0x76, 0xff, 0xfe), 'b.yaml': 'vpc: b' });
    symlinkSync('nowhere', join(dir, 'c.yaml'));
    mkdirSync(join(dir, 'd.yaml'));
    const { resources, problems } = readZones(dir);
    expect(resources).toHaveLength(1);
    expect(problems.map(problemText)).toEqual([
      `${dir}/a.yaml: is not UTF-8`,
      `${dir}/c.yaml: is a dangling symbolic link`,
    ]);
    expect(readZones(join(dir, 'b.yaml')).resources).toHaveLength(1);
    expect(readZones(join(dir, 'none')).problems.map(problemText)).toEqual([`${dir}/none: does not exist`]);
    expect(readZones(directory({})).problems).toMatchObject([
      { severity: 'warning', reason: 'has no *.yaml file' },
    ]);
  });
});
