/** Starts `podns serve` on the server's core for the bench of the watch, and finds ports. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SERVER4 } from './namespace.mjs';
import { VPC } from './pods.mjs';
import { SERVER_CORE, spawnPinned } from './process.mjs';

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** `place`: the folder for its state and the log's descriptor. */
export function serve(place, port, admin, ...sources) {
  const parameters = [
    ...[MAIN, 'serve', ...sources, '--listen', `${SERVER4}:${port}@${VPC}`, '--workers', '1'],
    ...['--admin', `127.0.0.1:${admin}`, '--state', join(place.folder, 'state'), '--log-level', 'error'],
  ];
  return spawnPinned(SERVER_CORE, process.execPath, parameters, { log: place.log });
}
