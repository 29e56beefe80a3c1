/** Where the host of an engine is on its bridges, as the engine describes its networks. */
import { expect, test } from 'vitest';
import { networkFacts } from '../../src/source/docker/facts.ts';
import { gatewaysOf } from '../../src/source/docker/gateways.ts';

const network = (ipam: object[], more: object = {}) => ({
  ...{ Id: 'a'.repeat(64), Name: 'n', Driver: 'bridge', Scope: 'local', IPAM: { Config: ipam }, Options: {} },
  ...more,
});
const of = (...networks: object[]): string[] =>
  gatewaysOf(networks.map((each) => networkFacts(each)).filter((facts) => typeof facts !== 'string'));

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
