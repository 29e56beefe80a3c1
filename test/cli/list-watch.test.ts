/** `ls NAME`, lists without a row, and `ls --watch` of a running server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdmin, type Admin } from '../../src/admin/http.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import { run } from '../../src/cli/program.ts';
import { ServerCore } from '../../src/server.ts';
import { podns } from './harness.ts';

const ZONE = `
vpc: aep
namespaces:
  shop:
    pods:
      app-0: { aid: p0, ip6: "fdfd:1a8::3:1" }
      a.b: { aid: p1 }
  back:
    pods:
      app-0: { aid: p2 }
`;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-ls-'));
  writeFileSync(join(folder, 'aep.yaml'), ZONE);
});
afterAll(() => rmSync(folder, { recursive: true }));

const offline = (...args: string[]) => podns([...args, '--zones', 'aep.yaml'], { folder });

describe('one resource', () => {
  it.each([
    [
      ['pod', 'ls', 'app-0'],
      ['p2', 'p0'],
    ],
    [['pod', 'ls', 'Shop/app-0'], ['p0']],
    [['pod', 'ls', 'aep/back/app-0'], ['p2']],
    [['pod', 'ls', 'shop/a.b'], ['p1']],
    [['pod', 'ls', 'p1'], ['p1']],
    [['pod', 'ls', 'app-0', '-n', 'back'], ['p2']],
    [['ns', 'ls', 'aep/shop'], ['shop']],
    [['vpc', 'ls', 'aep'], ['-']],
  ])('%j', async (args, first) => {
    const ran = await offline(...args);
    expect(ran).toMatchObject({ code: 0, err: '' });
    const rows = ran.out.split('\n').slice(1, -1);
    expect(rows.map((row) => row.split(/ +/)[0])).toEqual(first);
  });

  it.each([
    [['pod', 'ls', 'web'], 'no pod matches web'],
    [['pod', 'ls', 'globex/shop/app-0'], 'no pod matches globex/shop/app-0'],
    [['pod', 'ls', 'app-0', '-n', 'none', '--vpc', 'aep'], 'no pod matches app-0 -n none --vpc aep'],
    [['vpc', 'ls', 'globex'], 'no VPC matches globex'],
  ])('%j is not there: 3', async (args, text) => {
    expect(await offline(...args)).toEqual({ code: 3, out: '', err: `podns: ${text}\n` });
    const json = await offline(...args, '-o', 'json');
    expect(json).toEqual({ code: 3, out: '[]\n', err: `podns: ${text}\n` });
  });

  it('is named by the parts that its kind has', async () => {
    const many = await offline('pod', 'ls', 'a/b/c/d');
    expect(many.code).toBe(2);
    expect(many.err).toBe('podns: "a/b/c/d": a pod is named as VPC/NS/NAME or NS/NAME or NAME\n');
    expect((await offline('vpc', 'ls', 'aep/shop')).err).toContain('a VPC is named as VPC');
    expect((await offline('pod', 'ls', 'shop/')).code).toBe(2);
  });
});

it('a filter that matches nothing is told on stderr, without a header: 0', async () => {
  expect(await offline('pod', 'ls', '-n', 'none')).toEqual({
    code: 0,
    out: '',
    err: 'podns: no pod matches -n none\n',
  });
  expect(await offline('service', 'ls')).toEqual({ code: 0, out: '', err: 'podns: there is no service\n' });
  expect(await offline('ns', 'ls', '--vpc', 'x', '-o', 'json')).toEqual({ code: 0, out: '[]\n', err: '' });
});

describe('--watch', () => {
  let server: ServerCore;
  let admin: Admin;
  let url = '';
  beforeEach(async () => {
    server = new ServerCore({ config: { workers: 0 } });
    await server.apply({
      put: [{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'app', aid: 'p1', ip6: 'fdfd:1a8::3:1' }],
    });
    const facts = { readiness: () => server.readiness() };
    admin = createAdmin({ bind: '127.0.0.1:0', facts, routes: serverRoutes(server, '0') });
    url = `http://${await admin.open()}`;
  });

  /** Runs a command until `steps` have seen their text, then ends the server. */
  async function watched(args: string[], steps: [until: string, then: () => Promise<unknown>][]) {
    let out = '';
    let err = '';
    const waiting = [...steps];
    const ended = run([...args, '--watch', '--admin', url], {
      out: (text) => {
        out += text;
        while (waiting.length > 0 && out.includes(waiting[0]![0])) void waiting.shift()![1]();
      },
      err: (text) => void (err += text),
      input: () => Promise.resolve(''),
      environment: {},
      folder,
    });
    return { code: await ended, out, err };
  }
  async function end(): Promise<void> {
    await admin.close();
    await server.close(0);
  }
  const put = (name: string, more: object = {}) =>
    server.apply({ put: [{ kind: 'pod', vpc: 'aep', namespace: 'shop', name, ...more }] });

  it('prints the list, then each change of its resources', async () => {
    const ran = await watched(
      ['pod', 'ls', '-n', 'shop'],
      [
        ['p1', () => server.apply({ put: [{ kind: 'pod', vpc: 'aep', namespace: 'other', name: 'x' }] })],
        ['p1', () => put('app', { aid: 'p1', ready: false, ip6: 'fdfd:1a8::3:1' })],
        ['no     put', () => put('db', { aid: 'p2' })],
        ['p2', () => server.apply({ delete: [{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'app' }] })],
        ['delete', end],
      ],
    );
    expect(ran.out.split('\n')).toEqual([
      'aid  namespace  name  ip6            overlays  ready  change',
      'p1   shop       app   fdfd:1a8::3:1  -         yes    -',
      'p1   shop       app   fdfd:1a8::3:1  -         no     put',
      'p2   shop       db    -              -         yes    put',
      'p1   shop       app   fdfd:1a8::3:1  -         no     delete',
      '',
    ]);
    expect(ran.code).toBe(4);
    expect(ran.err).toContain('the server ended the stream');
  });

  it('shows what pods only refer to, as it comes and goes', async () => {
    const ran = await watched(
      ['ns', 'ls', '-o', 'json'],
      [
        ['shop', () => server.apply({ put: [{ kind: 'pod', vpc: 'aep', namespace: 'late', name: 'x' }] })],
        ['late', () => server.apply({ delete: [{ kind: 'pod', vpc: 'aep', namespace: 'late', name: 'x' }] })],
        ['delete', end],
      ],
    );
    const lines = ran.out.trim().split('\n');
    expect(lines.map((text) => JSON.parse(text) as object)).toEqual([
      { change: 'list', object: { kind: 'namespace', vpc: 'aep', name: 'shop' } },
      { change: 'put', object: { kind: 'namespace', vpc: 'aep', name: 'late' } },
      { change: 'delete', object: { kind: 'namespace', vpc: 'aep', name: 'late' } },
    ]);
  });

  it('needs a server', async () => {
    await end();
    const files = await podns(['pod', 'ls', '--watch', '--zones', '.'], { folder });
    expect(files.code).toBe(2);
    expect(files.err).toContain('--watch follows a running server');
    expect((await podns(['pod', 'ls', '--watch', '--admin', url], { folder })).code).toBe(4);
  });
});
