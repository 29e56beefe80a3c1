/** The section of docs/docker.md about Podman, with a real one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { composeLabels, engineReason } from '../harness/engine.ts';
import { skipAloud } from '../harness/tools.ts';
import { blockOf, EngineHost } from './engine-host.ts';

const reason = engineReason('podman');
if (reason !== undefined) skipAloud('docs/docker.md, Podman', reason);

describe.skipIf(reason !== undefined)('docs/docker.md, Podman', () => {
  const host = new EngineHost('podman');
  beforeAll(() => host.start(), 120_000);
  afterAll(() => host.close(), 60_000);

  it('on networks without DNS; one with DNS is reported', { timeout: 120_000 }, async () => {
    const { engine } = host;
    await host.serve(blockOf('docs/docker.md', '/run/podman/podman.sock --docker-listen').trim());
    const network = (name: string, subnet: string, dns: boolean): Promise<unknown> =>
      engine.api('POST', '/v4.0.0/libpod/networks/create', {
        ...{ name, driver: 'bridge', dns_enabled: dns },
        subnets: [{ subnet: `${subnet}.0/24`, gateway: `${subnet}.1` }],
      });
    await network('front', '10.89.0', false);
    const options = { network: 'front', host: { Dns: ['10.89.0.1'] } };
    await engine.container('shop-db', { ...options, Labels: composeLabels('shop', 'db') });
    await engine.container('wiki-db', { ...options, Labels: composeLabels('wiki', 'db') });
    await host.until(() => host.log.includes('listening on 10.89.0.1:53@docker'));
    await host.until(async () => (await host.shell('podns pod ls')).includes('wiki-db'));
    const ask = async (name: string): Promise<string> =>
      (await engine.exec('wiki-db', ['/bin/nslookup', '-type=a', name])).out;
    await host.until(async () => (await ask('db')).includes('Name:\tdb\nAddress: 10.89.0.'));
    expect(await ask('db.shop')).toContain('Name:\tdb.shop\nAddress: 10.89.0.');
    expect(await ask('db')).not.toBe(await ask('db.shop'));
    expect((await engine.exec('wiki-db', ['/bin/cat', '/etc/resolv.conf'])).out).toContain(
      'nameserver 10.89.0.1',
    );

    // The gateway is free until the first container brings aardvark-dns there.
    await host.serve('podns serve --docker unix:/run/podman/podman.sock --listen 10.89.0.1:53@docker');
    await network('named', '10.89.7', true);
    await engine.container('other', { network: 'named' });
    await host.serve('podns serve --docker unix:/run/podman/podman.sock --docker-listen');
    await host.until(async () =>
      /10\.89\.7\.1:53@docker.*tries again/.test(await host.shell('podns problems || true')),
    );
    expect(await ask('db.shop')).toContain('Name:\tdb.shop\nAddress: 10.89.0.');
  });
});
