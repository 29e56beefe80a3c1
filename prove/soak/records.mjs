/** What the source of a soak holds: pods whose addresses tell which pod, and of which change. */
import { valid } from '../../bench/valid.mjs';

export const VPC = 'v';
export const NAMESPACE = 'n';

export const podName = (i) => `p${i}`;
/** A pod that comes and goes. */
export const guestName = (i) => `g${i}`;

function address(host, generation) {
  const word = (number, shift) => ((number >>> shift) & 0xffff).toString(16);
  return `fdbe:0:1:${word(generation, 16)}:${word(generation, 0)}:0:${word(host, 16)}:${word(host, 0)}`;
}

/** The pod and the generation in an address, hexadecimal; undefined where it is none of ours. */
export function readAddress(hex) {
  if (!/^fdbe00000001[0-9a-f]{8}0000[0-9a-f]{8}$/.test(hex)) return undefined;
  return { generation: Number.parseInt(hex.slice(12, 20), 16), host: Number.parseInt(hex.slice(24), 16) };
}

export const vpcResource = () => valid({ kind: 'vpc', name: VPC, net6: ['fdbe:0:1::/48'] });

export const podResource = (i, generation) => resource(podName(i), i + 1, generation);
/** Guests have hosts of their own, far above those of pods. */
export const GUEST_HOST = 0x10000;
export const guestResource = (i, generation) => resource(guestName(i), GUEST_HOST + i, generation);

function resource(name, host, generation) {
  return valid({ kind: 'pod', vpc: VPC, namespace: NAMESPACE, name, ip6: address(host, generation) });
}
