/** What a person typed, compared with a pod or service: a name, an address, an aid, a path, or a part of one. */
import { format6, parse6 } from '../../dns/address.ts';
import type { Pod, Service } from '../../model.ts';

/** How well a text fits: the whole text, its beginning, or a part of it. */
export type Rank = 0 | 1 | 2;

export interface Match {
  rank: Rank;
  /** The text that fitted best. */
  text: string;
}

/** Octets of a name in full, and some more for a path. */
export const TYPED_MOST = 320;

/** Folded as names are, an IPv6 address in its canonical form; without a final dot and without the suffix. */
export function typedText(typed: string, zone: string): string {
  const text = typed.trim().toLowerCase().replace(/\.$/, '');
  const bytes = new Uint8Array(16);
  if (text.includes(':') && parse6(text, bytes, 0)) return format6(bytes, 0);
  return text.endsWith(`.${zone}`) ? text.slice(0, -zone.length - 1) : text;
}

/** The best of all that a resource is known by, undefined where nothing fits. `typed` as `typedText` gives it. */
export function matchOf(resource: Pod | Service, typed: string): Match | undefined {
  const { vpc, namespace, name, aid, names, ip6 } = resource;
  let best: Match | undefined;
  const look = (text: string, least: Rank = 0): void => {
    const at = text.indexOf(typed);
    if (at < 0) return;
    const fits: Rank = at > 0 ? 2 : text.length > typed.length ? 1 : 0;
    const rank = fits > least ? fits : least;
    if (best === undefined || rank < best.rank) best = { rank, text };
  };
  look(name);
  look(aid);
  for (const other of names) look(other);
  if (ip6 !== undefined) look(ip6);
  if (resource.kind === 'pod') {
    for (const overlay of resource.overlays) {
      if (overlay.ip4 !== undefined) look(overlay.ip4);
      if (overlay.ip6 !== undefined) look(overlay.ip6);
    }
  }
  if (best?.rank === 0) return best;
  // Whoever types `shop` wants the pod of that name before all pods of the namespace.
  if (typed.includes('.')) {
    look(`${name}.${namespace}`);
    for (const other of names) look(`${other}.${namespace}`);
  }
  if (typed.includes('/')) look(`${namespace}/${name}`);
  look(`${vpc}/${namespace}/${name}`, typed.includes('/') ? 0 : 2);
  return best;
}

/** Texts that are compared at most: what `matchOf` costs. */
export function matchSteps(resource: Pod | Service): number {
  const { names, ports } = resource;
  return 1 + names.length * 2 + ports.length + (resource.kind === 'pod' ? resource.overlays.length * 2 : 0);
}
