/** The control plane of the documentation works as it is, and is as short as it says. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { CLIENT, eventually, Node, pod, RESERVE, VPC } from '../watch/nodes.ts';

const FILE = fileURLToPath(new URL('../../examples/control-plane/control-plane.mjs', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/watch.md', import.meta.url));

let child: ChildProcess | undefined;
let node: Node | undefined;
afterEach(async () => {
  await node?.close();
  child?.kill();
});

async function example(port = '0'): Promise<string> {
  child = spawn(process.execPath, [FILE, port], { stdio: ['ignore', 'pipe', 'inherit'] });
  const given = await new Promise<string>((resolve) =>
    child!.stdout!.setEncoding('utf8').once('data', resolve),
  );
  return given.trim();
}

async function tell(port: string, method: 'PUT' | 'DELETE', object: object): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}`, { method, body: JSON.stringify(object) });
  expect(response.status).toBe(200);
}

it('is thirty lines long, and in the documentation', () => {
  const code = readFileSync(FILE, 'utf8');
  expect(code.trimEnd().split('\n').length).toBeLessThanOrEqual(30);
  expect(readFileSync(PAGE, 'utf8')).toContain(`\`\`\`js\n${code}\`\`\``);
});

it('feeds a podns, through changes, a broken connection and its own restart', async () => {
  const port = await example();
  node = await new Node({ config: { watch: [`http://127.0.0.1:${port}/`] }, reserve: RESERVE }).start();
  const { server } = node;
  const db = (): Promise<string> => node!.ask('db');
  for (const object of [VPC, CLIENT, pod('db', 'fd00::2')]) await tell(port, 'PUT', object);
  await eventually(db, (text) => text === 'NOERROR fd00::2');
  await tell(port, 'PUT', pod('db', 'fd00::3'));
  await eventually(db, (text) => text === 'NOERROR fd00::3');
  expect((await node.status()).propagation.committed.count).toBeGreaterThan(0);
  await tell(port, 'DELETE', { kind: 'pod', vpc: 'v', namespace: 'n', name: 'db' });
  await eventually(db, (text) => text === 'NXDOMAIN');

  // Started again it knows nothing of its past, and does not take our revision for one of its own.
  const ended = new Promise((resolve) => child!.once('exit', resolve));
  child!.kill('SIGKILL');
  await ended;
  await example(port);
  for (const object of [VPC, CLIENT, pod('db', 'fd00::4')]) await tell(port, 'PUT', object);
  await eventually(db, (text) => text === 'NOERROR fd00::4');
  expect(server.status()[0]).toMatchObject({ state: 'live', problems: [] });
});
