/** Projects of several files: what is refused, at which place, and the bounds of what they may ask for. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { convert, convertFiles, type Read } from './compose-text.ts';
import { podns } from './harness.ts';

let folder = '';
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'podns-files-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Reads the first of the files. */
function read(files: Record<string, string>): Read {
  write(files);
  return convertFiles(folder, Object.keys(files)[0]!);
}

describe('what extends', () => {
  it.each<[string, Record<string, string>, string]>([
    [
      'itself',
      { 'a.yaml': 'services:\n  x: { extends: y }\n  y: { extends: x }\n' },
      'a.yaml:2:17: error: services.x.extends: goes in a circle: x extends y extends x',
    ],
    [
      'itself by way of another file',
      {
        'a.yaml': 'services:\n  x: { extends: { file: b.yaml, service: y } }\n',
        'b.yaml': 'services:\n  y: { extends: { file: a.yaml, service: x } }\n',
      },
      'b.yaml:2:17: error: services.y.extends: goes in a circle: y extends y',
    ],
    [
      'what is not there',
      { 'a.yaml': 'services:\n  x: { extends: { file: b.yaml, service: z } }\n', 'b.yaml': 'services: {}\n' },
      'a.yaml:2:17: error: services.x.extends: there is no service "z" in b.yaml',
    ],
    [
      'a file that is not there',
      { 'a.yaml': 'services:\n  x: { extends: { file: sub/b.yaml, service: z } }\n' },
      'a.yaml:2:17: error: services.x.extends: sub/b.yaml: ENOENT',
    ],
    [
      'what has no name',
      { 'a.yaml': 'services:\n  x: { extends: { file: a.yaml } }\n' },
      'a.yaml:2:17: error: services.x.extends: it names no service to extend',
    ],
  ])('%s is refused', (_what, files, problem) => {
    const { zone, problems } = read(files);
    expect(zone).toBeUndefined();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  it('may be long, but not without end', () => {
    const chain = (length: number): string =>
      `services:\n  s0: {}\n${Array.from({ length }, (_, i) => `  s${i + 1}: { extends: s${i} }\n`)
        .reverse()
        .join('')}`;
    expect(read({ 'a.yaml': chain(20) }).problems).toEqual([]);
    expect(read({ 'a.yaml': chain(40) }).problems[0]).toContain('is nested too deeply');
  });
});

describe('what includes', () => {
  it.each<[string, Record<string, string>, string]>([
    [
      'itself',
      { 'a.yaml': 'include: [sub/b.yaml]\n', 'sub/b.yaml': 'include:\n  - ../a.yaml\n' },
      'sub/b.yaml:2:5: error: include[0]: goes in a circle: a.yaml includes sub/b.yaml includes a.yaml',
    ],
    [
      'what lies elsewhere',
      { 'a.yaml': 'include: ["https://git.example/app.git"]\n' },
      'a.yaml:1:11: error: include[0]: "https://git.example/app.git" is remote and not fetched: save it as a file and name that file',
    ],
    [
      'nothing',
      { 'a.yaml': 'include: [{ env_file: x }]\n' },
      'a.yaml:1:11: error: include[0]: a path is expected',
    ],
    [
      'a file with a fault',
      { 'a.yaml': 'include: [b.yaml]\n', 'b.yaml': 'services:\n  a: {}\n  a: {}\n' },
      'b.yaml:3:3: error: "a" is written twice, the first value is at 2:6',
    ],
    [
      'without its variables',
      {
        'a.yaml': 'include: [{ path: b.yaml, env_file: no.env }]\nservices: {}\n',
        'b.yaml': 'services: {}\n',
      },
      'a.yaml:1:11: error: include[0]: no.env: ENOENT',
    ],
  ])('%s is refused', (_what, files, problem) => {
    const { zone, problems } = read(files);
    expect(zone).toBeUndefined();
    expect(problems[0]).toContain(problem);
  });

  it('may not ask for files without end', () => {
    const files: Record<string, string> = {};
    for (let i = 0; i < 12; i++) files[`${i}.yaml`] = `include: [${i + 1}.yaml, ./${i + 1}.yaml]\n`;
    const { problems } = read({ ...files, '12.yaml': 'services: {}\n' });
    expect(problems[0]).toContain('the project has more than 256 files');
  });
});

describe('bounds', () => {
  it('lets more than a hundred aliases pass, and stops a bomb where it stands', () => {
    const services = Array.from({ length: 2000 }, (_, i) => `  s${i}: { <<: *base }\n`).join('');
    const many = convert(`x-base: &base\n  expose: [80]\nservices:\n${services}`);
    expect(many.problems).toEqual([]);
    expect(Object.keys(many.zone!.pods)).toHaveLength(2000);
    const lines = [...'bcdefghijklmnopqrstuvwxyz'].map(
      (name, index) =>
        `${name}: &${name} [${Array(10).fill(`*${'abcdefghijklmnopqrstuvwxyz'[index]}`).join(',')}]`,
    );
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${lines.join('\n')}\nservices: {}\n`;
    expect(convert(bomb).problems).toEqual([
      expect.stringMatching(
        /^c\.yaml:5:\d+: error: its aliases expand to more than \d+ values: use fewer aliases$/,
      ),
    ]);
  });

  it.each([
    ['a: &a [*a]\nservices: {}\n', 'c.yaml:1:8: error: anchor &a contains itself'],
    ['a: *b\nservices: {}\n', 'c.yaml:1:4: error: '],
    [`services: ${'['.repeat(100)}${']'.repeat(100)}\n`, 'is nested too deeply'],
    [`services: ${'['.repeat(100_000)}\n`, 'is nested too deeply'],
    ['services:\n  a: { <<: [1] }\n', 'c.yaml:2:12: error: <<: needs an alias of a map'],
    ['- a\n', 'c.yaml:1:1: error: a compose file must be a map'],
    ['', 'error: a compose file needs a map of services'],
  ])('%#', (text, problem) => {
    const { zone, problems } = convert(text);
    expect(zone).toBeUndefined();
    expect(problems[0]).toContain(problem);
  });

  it('stops services that multiply by extending', () => {
    const ports = `[${Array.from({ length: 1000 }, (_, i) => i + 1).join(', ')}]`;
    const services = Array.from({ length: 2000 }, (_, i) => `  s${i}: { extends: base }\n`).join('');
    const { problems } = convert(`services:\n  base: { expose: ${ports} }\n${services}`);
    expect(problems).toEqual([
      'error: its files merge more than 1000000 values: extend or include less often',
    ]);
  });

  it('stops replicas that multiply', () => {
    const ports = Array.from({ length: 1000 }, (_, i) => i + 1).join(', ');
    const { problems } = convert(
      `services:\n  a: { scale: 900, expose: [${ports}] }\n  b: { scale: 900, expose: [1-200] }\n`,
    );
    expect(problems).toEqual([
      'c.yaml:3:6: error: services.b: its replicas make the zone too large: use fewer',
    ]);
  });

  it('refuses a file that is too long', () => {
    const { problems } = read({ 'a.yaml': `# ${'x'.repeat(4 << 20)}\nservices: {}\n` });
    expect(problems[0]).toBe('error: a.yaml: has more than 4194304 octets');
  });

  it('lists no more problems than a person reads', () => {
    const services = Array.from({ length: 1000 }, (_, i) => `  s${i}: { profiles: [p] }\n`).join('');
    const { problems } = convert(`services:\n${services}`);
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)).toBe('warning: 800 more are not listed');
  });
});

