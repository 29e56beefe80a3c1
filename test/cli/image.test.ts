/** `serve` with an image beside its saved view: what is answered from the first moment on, over UDP and TCP, and told. */
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeQuery } from '../harness/build.ts';
import { freePort } from '../harness/free-port.ts';
import { parseWire } from '../harness/wire.ts';
import { TcpClient, UdpClient } from '../transport/clients.ts';
import { podns } from './harness.ts';
import { Served } from './served.ts';

const PODS = 20_000;
const address = (i: number): string => `fdfd:1a8::${(i + 1).toString(16)}`;

let folder = '';
let control: Server | undefined;
let running: Served[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-image-'));
});
afterEach(async () => {
  for (const served of running) served.child.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  running = [];
  control?.closeAllConnections();
  control?.close();
  control = undefined;
  rmSync(folder, { recursive: true });
});

function serve(...args: string[]): Served {
  const served = new Served([...args, '--state', 'state', '--log-format', 'text'], folder);
  running.push(served);
  return served;
}

/** A control plane with PODS pods; resolves with its URL. */
async function controlPlane(): Promise<string> {
  const line = (value: object): string => `${JSON.stringify(value)}\n`;
  control = createServer((_, response) => {
    const revision = '1';
    response.write(line({ type: 'snapshot', revision }));
    response.write(
      line({ type: 'put', revision, object: { kind: 'vpc', name: 'aep', net6: ['fdfd:1a8::/48'] } }),
    );
    for (let i = 0; i < PODS; i++) {
      const object = { kind: 'pod', vpc: 'aep', namespace: 'shop', name: `p${i}`, ip6: address(i) };
      response.write(line({ type: 'put', revision, object }));
    }
    response.write(line({ type: 'synced', revision }));
  });
  control.listen(0, '127.0.0.1');
  await once(control, 'listening');
  return `http://127.0.0.1:${(control.address() as AddressInfo).port}/`;
}

const image = (): string => join(folder, 'state', 'view.ndjson.image');
const LOADED = 'all of its records are there';

