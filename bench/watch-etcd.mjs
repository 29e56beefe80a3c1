/** How soon what `podns put` writes to etcd is answered by a podns that watches it. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { NET6, podObject, VPC } from './pods.mjs';
import { stop } from './process.mjs';
import { Asker, pause, quantiles } from './watch-asker.mjs';
import { freePort, serve } from './watch-server.mjs';

const PUTS = 300;

export function etcdVersion() {
  return /Version: (\S+)/.exec(spawnSync('etcd', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1];
}

/** The writer of the command, inside of this process: the start of another Node is no property of etcd. */
export async function put(place) {
  const { EtcdWriter } = await import('../dist/source/etcd/writer.js');
  const { valid } = await import('./valid.mjs');
  const [client, peer, port, admin] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const url = `http://127.0.0.1:${client}`;
  const peers = `http://127.0.0.1:${peer}`;
  const etcd = spawn(
    'etcd',
    [
      ...['--name', 'bench', '--data-dir', join(place.folder, 'etcd')],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers],
      ...['--initial-cluster', `bench=${peers}`],
    ],
    { stdio: ['ignore', 'ignore', place.log] },
  );
  const server = serve(place, port, admin, '--etcd', url);
  const asker = new Asker(port);
  try {
    const writer = new EtcdWriter({ endpoints: [url] });
    const vpc = valid({ kind: 'vpc', name: VPC, net6: [NET6] });
    for (let tries = 0; ; tries++) {
      try {
        await writer.put([vpc, valid(podObject(0))]);
        break;
      } catch (error) {
        if (tries > 50) throw error;
        await pause(200);
      }
    }
    await asker.until(0, 0);
    const times = [];
    for (let n = 1; n <= PUTS; n++) {
      const object = valid(podObject(0, n));
      const began = performance.now();
      const writing = writer.put([object]);
      await asker.until(0, n);
      times.push(performance.now() - began);
      await writing;
      await pause(5);
    }
    return quantiles(times);
  } finally {
    asker.close();
    await stop(server);
    await stop(etcd);
  }
}
