/** podns, as a user starts it: the records come from a watch stream on standard input. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SERVER4, SERVER6 } from '../namespace.mjs';
import { writeWatch } from '../pods.mjs';

export const install = 'npm install && npm run build';
export const protocols = ['udp', 'tcp'];

export function version() {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}

/**
 * `workers`: 0 is the transport on node:dgram. `checkout`: the folder of another build.
 *
 * @param {{ folder: string, port: number, pods: number, workers: number, checkout?: string }} options
 */
export async function prepare({ folder, port, pods, workers, checkout }) {
  const feed = join(folder, 'watch.ndjson');
  await writeWatch(feed, pods);
  const root = checkout ?? fileURLToPath(new URL('../..', import.meta.url));
  const script = join(root, 'dist', 'cli', 'main.js');
  const parameters = [
    script,
    'serve',
    '--watch',
    '-',
    '--workers',
    String(workers),
    '--admin',
    `unix:${folder}/admin`,
  ];
  for (const address of [`${SERVER4}:${port}`, `[${SERVER6}]:${port}`]) parameters.push('--listen', address);
  return { command: process.execPath, parameters, feed };
}
