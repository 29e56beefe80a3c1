/** The served program for hostile clients, with one small tenant and no upstream. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const ZONE = {
  vpc: 'aep',
  net6: ['fdfd:1a8::/48'],
  namespaces: {
    web: {
      pods: {
        db: { ip6: 'fdfd:1a8::1' },
        'app-0': {
          names: ['app'],
          ip6: 'fdfd:1a8::2',
          overlays: { o: '10.0.0.2' },
          ports: { http: '80/tcp' },
        },
        'app-1': {
          names: ['app'],
          ip6: 'fdfd:1a8::3',
          overlays: { o: '10.0.0.3' },
          ports: { http: '80/tcp' },
        },
      },
    },
  },
};

export function residentMiB(pid) {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
}

/**
 * Starts a server with one small tenant; resolves when it serves.
 *
 * @param {string} folder Where its zones go.
 * @param {string[]} [more] Further flags.
 * @param {boolean} [withZone] False: the folder has its zones, or none.
 * @param {string[]} [prefix] A command before node's.
 * @param {Record<string, string>} [environment] In addition.
 */
export async function startServer(folder, more = [], withZone = true, prefix = [], environment = {}) {
  if (withZone) mkdirSync(join(folder, 'zones'), { recursive: true });
  if (withZone) writeFileSync(join(folder, 'zones', 'aep.yaml'), JSON.stringify(ZONE));
  const listen = [
    '--listen',
    '127.0.0.1:0@aep/web',
    '--forward',
    'off',
    '--admin',
    'off',
    '--log-level',
    'warn',
  ];
  const [command, ...parameters] = [...prefix, process.execPath, MAIN, 'serve', ...listen, ...more];
  const server = spawn(command, parameters, {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  for await (const text of server.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    out += text;
    const port = /^ {2}DNS {4}127\.0\.0\.1:(\d+)/m.exec(out)?.[1];
    if (port !== undefined && out.includes('try:')) {
      server.stdout.resume();
      return { server, port: Number(port) };
    }
  }
  throw new Error(`the server ended:\n${out}`);
}
