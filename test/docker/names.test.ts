/** What programs in containers of a real Docker Engine get from podns, and what other projects do not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine, engineReason, type ContainerOptions, SLOW } from '../harness/engine.ts';
import { skipAloud } from '../harness/tools.ts';
import { Node } from './node.ts';

/** The gateway of the default bridge: an address of the host that every container can reach. */
const GATEWAY = '172.17.0.1';
const GATEWAY6 = 'fd00:50::1';

const reason = engineReason('docker');
if (reason !== undefined) skipAloud('names in containers', reason);
else
  describe('names in containers', { timeout: SLOW }, () => {
    const engine = new Engine('docker', ['--bip', `${GATEWAY}/16`]);
    const node = new Node([engine], {
      flags: ['--listen', `${GATEWAY}:53@docker`, '--listen', `[${GATEWAY6}]:53@docker`],
      config: { hosts: { 'outside.example.com': ['192.0.2.80', '2001:db8::80'] }, forward: 'off' },
    });
    const ids = new Map<string, string>();
    const dns = { host: { Dns: [GATEWAY] } };

    beforeAll(async () => {
      await engine.start();
      const dual = (four: string, six: string): object => ({
        EnableIPv6: true,
        IPAM: { Config: [{ Subnet: four }, { Subnet: six }] },
      });
      await engine.projectNetwork('shop', 'default', dual('10.50.0.0/24', 'fd00:50::/64'));
      await engine.projectNetwork('shop', 'back', dual('10.53.0.0/24', 'fd00:53::/64'));
      await engine.projectNetwork('blog', 'default', { IPAM: { Config: [{ Subnet: '10.51.0.0/24' }] } });
      const services: [string, string, ContainerOptions][] = [
        ['shop', 'app', dns],
        ['shop', 'db', dns],
        ['shop', 'only-shop', dns],
        ['blog', 'app', dns],
        ['blog', 'db', dns],
        ['blog', 'only-blog', dns],
      ];
      for (const [project, service, options] of services)
        ids.set(`${project}/${service}`, await engine.service(project, service, 1, options));
      await engine.join('shop_back', ids.get('shop/db')!);
      ids.set('plain', await engine.container('plain', dns));
      await node.start();
      await node.equal();
    }, SLOW);
    afterAll(async () => {
      await node.close();
      await engine.close();
    });

    const id = (key: string): string => ids.get(key)!;
    /** Addresses that a resolver in a container prints, each once. */
    const lookUp = async (key: string, command: string[]): Promise<string[]> => {
      const { out } = await engine.exec(id(key), command);
      const found = out.split('\n').map((line) => line.split(/\s/)[0]!);
      return [...new Set(found)].filter((text) => /^[0-9a-f.:]*[.:][0-9a-f.:]*$/.test(text)).sort();
    };
    const PROGRAMS: [string, (name: string) => string[]][] = [
      ['glibc', (name) => ['/bin/lookup-glibc', name]],
      ['musl', (name) => ['/bin/lookup-musl', name]],
      ['getent', (name) => ['/bin/getent', 'ahosts', name]],
      [
        'busybox',
        (name) => [
          '/bin/sh',
          '-c',
          `nslookup ${name} | tail -n +3 | while read a b c; do echo "\${c:-$b}"; done`,
        ],
      ],
    ];

    const addresses = async (key: string): Promise<string[]> => {
      const truth = await node.equal();
      const words = truth.pods[key]!.overlays.filter((text) => text.startsWith('default '));
      return words
        .flatMap((text) => text.split(' ').slice(1, 3))
        .filter((text) => text !== '-')
        .sort();
    };

    describe.each(PROGRAMS)('%s', (title, command) => {
      test('a name of the own project', async () => {
        expect(await lookUp('shop/app', command('db'))).toEqual(await addresses('shop/db-1'));
        expect(await lookUp('blog/app', command('db'))).toEqual(await addresses('blog/db-1'));
      });

      test('a name of another project', async () => {
        expect(await lookUp('shop/app', command('only-blog.blog'))).toEqual(
          await addresses('blog/only-blog-1'),
        );
        // getent asks for no family that its own machine lacks, and this one has no IPv6.
        const both = await addresses('shop/only-shop-1');
        const wanted = title === 'getent' ? both.filter((address) => !address.includes(':')) : both;
        expect(await lookUp('blog/app', command('only-shop.shop'))).toEqual(wanted);
        expect(await lookUp('plain', command('only-shop.shop'))).toEqual(await addresses('shop/only-shop-1'));
      });

      test('an outside name', async () => {
        expect(await lookUp('shop/app', command('outside.example.com'))).toEqual([
          '192.0.2.80',
          '2001:db8::80',
        ]);
      });

      test.each(['nosuch', 'nosuch.blog', 'nosuch.example.com'])('%s is missing', async (name) => {
        expect(await lookUp('shop/app', command(name))).toEqual([]);
      });

      test("never another project's bare name", async () => {
        expect(await lookUp('shop/app', command('only-blog'))).toEqual([]);
        expect(await lookUp('blog/app', command('only-shop'))).toEqual([]);
        expect(await lookUp('plain', command('db'))).toEqual([]);
      });
    });

    test('PTR, by way of the engine and from podns', async () => {
      const [four] = await addresses('blog/only-blog-1');
      expect((await node.dig(engine, id('shop/app'), '127.0.0.11', '-x', four!)).join()).toMatch(
        /^only-blog-1\.blog\.vpc\.internal\.$/,
      );
      for (const address of await addresses('shop/db-1'))
        expect(await node.dig(engine, id('shop/app'), GATEWAY, '-x', address)).toEqual([
          'db-1.shop.vpc.internal.',
        ]);
    });

    test('the engine knows who asks', async () => {
      const who = await node.dig(engine, id('blog/app'), GATEWAY, '_whoami.vpc.internal', 'TXT');
      expect(who.join()).toContain('blog');
      expect(who.join()).toContain('app-1');
      const six = await node.dig(engine, id('shop/app'), GATEWAY6, '_whoami.vpc.internal', 'TXT');
      expect(six.join()).toContain('shop');
      expect(six.join()).toContain('app-1');
    });

    test('a client gets the addresses of the networks that it shares', async () => {
      const db = await node.dig(engine, id('shop/app'), GATEWAY, 'db');
      expect(db).toEqual(await addresses('shop/db-1'));
      // One that shares none gets all.
      expect((await node.dig(engine, id('blog/app'), GATEWAY, 'db.shop')).length).toBe(4);
    });

    test('every name of every pod, from three projects', async () => {
      const truth = await node.equal();
      for (const [key, of] of [
        ['shop/app', 'shop/app-1'],
        ['shop/db', 'shop/db-1'],
        ['blog/app', 'blog/app-1'],
        ['plain', 'default/plain'],
      ])
        expect(await node.answersEqual(truth, id(key!), of!, GATEWAY)).toBeGreaterThan(40);
    });

    test('replicas by their number, and what a stop leaves', async () => {
      const second = await engine.service('shop', 'db', 2, dns);
      await node.equal();
      expect((await node.dig(engine, id('shop/app'), GATEWAY, 'db')).length).toBe(4);
      expect((await node.dig(engine, id('shop/app'), GATEWAY, 'db-2.db')).length).toBe(2);
      await engine.api('POST', `/containers/${second}/stop?t=0`);
      await node.equal();
      expect(await node.dig(engine, id('shop/app'), GATEWAY, 'db')).toEqual(await addresses('shop/db-1'));
      const gone = await engine.exec(id('shop/app'), ['dig', `@${GATEWAY}`, 'db-2', 'A'], true);
      expect(gone.out).toContain('status: NOERROR');
      await engine.remove(second);
      await node.equal();
      const missing = await engine.exec(id('shop/app'), ['dig', `@${GATEWAY}`, 'db-2', 'A'], true);
      expect(missing.out).toContain('status: NXDOMAIN');
    });
  });
