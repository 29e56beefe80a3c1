/** Which addresses a resource claims, and on which overlays. */
import { describe, expect, it } from 'vitest';
import type { Attachment, Pod, Service } from '../../src/model.ts';
import { claimedBy } from '../../src/trie/write/claims.ts';

function pod(ip6: string | undefined, ...overlays: Attachment[]): Pod {
  const pod: Pod = {
    ...{
      kind: 'pod',
      vpc: 'aep',
      namespace: 'shop',
      name: 'db',
      aid: 'p1',
      names: [],
      ports: [],
      ready: true,
    },
    overlays,
  };
  if (ip6 !== undefined) pod.ip6 = ip6;
  return pod;
}
const on = (overlay: string, ip4?: string, ip6?: string): Attachment => ({
  ...{ overlay, pinned: true },
  ...(ip4 !== undefined && { ip4 }),
  ...(ip6 !== undefined && { ip6 }),
});

describe('claimed are', () => {
  it.each([
    ['nothing', pod(undefined), []],
    ['the address of the VPC', pod('fd00::1'), ['fd00::1 ']],
    ['nothing on an overlay without an address', pod('fd00::1', on('a')), ['fd00::1 ']],
    [
      'an IPv4 on its overlay, an IPv6 in the VPC',
      pod('fd00::1', on('a', '10.0.0.1', 'fd00::2')),
      ['fd00::1 ', '10.0.0.1 shop/a', 'fd00::2 '],
    ],
    ['an IPv6 once', pod('fd00::1', on('a', undefined, 'fd00::1')), ['fd00::1 ']],
    ['an address on an overlay elsewhere', pod(undefined, on('far/a', '10.0.0.1')), ['10.0.0.1 far/a']],
    [
      'an IPv4 once for each of its overlays, together',
      pod('fd00::1', on('a', '10.0.0.1', 'fd00::2'), on('b', '10.0.0.1', 'fd00::2'), on('a', '10.0.0.1')),
      ['fd00::1 ', '10.0.0.1 shop/a', '10.0.0.1 shop/b', 'fd00::2 '],
    ],
  ])('%s', (_what, resource, claimed) => {
    expect(claimedBy(resource).map(({ address, overlay }) => `${address} ${overlay}`)).toEqual(claimed);
  });

  it('the virtual IP of a service', () => {
    const service: Service = {
      ...{ kind: 'service', vpc: 'aep', namespace: 'shop', name: 'web', aid: 's1', names: [], ports: [] },
      ip6: 'fd00::9',
    };
    expect(claimedBy(service)).toEqual([{ address: 'fd00::9', overlay: '' }]);
  });
});
