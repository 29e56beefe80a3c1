/** Where `serve` listens when it was not told, and whose clients it takes to come there. */
import { keyOf, type Resource } from '../model.ts';
import { formatListen, type Listen } from '../transport/listen.ts';

const ADDRESSES = ['127.0.0.1', '::1'];
const PORT = 5300;

export interface DefaultListen {
  /** The texts of the listeners. */
  listen: string[];
  /** Why this scope, in words for a person. */
  reason: string;
}

/**
 * Scoped to the only VPC, and to its only namespace, where there is just one; unscoped listeners leave it to
 * the source address to tell who asks, which no client on this host's loopback can.
 */
export function defaultListen(resources: readonly Resource[]): DefaultListen {
  const keys = resources.map(keyOf);
  const vpcs = new Set(keys.map((key) => key.vpc));
  const namespaces = new Set(keys.map((key) => key.namespace).filter((namespace) => namespace !== ''));
  const [vpc = ''] = vpcs.size === 1 ? vpcs : [];
  const [namespace = ''] = vpc !== '' && namespaces.size === 1 ? namespaces : [];
  const listen = ADDRESSES.map((address) =>
    formatListen({ address, port: PORT, vpc, namespace } satisfies Listen),
  );
  return { listen, reason: reasonOf(vpcs.size, vpc, namespace) };
}

function reasonOf(vpcs: number, vpc: string, namespace: string): string {
  if (namespace !== '') return `scoped to ${vpc}/${namespace}, the only namespace there is`;
  if (vpc !== '') return `scoped to ${vpc}, the only VPC there is`;
  if (vpcs === 0)
    return 'not scoped, for no VPC is known yet; clients are told apart by their source address';
  return `not scoped, for there are ${vpcs} VPCs; clients are told apart by their source address`;
}
