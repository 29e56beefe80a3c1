/** The records of a fleet: VPCs of equal size, and which of them a node has. */
import { valid } from './valid.mjs';

const NAMESPACE_PODS = 100;

export const vpcName = (k) => `v${k}`;

function address(k, generation, i) {
  const host = i + 1;
  return `fdbe:0:${k.toString(16)}:${generation.toString(16)}:0:0:${(host >>> 16).toString(16)}:${(host & 0xffff).toString(16)}`;
}

export const vpcResource = (k) =>
  valid({ kind: 'vpc', name: vpcName(k), net6: [`fdbe:0:${k.toString(16)}::/48`] });

/** Pod `i` of VPC `k`; `generation` is another address of the same pod, below 65,536. */
export function podResource(k, i, generation = 0) {
  const namespace = `n${Math.floor(i / NAMESPACE_PODS)}`;
  const ip6 = address(k, generation, i);
  return /** @type {any} */ (
    valid({
      kind: 'pod',
      vpc: vpcName(k),
      namespace,
      name: `p${i}`,
      ip6,
      ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
    })
  );
}

/** VPC 0 is on every node, such as one of the fleet's own services; the last one is on none. */
export function vpcsOfNode(node, vpcs, each) {
  const own = new Set([0]);
  for (let i = 0; own.size < Math.min(each, vpcs - 1); i++) own.add(1 + ((node * each + i * 7) % (vpcs - 2)));
  return [...own].map(vpcName);
}