describe('files on the command line', () => {
  it('are found in a folder, or named', async () => {
    const run = (...args: string[]): ReturnType<typeof podns> =>
      podns(['import', 'compose', ...args, '-n', 'n'], { folder });
    expect(await run('.')).toMatchObject({ code: 1, err: 'podns: . has no compose.yaml; name the file\n' });
    write({
      'compose.yaml': 'services: { a: { scale: 2 } }\n',
      'compose.override.yml': 'services: { a: { scale: 1 }, b: {} }\n',
    });
    expect((await run()).out).toContain('b-1: {');
    const named = await run('compose.yaml');
    expect(named.out).not.toContain('b-1: {');
    expect(named.err).toContain('podns: compose.override.yml is ignored, because only compose.yaml is named');
    expect((await run('-f', 'compose.yaml', '-f', 'compose.override.yml')).out).toContain('a-1: {');
    expect((await run('compose.yaml', 'gone.yaml')).err).toContain('gone.yaml: there is no such file');
  });

  it('bring their profiles, unless the command line has some', async () => {
    write({
      '.env': 'COMPOSE_PROFILES=debug, extra\n',
      'compose.yaml': 'services:\n  a: { profiles: [debug] }\n  b: { profiles: [tools] }\n  c: {}\n',
    });
    const pods = async (args: string[], environment = {}): Promise<string> => {
      const { out } = await podns(['import', 'compose', '.', '-n', 'n', ...args], { folder, environment });
      return [...out.matchAll(/^ {6}(\w+)-1: \{/gm)].map((match) => match[1]).join('');
    };
    expect(await pods([])).toBe('ac');
    expect(await pods([], { COMPOSE_PROFILES: 'tools' })).toBe('bc');
    expect(await pods(['--profile', 'tools'])).toBe('bc');
    expect(await pods(['--profile', '*'])).toBe('abc');
  });
});

describe('merging', () => {
  it('lays a file over what it includes, and later files over both', () => {
    write({
      'a.yaml':
        'include: [b.yaml]\nservices:\n  x: { expose: [1], networks: { n: { aliases: !override [new] } } }\nnetworks: { n: }\n',
      'b.yaml':
        'services:\n  x: { expose: [2], container_name: x-1, networks: { n: { aliases: [old] } } }\nnetworks: { n: { internal: true } }\n',
      'c.yaml':
        'services:\n  x: { expose: null, networks: [m], container_name: !reset x }\nnetworks: { m: }\n',
    });
    const { zone, problems } = convertFiles(folder, 'a.yaml', 'c.yaml');
    expect(problems).toEqual([]);
    expect(zone).toEqual({
      overlays: { n: { driver: 'bridge', internal: true }, m: { driver: 'bridge' } },
      pods: {
        'x-1': {
          names: ['x', 'project-x-1', 'new'],
          overlays: { n: null, m: null },
          ports: { 1: '1/tcp', 2: '2/tcp' },
        },
      },
    });
  });

  it('finds the place of what comes from elsewhere', () => {
    const { problems } = read({
      'a.yaml': 'services:\n  x: { extends: { file: b.yaml, service: y }, ports: ["1"] }\n',
      'b.yaml': 'services:\n  y:\n    ports:\n      - "2"\n      - "x:y"\n',
    });
    expect(problems).toEqual([
      'b.yaml:5:9: error: services.y.ports[1]: "x:y" is not a port, as in 8080:80 or 53:53/udp',
    ]);
  });
});
