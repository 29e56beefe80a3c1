/** Where `serve` listens by default, and which VPC and namespace its clients there belong to. */
import { keyOf, type Resource } from '../model.ts';
import { formatListen, type Listen } from '../transport/listen.ts';

const ADDRESSES = ['127.0.0.1', '::1'];
const PORT = 5300;

export interface DefaultListen {
  /** The texts of the listeners. */
  listen: string[];
  /** The reason for this scope, as the banner prints it. */
  reason: string;
}

/**
 * Scoped to the VPC, and to its namespace, if there is only one. An unscoped listener identifies clients by their
 * source address, which fails for a client on the loopback of this host.
 *
 * `engines`: the VPCs of container engines, whose namespaces nobody knows yet.
 */
export function defaultListen(
  resources: readonly Resource[],
  engines: readonly string[] = [],
): DefaultListen {
  const keys = resources.map(keyOf);
  const vpcs = new Set([...keys.map((key) => key.vpc), ...engines]);
  const namespaces = new Set(keys.map((key) => key.namespace).filter((namespace) => namespace !== ''));
  const [vpc = ''] = vpcs.size === 1 ? vpcs : [];
  const [namespace = ''] = vpc !== '' && engines.length === 0 && namespaces.size === 1 ? namespaces : [];
  const listen = ADDRESSES.map((address) =>
    formatListen({ address, port: PORT, vpc, namespace } satisfies Listen),
  );
  return { listen, reason: reasonOf(vpcs.size, vpc, namespace) };
}

function reasonOf(vpcs: number, vpc: string, namespace: string): string {
  if (namespace !== '') return `scoped to ${vpc}/${namespace}, the only namespace`;
  if (vpc !== '') return `scoped to ${vpc}, the only VPC`;
  if (vpcs === 0)
    return 'not scoped, because no VPC is known yet; podns identifies clients by their source address';
  return `not scoped, because there are ${vpcs} VPCs; podns identifies clients by their source address`;
}
