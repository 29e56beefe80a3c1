/** Knot DNS 3. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER4, SERVER6 } from '../namespace.mjs';
import { writeZone, ZONE } from '../pods.mjs';

export const name = 'knot';
export const install = 'apt-get install knot';
export const protocols = ['udp', 'tcp'];

export function version() {
  return /([\d.]+)\s*$/.exec(spawnSync('knotd', ['--version'], { encoding: 'utf8' }).stdout)?.[1];
}

/** `workers`: of UDP. `updates`: to be changed by dynamic updates from this host, which go to the journal and not to the file. */
export async function prepare({ folder, port, pods, workers = 1, updates = false }) {
  await writeZone(join(folder, 'zone'), pods);
  const config = join(folder, 'knot.conf');
  writeFileSync(
    config,
    `server:
  rundir: "${folder}"
  listen: [ ${SERVER4}@${port}, ${SERVER6}@${port} ]
  udp-workers: ${workers}
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: warning
database:
  storage: "${folder}"
acl:
  - id: here
    address: [ ${SERVER4} ]
    action: update
zone:
  - domain: ${ZONE}
    storage: "${folder}"
    file: zone
    zonefile-load: whole
${updates ? '    acl: here\n    zonefile-sync: -1\n    journal-content: changes' : '    journal-content: none'}
`,
  );
  return { command: 'knotd', parameters: ['-c', config] };
}
