/** Starts one podns of this package's `dist`, with zone files of the caller's, and stops it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
/** Milliseconds after which a start that shows no sign of life has failed. */
const START = 30_000;

/** Resolves with the body of a path of the admin listener, a unix socket. */
export function admin(socketPath, path) {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { host: 'localhost' } }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (body += part));
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** The sum over all labels of a metric in the Prometheus text format; with labels in `name`, of those alone. */
export function metric(text, name) {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

/**
 * @param {{ zones: Record<string, string>, flags?: string[], prefix?: string[] }} wanted `zones`: file names to YAML;
 *   `prefix`: a command before node's, such as taskset.
 */
export async function startServer({ zones, flags = [], prefix = [] }) {
  const folder = mkdtempSync(join(tmpdir(), 'podns-prove-'));
  for (const [name, text] of Object.entries(zones)) writeFileSync(join(folder, name), text);
  const socket = join(folder, 'admin.sock');
  const [command, ...parameters] = [
    ...prefix,
    process.execPath,
    MAIN,
    'serve',
    '--zones',
    folder,
    '--admin',
    `unix:${socket}`,
    ...flags,
  ];
  const child = spawn(command, parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (part) => (said = (said + part).slice(-10_000)));
  const before = Date.now();
  for (;;) {
    const ready = await admin(socket, '/readyz').catch(() => undefined);
    if (ready?.status === 200) break;
    if (child.exitCode !== null || Date.now() - before > START)
      throw new Error(`podns did not start: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    pid: child.pid,
    metrics: async () => (await admin(socket, '/metrics')).body,
    problems: async () => JSON.parse((await admin(socket, '/v1/problems')).body),
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
