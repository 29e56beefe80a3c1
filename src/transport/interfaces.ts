/** Which addresses a wildcard listener stands for: those of this host's interfaces, now. */
import { networkInterfaces } from 'node:os';
import type { NetworkInterfaceInfo } from 'node:os';

/** Like `os.networkInterfaces`; passed in by tests. */
export type Interfaces = () => Partial<Record<string, NetworkInterfaceInfo[]>>;

/** 4 for `0.0.0.0`, 6 for `::`, 0 for an address that stands for itself. */
export function wildcardFamily(address: string): 0 | 4 | 6 {
  return address === '0.0.0.0' ? 4 : address === '::' ? 6 : 0;
}

/**
 * The addresses of one family in the form that bind takes, link-local ones with the name of their interface.
 * Interfaces that are down or have no carrier are not listed by the system. Null when the system does not say
 * (a sandbox without netlink), which is not the same as none.
 */
export function interfaceAddresses(
  family: 4 | 6,
  interfaces: Interfaces = networkInterfaces,
): string[] | null {
  const found = new Set<string>();
  let all: ReturnType<Interfaces>;
  try {
    all = interfaces();
  } catch {
    return null;
  }
  for (const [name, infos] of Object.entries(all)) {
    for (const info of infos ?? []) {
      if ((info.family === 'IPv4') !== (family === 4)) continue;
      const scoped = /^fe[89ab]/i.test(info.address) && !info.address.includes('%');
      found.add(scoped ? `${info.address}%${name}` : info.address);
    }
  }
  return [...found];
}
