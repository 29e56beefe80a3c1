/** Where the host of an engine is on its bridges, as the engine describes its networks. */
import { expect, test } from 'vitest';
import { containerFacts, networkFacts } from '../../../src/source/docker/facts.ts';
import { Gateways } from '../../../src/source/docker/gateways.ts';

const network = (ipam: object[], more: object = {}) => ({
  ...{ Id: 'a'.repeat(64), Name: 'n', Driver: 'bridge', Scope: 'local', IPAM: { Config: ipam }, Options: {} },
  ...more,
});
const of = (...networks: object[]): string[] =>
  new Gateways().of(networks.map((each) => networkFacts(each)).filter((facts) => typeof facts !== 'string'));

test('the gateway that the engine says, or the first address of the subnet where it says none', () => {
  expect(of(network([{ Subnet: '172.18.0.0/16', Gateway: '172.18.0.254' }]))).toEqual(['172.18.0.254']);
  // Docker 20.10, of its default bridge, with a subnet for IPv6.
  expect(of(network([{ Subnet: '172.17.0.0/16' }, { Subnet: 'fd00:d0c::/64' }]))).toEqual([
    '172.17.0.1',
    'fd00:d0c::1',
  ]);
  expect(
    of(network([{ Subnet: '10.0.0.7/32' }, { Subnet: 'fd00::7/128' }, { Subnet: 'nonsense' }, {}])),
  ).toEqual([]);
});

test('none where the host has no address on the network', () => {
  const ipam = [{ Subnet: '172.18.0.0/16', Gateway: '172.18.0.1' }, { Subnet: 'fd00::/64' }];
  const mode = 'com.docker.network.bridge.gateway_mode_';
  expect(of(network(ipam, { Options: { [`${mode}ipv4`]: 'isolated' } }))).toEqual(['fd00::1']);
  expect(of(network(ipam, { Options: { [`${mode}ipv6`]: 'isolated' } }))).toEqual(['172.18.0.1']);
  expect(of(network(ipam, { Driver: 'macvlan' }))).toEqual([]);
  expect(of(network(ipam, { Driver: 'overlay', Scope: 'swarm' }))).toEqual([]);
});

test('what a container has named, instead of the usual one', () => {
  const facts = containerFacts({
    ...{ Id: 'b'.repeat(64), Name: '/c', Created: '2026-01-01T00:00:00Z', State: { Status: 'running' } },
    ...{ Config: { Labels: {} }, HostConfig: {} },
    NetworkSettings: {
      Networks: { n: { NetworkID: 'a'.repeat(64), IPAddress: '172.17.0.2', Gateway: '172.17.0.254' } },
    },
  });
  if (typeof facts === 'string') throw new Error(facts);
  const seen = networkFacts(network([{ Subnet: '172.17.0.0/16' }, { Subnet: 'fd00:d0c::/64' }]));
  if (typeof seen === 'string') throw new Error(seen);
  const gateways = new Gateways();
  expect(gateways.learn(facts)).toBe(true);
  expect(gateways.of([seen])).toEqual(['172.17.0.254', 'fd00:d0c::1']);
});
