/** The floor: recvmmsg and sendmmsg through koffi with nothing between but the bit that makes a query an answer. */
import { fileURLToPath } from 'node:url';
import { SERVER4, SERVER6 } from '../namespace.mjs';

export const name = 'loop';
export const install = 'npm install';
export const protocols = ['udp'];
/** It knows no names. */
export const checked = false;

export function version() {
  return process.version.slice(1);
}

export async function prepare({ port }) {
  const script = fileURLToPath(new URL('../loop-server.mjs', import.meta.url));
  return { command: process.execPath, parameters: [script, String(port), SERVER4, SERVER6] };
}
