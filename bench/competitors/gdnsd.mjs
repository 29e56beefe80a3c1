/** gdnsd 3, one thread a protocol and address family. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER4, SERVER6 } from '../namespace.mjs';
import { writeZone, ZONE } from '../pods.mjs';

export const name = 'gdnsd';
export const install = 'apt-get install gdnsd';
export const protocols = ['udp', 'tcp'];

export function version() {
  return /version (\S+)/.exec(spawnSync('gdnsd', [], { encoding: 'utf8' }).stderr)?.[1];
}

export async function prepare({ folder, port, pods }) {
  for (const inner of ['config', 'config/zones', 'run', 'state'])
    mkdirSync(join(folder, inner), { recursive: true });
  await writeZone(join(folder, 'config/zones', ZONE), pods);
  writeFileSync(
    join(folder, 'config/config'),
    `options => {
  listen => [ "${SERVER4}:${port}", "[${SERVER6}]:${port}" ]
  udp_threads => 1
  tcp_threads => 1
  run_dir => "${folder}/run"
  state_dir => "${folder}/state"
}
`,
  );
  return { command: 'gdnsd', parameters: ['-c', join(folder, 'config'), 'start'] };
}
