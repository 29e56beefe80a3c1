/** Where koffi is not to be had, node:dgram serves: one line in the log says so, and a metric. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeQuery } from '../harness/build.ts';
import { parseWire } from '../harness/wire.ts';
import { Served } from '../cli/served.ts';
import { UdpClient } from './clients.ts';

/** Preloaded: every attempt to find the package fails, as where it is not installed. */
const ABSENT = `
const { Module } = require('node:module');
const find = Module._resolveFilename;
Module._resolveFilename = function (name, ...rest) {
  if (name !== 'koffi') return find.call(this, name, ...rest);
  throw Object.assign(new Error("Cannot find module 'koffi'"), { code: 'MODULE_NOT_FOUND' });
};
`;

let folder = '';
let running: Served | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-without-'));
  mkdirSync(join(folder, 'zones'));
  const zone = { vpc: 'aep', namespaces: { web: { pods: { db: { ip6: 'fdfd:1a8::1' } } } } };
  writeFileSync(join(folder, 'zones', 'aep.yaml'), JSON.stringify(zone));
  writeFileSync(join(folder, 'absent.cjs'), ABSENT);
});
afterEach(async () => {
  running?.child.kill('SIGKILL');
  await running?.ended;
  rmSync(folder, { recursive: true });
});

function serve(args: string[]): Served {
  return (running = new Served(args, folder, { NODE_OPTIONS: `--require ${join(folder, 'absent.cjs')}` }));
}

test('without koffi every listener answers over node:dgram, and one line tells why', async () => {
  const listeners = ['127.0.0.1', '127.0.0.2', '[::1]'].flatMap((host) => ['--listen', `${host}:0@aep/web`]);
  const served = serve([...listeners, '--admin', '127.0.0.1:0', '--forward', 'off']);
  await served.until('out', 'try:');
  for (let i = 0; i < 3; i++) {
    const address = await served.address(i);
    const colon = address.lastIndexOf(':');
    const client = await UdpClient.open(
      address.slice(0, colon).replace(/[[\]]/g, ''),
      Number(address.slice(colon + 1)),
    );
    client.send(encodeQuery({ id: 7, name: 'db', type: 'AAAA' }));
    const [answer] = await client.received(1);
    expect(parseWire(answer!).answer.map(({ text }) => text)).toEqual(['fdfd:1a8::1']);
    await client.close();
  }
  const admin = /^ {2}admin {2}(\S+)$/m.exec(served.out)![1]!;
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  expect(metrics.match(/^podns_udp_transport\{.*kind="dgram"\} 1$/gm)).toHaveLength(3);
  expect(metrics).not.toContain('kind="batch"');
  served.child.kill('SIGTERM');
  expect(await served.ended).toEqual({ code: 0, signal: null });
  const warnings = served.err
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: number | string; msg: string })
    .filter(({ msg }) => msg.includes('koffi'));
  expect(warnings.map(({ msg }) => msg)).toEqual([
    "node:dgram answers UDP, several times slower than the batch transport: koffi is not usable: Cannot find module 'koffi'",
  ]);
});

test('without koffi an address that no interface has is an error', async () => {
  const elsewhere = serve(['--listen', '192.0.2.1:5300@aep', '--admin', 'off']);
  expect(await elsewhere.ended).toEqual({ code: 69, signal: null });
  expect(elsewhere.err).toContain('192.0.2.1:5300@aep: no interface of this host has this address');
});
