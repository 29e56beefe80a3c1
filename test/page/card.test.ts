/** `/v1/card`: what it says of a pod is what the server answers. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Card } from '../../src/admin/page/card.ts';
import { Site } from './site.ts';
import { pod, records } from './world.ts';

let site: Site;
afterEach(() => site.close());

async function card(query: string): Promise<Card> {
  const response = await fetch(new URL(`/v1/card?${query}`, site.url));
  expect(response.status).toBe(200);
  return (await response.json()) as Card;
}

/** `namespace shop/web: db AAAA NOERROR fdfd:1a8::1`. */
function lines({ views }: Card): string[] {
  return views.flatMap(({ where, overlay, from, answers }) =>
    answers.map(
      ({ name, type, rcode, data }) =>
        `${where}${overlay === undefined ? '' : ` ${overlay}`} ${from}: ${name} ${type} ${[rcode, ...data].join(' ')}`,
    ),
  );
}

describe('a card', () => {
  it('has the pod, its provenance, who bears its names, and its overlays', async () => {
    site = await new Site().start(records());
    const { resource, name, provenance, bearers, overlays, pods } = await card(
      'vpc=aep&namespace=shop&name=DB-0',
    );
    expect(resource).toMatchObject({ kind: 'pod', name: 'db-0', ip6: 'fdfd:1a8::1' });
    expect(name).toBe('db-0.shop.vpc.internal');
    expect(provenance).toMatchObject({ source: 'api', shadowed: [] });
    expect(bearers).toEqual([
      { name: 'db-0', pods: 1, ready: 1, services: 0 },
      { name: 'db', pods: 2, ready: 1, services: 0 },
    ]);
    expect(overlays).toEqual([
      { name: 'default', driver: 'ipip', net4: '10.198.62.0/24', net6: '', internal: false, pods: 2 },
      { name: 'storage', driver: 'ipip', net4: '10.7.0.0/16', net6: '', internal: true, pods: 2 },
    ]);
    expect(pods).toEqual({ namespace: 5, vpc: 6 });
  });

  it('shows what pods of the namespace, of the VPC and of each overlay get', async () => {
    site = await new Site().start(records());
    expect(lines(await card('vpc=aep&namespace=shop&name=db-0'))).toEqual([
      'namespace shop/api: db-0 AAAA NOERROR fdfd:1a8::1',
      'namespace shop/api: db-0 A NOERROR 10.198.62.20',
      'namespace shop/api: db AAAA NOERROR fdfd:1a8::1',
      'namespace shop/api: db A NOERROR 10.198.62.20',
      'vpc blog/app: db-0.shop AAAA NOERROR fdfd:1a8::1',
      'vpc blog/app: db-0.shop A NOERROR 10.198.62.20',
      'vpc blog/app: db.shop AAAA NOERROR fdfd:1a8::1',
      'vpc blog/app: db.shop A NOERROR 10.198.62.20',
      // It shares the overlay that is not pinned, and gets no address of the other one.
      'overlay storage shop/cron: db-0 AAAA NOERROR fdfd:1a8::1',
      'overlay storage shop/cron: db-0 A NOERROR',
      'overlay default shop/web: db-0 AAAA NOERROR fdfd:1a8::1',
      'overlay default shop/web: db-0 A NOERROR 10.198.62.20',
    ]);
  });

  it('shows that a service hides the pod of its name', async () => {
    site = await new Site().start(records());
    const hidden = await card('vpc=aep&namespace=shop&name=api');
    expect(hidden.bearers).toEqual([{ name: 'api', pods: 1, ready: 1, services: 1 }]);
    expect(lines(hidden)[0]).toBe('namespace shop/cron: api AAAA NOERROR fdfd:1a8::aaaa');
    const service = await card('kind=service&vpc=aep&namespace=shop&name=api');
    expect(service.resource).toMatchObject({ kind: 'service', ip6: 'fdfd:1a8::aaaa' });
    expect(lines(service)[0]).toBe('namespace shop/api: api AAAA NOERROR fdfd:1a8::aaaa');
  });

  it('of a pod that is alone in its VPC is asked for by itself', async () => {
    site = await new Site().start([
      { kind: 'vpc', name: 'aep', net6: ['fdfd:1a8::/48'], services6: [] },
      pod('n', 'a', '1'),
    ]);
    expect(lines(await card('vpc=aep&namespace=n&name=a'))).toEqual([
      'namespace n/a: a AAAA NOERROR fdfd:1a8::1',
      'namespace n/a: a A NOERROR',
    ]);
  });

  it('of a pod with IPv4 alone is asked for from IPv4', async () => {
    const only4 = (name: string, ip4: string): ReturnType<typeof pod> =>
      pod('n', name, '1', {
        ip6: undefined,
        aid: `p-${name}`,
        overlays: [{ overlay: 'o', ip4, pinned: true }],
      });
    site = await new Site().start([only4('a', '10.0.0.1'), only4('b', '10.0.0.2')]);
    expect(lines(await card('vpc=aep&namespace=n&name=a'))).toEqual([
      'namespace n/b: a AAAA NOERROR',
      'namespace n/b: a A NOERROR 10.0.0.1',
    ]);
  });

  it('gives what there is while a source has delivered nothing, and tells of the name that waits', async () => {
    site = await new Site({ watch: ['http://127.0.0.1:9/v1/watch'], syncHold: 300 }).start(records());
    const { views } = await card('vpc=aep&namespace=shop&name=db-0');
    const answers = views.flatMap((view) => view.answers);
    const waiting = answers.filter(({ rcode }) => rcode === 'SERVFAIL');
    expect([waiting.length, answers.length]).toEqual([1, 12]);
    expect(answers.flatMap(({ errors }) => errors)).toHaveLength(12);
  });

  it('that is not there is 404, and one that is not named is 400', async () => {
    site = await new Site().start(records());
    const status = async (query: string): Promise<number> =>
      (await fetch(new URL(`/v1/card?${query}`, site.url))).status;
    expect(await status('vpc=aep&namespace=shop&name=nosuch')).toBe(404);
    expect(await status('kind=service&vpc=aep&namespace=shop&name=db-0')).toBe(404);
    expect(await status('kind=vpc&vpc=aep&namespace=shop&name=db')).toBe(400);
    expect(await status('vpc=aep&vpc=other&namespace=shop&name=db')).toBe(400);
    expect(await status('')).toBe(400);
  });
});
