/** nsd 4, answers kept minimal like ours. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER4, SERVER6 } from '../namespace.mjs';
import { writeZone, ZONE } from '../pods.mjs';

export const name = 'nsd';
export const install = 'apt-get install nsd';
export const protocols = ['udp', 'tcp'];

export function version() {
  return /version (\S+)/.exec(spawnSync('nsd', ['-v'], { encoding: 'utf8' }).stderr)?.[1];
}

/** `workers`: server processes. `control`: for `nsd-control` over a unix socket. */
export async function prepare({ folder, port, pods, workers = 1, control = false }) {
  await writeZone(join(folder, 'zone'), pods);
  const config = join(folder, 'nsd.conf');
  writeFileSync(
    config,
    `server:
  server-count: ${workers}
  reuseport: ${workers > 1 ? 'yes' : 'no'}
  ip-address: ${SERVER4}@${port}
  ip-address: ${SERVER6}@${port}
  username: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  logfile: "${folder}/nsd.log"
  rrl-ratelimit: 0
  minimal-responses: yes
  tcp-query-count: 0
remote-control:
  control-enable: ${control ? `yes\n  control-interface: "${folder}/control"` : 'no'}
zone:
  name: ${ZONE}
  zonefile: zone
`,
  );
  return { command: 'nsd', parameters: ['-d', '-c', config] };
}