it('answers rightly before, while and after the records are read, however the process before it ended', async () => {
  const url = await controlPlane();
  const port = await freePort('127.0.0.1');
  const adminPort = await freePort('127.0.0.1');
  const admin = `http://127.0.0.1:${adminPort}`;
  const args = [
    '--watch',
    url,
    '--listen',
    `127.0.0.1:${port}@aep/shop`,
    '--admin',
    `127.0.0.1:${adminPort}`,
  ];
  const first = serve(...args);
  await first.until('err', ' is live');
  const client = await UdpClient.open('127.0.0.1', port);
  // Until the view is written whole, a start writes it so, and then the image is of another one for a while.
  await expect
    .poll(() => statSync(join(folder, 'state', 'view.ndjson')).size, { timeout: 30_000 })
    .toBeGreaterThan(1e6);
  first.child.kill('SIGTERM');
  await first.ended;
  expect(statSync(image()).mode & 0o777).toBe(0o600);
  control!.closeAllConnections();
  control!.close();

  for (const end of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
    const served = serve(...args);
    const seen: number[] = [];
    let asked = 0;
    const ask = (): void => {
      const i = (asked * 7919) % PODS;
      client.send(encodeQuery({ id: asked++ & 0xffff, name: `p${i}`, type: 'AAAA' }));
    };
    const from = client.messages.length;
    // Whoever asks before the socket is bound asks again.
    while (client.messages.length === from) {
      ask();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // Of these some may still come.
    const begun = asked;
    const before = client.messages.length;
    await served.until('err', 'listening on');
    const tcp = await TcpClient.open('127.0.0.1', port);
    // No more at once than the buffers of sockets hold: whatever is missing then is an answer that was not given.
    const waiting = (): number => asked - begun - (client.messages.length - before);
    while (!served.err.includes(LOADED)) {
      for (let n = 0; n < 20 && waiting() < 100; n++) ask();
      tcp.send(encodeQuery({ id: 1, name: 'p9', type: 'AAAA' }));
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (seen.length === 0) {
        const ready = await fetch(`${admin}/readyz`).catch(() => undefined);
        if (ready === undefined) continue;
        const list = await fetch(`${admin}/v1/pods`);
        const metrics = await (await fetch(`${admin}/metrics`)).text();
        // When the records come, is a matter of luck here.
        seen.push(ready.status);
        expect([ready.status, list.status === 200 || list.status === 503]).toEqual([200, true]);
        if (list.status === 503) expect(await list.text()).toContain('are being loaded');
        expect(metrics).toContain(`podns_resources{kind="pod"} ${PODS}`);
      }
    }
    await expect.poll(waiting, { timeout: 10_000 }).toBeLessThanOrEqual(0);
    for (let n = 0; n < 100; n++) ask();
    await expect.poll(waiting, { timeout: 10_000 }).toBeLessThanOrEqual(0);
    for (const message of client.messages.slice(from)) {
      const { id, rcode, answer } = parseWire(message);
      expect([rcode, answer.map(({ text }) => text)]).toEqual([0, [address((id * 7919) % PODS)]]);
    }
    for (const message of await tcp.received(tcp.messages.length))
      expect(parseWire(message).answer.map(({ text }) => text)).toEqual([address(9)]);
    await tcp.close();
    expect(served.out).toContain(`${PODS} pods`);
    expect(served.err).not.toContain('there is no VPC');
    expect((await podns(['pod', 'ls', '--admin', admin, '-o', 'json'])).out.length).toBeGreaterThan(PODS);
    served.child.kill(end);
    await served.ended;
  }
  await client.close();
}, 120_000);

it('never answers from before an edit of a zone file that was made while nothing ran', async () => {
  // Enough that the image is worth to be read.
  const others = Array.from(
    { length: 8000 },
    (_, i) => `      p${i}: { ip6: "fdfd:1a8::1:${i.toString(16)}" }\n`,
  );
  const zone = (last: number): string =>
    `vpc: aep\nnamespaces:\n  shop:\n    pods:\n      db: { ip6: "fdfd:1a8::${last}" }\n${others.join('')}`;
  mkdirSync(join(folder, 'zones'));
  writeFileSync(join(folder, 'zones', 'a.yaml'), zone(1));
  const args = ['--listen', '127.0.0.1:0@aep/shop', '--admin', 'off'];
  const ask = async (served: Served): Promise<string> =>
    (await podns(['query', 'db', '--short', '--server', await served.address()])).out.trim();
  const first = serve(...args);
  expect(await ask(first)).toBe('fdfd:1a8::1');
  first.child.kill('SIGTERM');
  await first.ended;
  expect(existsSync(image())).toBe(true);

  const second = serve(...args);
  expect(await ask(second)).toBe('fdfd:1a8::1');
  expect(second.err).toContain('the image of the saved view is served');
  second.child.kill('SIGTERM');
  await second.ended;
  writeFileSync(join(folder, 'zones', 'a.yaml'), zone(2));
  const third = serve(...args);
  await third.address();
  expect(third.err).toContain('has changed since');
  await expect.poll(() => ask(third), { timeout: 60_000 }).toBe('fdfd:1a8::2');
}, 120_000);

it('reads the records of a small view at once', async () => {
  mkdirSync(join(folder, 'zones'));
  writeFileSync(
    join(folder, 'zones', 'a.yaml'),
    'vpc: aep\nnamespaces:\n  shop:\n    pods:\n      db: { ip6: "fdfd:1a8::1" }\n',
  );
  const args = ['--listen', '127.0.0.1:0@aep/shop', '--admin', 'off'];
  for (let times = 0; times < 2; times++) {
    const served = serve(...args);
    const answer = await podns(['query', 'db', '--short', '--server', await served.address()]);
    expect(answer.out.trim()).toBe('fdfd:1a8::1');
    expect(served.err.includes('the saved view is served')).toBe(times > 0);
    expect(served.err).not.toContain('the image of');
    served.child.kill('SIGTERM');
    await served.ended;
    expect(existsSync(image())).toBe(true);
  }
});
