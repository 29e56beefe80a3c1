/** A server on the dns2 package, as its README has it: the usual way to write one for Node. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SERVER4, SERVER6 } from '../namespace.mjs';

export const name = 'dns2';
export const install = 'npm install';
/** Its TCP server takes one query a connection. */
export const protocols = ['udp'];

export function version() {
  const path = new URL('../../node_modules/dns2/package.json', import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')).version;
}

export async function prepare({ port, pods }) {
  const script = fileURLToPath(new URL('../dns2-server.mjs', import.meta.url));
  return { command: process.execPath, parameters: [script, String(port), String(pods), SERVER4, SERVER6] };
}
