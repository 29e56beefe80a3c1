#!/usr/bin/env node
/**
 * Takeovers under load: no query is lost, none gets SERVFAIL, no connection is reset.
 *
 *   node prove/takeover.mjs --rate 50000 --connections 200 --takeovers 10 --reloads 10 --workers 10
 *
 * Prints one line of JSON; the exit code is 1 when anything was lost.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { TcpLoad, UdpLoad } from './load.mjs';

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** One process of `podns serve` after the other, each in the place of the one before it. */
export class Succeeding {
  /** The process that serves. */
  serving;
  /** What all of them have written. */
  text = '';
  #folder;
  /** Every process with the promise of its end. */
  #processes = [];

  /** @param {string} folder */
  constructor(folder) {
    this.#folder = folder;
  }

  /**
   * Starts the first one; resolves when it answers.
   * @param {string[]} flags
   */
  async start(flags) {
    const child = this.#spawn(flags, {});
    this.serving = child;
    await new Promise((resolve, reject) => {
      child.stdout?.once('data', resolve);
      child.once('exit', () => reject(new Error(this.text)));
    });
  }

  /**
   * Takes over from the serving one. Resolves with undefined when the successor is alone, or with its end when that
   * came before.
   * @param {string[]} flags
   * @param {Record<string, string>} environment
   * @returns {Promise<{ code: number | null, signal: string | null } | undefined>}
   */
  async takeover(flags, environment = {}) {
    const child = this.#spawn(['--takeover', ...flags], environment);
    return new Promise((resolve) => {
      child.once('message', () => {
        this.serving = child;
        resolve(undefined);
      });
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  /** @param {string[]} flags @param {Record<string, string>} environment */
  #spawn(flags, environment) {
    const child = spawn(process.execPath, [MAIN, 'serve', '--log-format', 'text', ...flags], {
      cwd: this.#folder,
      env: { PATH: process.env['PATH'], ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (octets) => (this.text += String(octets)));
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    this.#processes.push({ child, ended });
    return child;
  }

  /** Ends the serving one; resolves with how every process has ended, in the order of their starts. */
  async end() {
    this.serving?.kill('SIGTERM');
    const endings = [];
    for (const { ended } of this.#processes) endings.push(await ended);
    return endings;
  }

  /** For a program that gives up. */
  kill() {
    for (const { child } of this.#processes) child.kill('SIGKILL');
  }
}

const zone = (/** @type {number} */ n) =>
  `vpc: aep\nnamespaces: { shop: { pods: { db: { ip6: "fdfd::7" }, extra${n}: { ip6: "fdfd::1:${n}" } } } }\n`;

/**
 * @typedef {object} Plan
 * @property {number} port free for UDP and TCP
 * @property {number} rate UDP queries a second
 * @property {number} connections of TCP
 * @property {number} takeovers with the same flags
 * @property {number} reloads changes of zone files, each with SIGHUP
 * @property {number} workers changes of `--workers`, each by a takeover
 * @property {number} configurations changes of other listeners, each by a takeover
 * @property {number} [pause] milliseconds between two events
 */

/** @param {Plan} plan */
export async function prove({
  port,
  rate,
  connections,
  takeovers,
  reloads,
  workers,
  configurations,
  pause = 300,
}) {
  const folder = mkdtempSync(join(tmpdir(), 'podns-prove-'));
  const zones = join(folder, 'zones.yaml');
  writeFileSync(zones, zone(0));
  const flags = ['--zones', '.', '--state', 'state', '--admin', 'off', '--takeover-drain', '10m'];
  const main = [
    '--listen',
    `127.0.0.1:${port}@aep/shop`,
    '--tcp-client',
    '10000',
    '--tcp-connections',
    '10000',
  ];
  let crew = ['--workers', '2'];
  let beside = [];
  const all = () => [...flags, ...main, ...crew, ...beside];
  const wait = () => new Promise((resolve) => setTimeout(resolve, pause));
  const servers = new Succeeding(folder);
  const udp = new UdpLoad('db');
  const tcp = new TcpLoad('db');
  try {
    await servers.start(all());
    await tcp.start(port, connections);
    await udp.start(port, rate);
    const began = performance.now();
    const takeOver = async () => {
      await wait();
      const failed = await servers.takeover(all());
      if (failed !== undefined) throw new Error(`a takeover failed: ${servers.text}`);
    };
    for (let i = 0; i < takeovers; i++) await takeOver();
    for (let i = 0; i < workers; i++) {
      crew = ['--workers', String([1, 3, 0, 2][i % 4])];
      await takeOver();
    }
    for (let i = 0; i < configurations; i++) {
      beside = i % 2 === 0 ? ['--listen', `127.0.0.2:${port}@aep/shop`] : [];
      await takeOver();
    }
    for (let i = 0; i < reloads; i++) {
      await wait();
      writeFileSync(zones, zone(i + 1));
      servers.serving?.kill('SIGHUP');
    }
    await wait();
    const seconds = (performance.now() - began) / 1000;
    const counts = { udp: await udp.stop(), tcp: await tcp.stop() };
    const endings = await servers.end();
    return { ...counts, rate: Math.round(counts.udp.sent / seconds), seconds, endings, text: servers.text };
  } finally {
    servers.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {{ sent: number, answered: number, lost: number, servfail: number, resets: number, other: number }} counts */
const isWhole = ({ sent, answered, lost, servfail, resets, other }) =>
  sent === answered && lost + servfail + resets + other === 0;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: Object.fromEntries(
      ['port', 'rate', 'connections', 'takeovers', 'reloads', 'workers', 'configurations', 'pause'].map(
        (name) => [name, { type: /** @type {const} */ ('string') }],
      ),
    ),
  });
  const number = (/** @type {string} */ name, /** @type {number} */ usual) => Number(values[name] ?? usual);
  const { text, ...report } = await prove({
    port: number('port', 5399),
    rate: number('rate', 50_000),
    connections: number('connections', 200),
    takeovers: number('takeovers', 10),
    reloads: number('reloads', 10),
    workers: number('workers', 10),
    configurations: number('configurations', 2),
    pause: number('pause', 1000),
  });
  console.log(JSON.stringify(report));
  const isGood = isWhole(report.udp) && isWhole(report.tcp) && report.endings.every(({ code }) => code === 0);
  if (!isGood) process.stderr.write(text);
  process.exitCode = isGood ? 0 : 1;
}
