/** Real resolvers as upstreams: unbound as it stands, and loops through unbound and dnsmasq. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { buildQuery } from '../../src/dns/build.ts';
import { parseMessage } from '../../src/dns/print.ts';
import type { Message } from '../../src/dns/print.ts';
import { Forwarder } from '../../src/forward/forwarder.ts';
import { freePort } from '../harness/free-port.ts';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { requestOf, writeOpt } from './world.ts';
import type { AskParts } from './world.ts';

const folder = mkdtempSync(join(tmpdir(), 'podns-forward-'));
const running: ChildProcess[] = [];
const closing: (() => Promise<void>)[] = [];
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  for (const child of running.splice(0)) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGKILL')) await ended;
  }
});

/** Resolves once it answers anything at all. */
async function start(command: string, args: string[], port: number): Promise<string> {
  const child = spawn(command, args, { stdio: 'ignore' });
  running.push(child);
  for (let i = 0; i < 100; i++) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`);
    if (await answers(port)) return `127.0.0.1:${port}`;
    await sleep(50);
  }
  throw new Error(`${command} does not answer`);
}

function answers(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), 200);
    socket.on('error', () => resolve(false));
    socket.on('message', () => {
      clearTimeout(timer);
      resolve(true);
    });
    socket.send(buildQuery({ name: 'version.bind', type: 16, class: 3 }), port, '127.0.0.1');
  }).finally(() => socket.close());
}

async function unbound(lines: string[]): Promise<string> {
  const port = await freePort('127.0.0.1');
  const path = join(folder, `unbound-${port}.conf`);
  const server = ['verbosity: 0', 'interface: 127.0.0.1', `port: ${port}`, 'chroot: ""', 'username: ""'];
  const more = ['use-syslog: no', 'logfile: ""', 'pidfile: ""', 'do-daemonize: no', 'num-threads: 1'];
  const local = ['do-not-query-localhost: no', 'module-config: "iterator"', 'do-ip6: no', 'ede: yes'];
  const text = [...server, ...more, ...local].map((line) => `  ${line}`).join('\n');
  writeFileSync(path, `server:\n${text}\n${lines.join('\n')}\nremote-control:\n  control-enable: no\n`);
  return start('unbound', ['-d', '-c', path], port);
}

function ask(forwarder: Forwarder, parts: AskParts): Promise<Message> {
  return new Promise((resolve) => forwarder.ask(requestOf(parts), (answer) => resolve(parseMessage(answer))));
}

/** A forwarder, and a listener of it that the upstream may be told to ask. */
async function listening(): Promise<{
  port: number;
  serve(forwarder: Forwarder): void;
  queries: () => number;
}> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => socket.close(() => resolve())));
  let queries = 0;
  return {
    port: socket.address().port,
    queries: () => queries,
    serve(forwarder) {
      socket.on('message', (packet, { address, port }) => {
        queries++;
        const request = {
          packet,
          tenant: 1,
          upstreams: undefined,
          clientKey: address,
          limit: 1232,
          tcp: false,
        };
        forwarder.ask(request, (answer) => socket.send(answer.slice(), port, address));
      });
    },
  };
}

const noUnbound = missingTools(['unbound']);
if (noUnbound !== undefined) skipAloud('unbound as upstream', noUnbound);
else {
  describe('unbound', () => {
    it('answers through the forwarder: data, no data, no name, unknown types, large sets over TCP', async () => {
      const many = Array.from({ length: 200 }, (_, i) => `  local-data: "many.example. 60 A 192.0.2.${i}"`);
      const upstream = await unbound([
        '  local-zone: "example." static',
        '  local-data: "example. 3600 SOA ns.example. root.example. 1 2 3 4 60"',
        '  local-data: "www.example. 300 A 192.0.2.1"',
        '  local-data: "mail.example. 300 MX 10 www.example."',
        String.raw`  local-data: "odd.example. 300 TYPE65333 \# 4 c00cc00c"`,
        ...many,
      ]);
      const forwarder = new Forwarder({ writeOpt, upstreams: [upstream] });
      closing.push(() => forwarder.close(0));
      const www = await ask(forwarder, { name: 'WwW.example', type: 1 });
      expect(www).toMatchObject({ rcode: 0, aa: false, ra: true, question: { name: 'WwW.example.' } });
      expect(www.answer).toMatchObject([{ data: '192.0.2.1', ttl: 300 }]);
      const mail = await ask(forwarder, { name: 'mail.example', type: 15 });
      expect(mail.answer).toMatchObject([{ data: '10 www.example.' }]);
      const noData = await ask(forwarder, { name: 'www.example', type: 28 });
      expect(noData).toMatchObject({ rcode: 0, answer: [], authority: [{ type: 6 }] });
      const noName = await ask(forwarder, { name: 'nx.example', type: 28 });
      expect(noName).toMatchObject({ rcode: 3, authority: [{ type: 6 }] });
      const odd = await ask(forwarder, { name: 'odd.example', type: 65333 });
      expect(odd.answer).toMatchObject([{ data: String.raw`\# 4 c00cc00c` }]);
      const large = await ask(forwarder, { name: 'many.example', tcp: true });
      expect(large.answer).toHaveLength(200);
      const part = await ask(forwarder, { name: 'many.example' });
      expect(part.tc).toBe(true);
      expect(part.answer.length).toBeGreaterThan(70);
      expect(forwarder.counters).toMatchObject({
        malformed: 0,
        spoofed: 0,
        timeouts: 0,
        sentTcp: 1,
        errors: 0,
      });
    });

    it.each([
      ['no EDNS', { edns: undefined }],
      ['EDNS', {}],
      ['DO', { edns: { do: true } }],
      ['DO and CD', { edns: { do: true }, cd: true }],
    ])('that asks us what we ask it is found out at once, asked with %s', async (_, parts) => {
      const listener = await listening();
      const forwarding = `forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@${listener.port}`;
      const upstream = await unbound([forwarding]);
      const forwarder = new Forwarder({ writeOpt, upstreams: [upstream] });
      closing.push(() => forwarder.close(0));
      listener.serve(forwarder);
      const got = await ask(forwarder, { name: 'loop.example', clientKey: '127.0.0.9', ...parts });
      expect(got.rcode).toBe(2);
      if (got.edns !== undefined) {
        const text = `loop: upstream ${upstream} asks podns what podns asks it`;
        expect(got.edns.errors).toEqual([{ code: 0, text }]);
      }
      // Nobody's time was over, so nothing was waited for.
      expect(forwarder.counters).toMatchObject({ timeouts: 0, errors: 0 });
      expect(listener.queries()).toBeLessThan(50);
      expect(forwarder.counters.sent).toBeLessThan(50);
    });
  });
}

const noDnsmasq = missingTools(['dnsmasq']);
if (noDnsmasq !== undefined) skipAloud('a loop through dnsmasq', noDnsmasq);
else {
  it('a loop through dnsmasq is seen at once by the mark, which it hands on', async () => {
    const listener = await listening();
    const port = await freePort('127.0.0.1');
    const options = ['-k', '-p', String(port), '-a', '127.0.0.1', '-z', '-R', '-h', '-C', '/dev/null'];
    const more = ['-x', '', '-u', 'root', '-S', `127.0.0.1#${listener.port}`];
    const upstream = await start('dnsmasq', [...options, ...more], port);
    const forwarder = new Forwarder({ writeOpt, upstreams: [upstream] });
    closing.push(() => forwarder.close(0));
    listener.serve(forwarder);
    const got = await ask(forwarder, { name: 'loop.example', clientKey: '127.0.0.9' });
    expect(got.rcode).toBe(2);
    expect(forwarder.counters.loops).toBeGreaterThan(0);
    expect(listener.queries()).toBeLessThan(10);
  });
}
