/** `-o json`: each command that prints facts has it, and its documents hold what the text holds. */
import type { Command } from 'commander';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { ServerCore } from '../../src/server.ts';
import { podns } from './harness.ts';

/** They print a program, run until they are stopped, or start what does. */
const WITHOUT = ['podns completion', 'podns serve', 'podns upgrade'];

const ZONE = `
vpc: aep
net6: ["fdfd:1a8::/48"]
namespaces:
  shop:
    pods:
      app: { ip6: "fdfd:1a8::3:1" }
`;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-json-'));
  mkdirSync(join(folder, 'zones'));
  writeFileSync(join(folder, 'zones', 'aep.yaml'), ZONE);
  writeFileSync(
    join(folder, 'bad.yaml'),
    'vpc: v\nnamespaces: { n: { pods: { web: { ip6: nonsense } } } }\n',
  );
  writeFileSync(
    join(folder, 'compose.yaml'),
    'services: { db: { image: x }, web: { image: x, extra: 1, networks: { a: { ipv4_address: 10.0.0.2 } } } }\n' +
      'networks: { a: { ipam: { config: [{ subnet: 10.0.0.0/24 }] } } }\n',
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

function leaves(command: Command, path: string): [string, Command][] {
  if (command.commands.length === 0) return [[path, command]];
  return command.commands.flatMap((child) => leaves(child, `${path} ${child.name()}`));
}

it('is a choice of every command that prints facts', async () => {
  const io = { out() {}, err() {}, input: () => Promise.resolve(''), environment: {}, folder };
  const without = leaves(await buildProgram(io), 'podns').filter(
    ([, command]) =>
      !command.options.some(({ short, argChoices }) => short === '-o' && argChoices?.includes('json')),
  );
  expect(without.map(([path]) => path).sort()).toEqual(WITHOUT);
});

describe('the documents', () => {
  it('of check have every problem with its place, and the exit code stays', async () => {
    const good = await podns(['check', 'zones', '-o', 'json'], { folder });
    expect(good.code).toBe(0);
    expect(JSON.parse(good.out)).toEqual({
      errors: 0,
      warnings: 1,
      problems: [
        {
          severity: 'warning',
          file: join(folder, 'zones', 'aep.yaml'),
          line: 5,
          column: 3,
          reason: expect.stringContaining('.shop') as string,
        },
      ],
    });
    const bad = await podns(['check', 'bad.yaml', '-o', 'json'], { folder });
    expect(bad.code).toBe(78);
    const { errors, problems } = JSON.parse(bad.out) as {
      errors: number;
      problems: Record<string, unknown>[];
    };
    expect(errors).toBe(1);
    const [problem] = problems.filter(({ severity }) => severity === 'error');
    expect(problem).toMatchObject({ file: join(folder, 'bad.yaml'), line: 2 });
    expect(problem!['column']).toBeGreaterThan(1);
    expect(problem!['reason']).toContain('nonsense');
  });

  it('of resolv-conf have what resolvers read', async () => {
    const args = ['resolv-conf', 'aep/shop/app', '--zones', 'zones', '-o', 'json'];
    const ran = await podns([...args, '--server', '10.0.0.1:5353', '--server', 'fd00::53'], { folder });
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(ran.out)).toEqual({
      vpc: 'aep',
      namespace: 'shop',
      pod: 'app',
      nameservers: [
        { address: 'fd00::53', port: 53, remarks: [] },
        { address: '10.0.0.1', port: 5353, remarks: [expect.stringContaining('port 5353') as string] },
      ],
      leftOut: [],
      search: ['shop.vpc.internal'],
      options: ['ndots:1', 'timeout:5', 'attempts:2'],
      remarks: [],
    });
  });

  it('of import have the zone file and the report', async () => {
    const plain = await podns(['import', 'compose', '-n', 'n'], { folder });
    const ran = await podns(['import', 'compose', '-n', 'n', '-o', 'json'], { folder });
    expect(ran).toMatchObject({ code: 0, err: '' });
    const report = JSON.parse(ran.out) as {
      zone: string;
      problems: { reason: string }[];
      withoutAddress: string[];
    };
    expect(report.zone).toBe(plain.out);
    expect(report.withoutAddress).toEqual(['db-1']);
    expect(plain.err.split('\n').length - 2).toBe(report.problems.length);
    const wrong = await podns(['import', 'compose', '-n', 'a..b', '-o', 'json'], { folder });
    expect(wrong.code).toBe(78);
    expect(JSON.parse(wrong.out)).toMatchObject({ zone: null, problems: [{ severity: 'error' }] });
  });

  it('of query have the message, and the exit code stays', async () => {
    const server = new ServerCore({ config: { workers: 0, nodeName: 'n1' } });
    await server.apply({
      put: [{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'app', ip6: 'fdfd:1a8::3:1' }],
    });
    const { text } = (await server.listen('127.0.0.1:0@aep/shop')).listener;
    const address = text.split('@')[0]!;
    const ran = await podns(['query', 'app', '--server', address, '-o', 'json']);
    const none = await podns(['query', 'absent', '--server', address, '-o', 'json']);
    await server.close(0);
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(ran.out)).toMatchObject({
      status: 'NOERROR',
      flags: expect.arrayContaining(['qr', 'aa']) as string[],
      question: { name: 'app.', class: 'IN', type: 'AAAA' },
      answer: [{ name: 'app.', ttl: 1, class: 'IN', type: 'AAAA', data: 'fdfd:1a8::3:1' }],
      edns: { version: 0, nsid: 'n1', errors: [] },
      server: address,
      protocol: 'UDP',
    });
    expect(none).toMatchObject({ code: 3, err: '' });
    expect(JSON.parse(none.out)).toMatchObject({
      status: 'NXDOMAIN',
      answer: [],
      authority: [{ type: 'SOA' }],
    });
  });
});
