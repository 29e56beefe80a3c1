/** The tree of names with a meaning of their own in every VPC: our suffixes, localhost, special-use names, arpa. */
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import type { Nodes } from './nodes.ts';

export interface SpecialSettings {
  /** The canonical suffix. */
  zone: string;
  suffixes: { name: string; flat: boolean }[];
}

/** Special-use names that do not exist: RFC 6761, 6762, 7686, 8375, 9476, 9665. */
export const NXDOMAIN = ['onion', 'invalid', 'local', 'test', 'alt', 'home.arpa', 'service.arpa'];

/** Plants the tree of special names. A suffix below a special-use name wins for itself and what is below it. */
export function plantSpecials(arena: Arena, nodes: Nodes, root: number, settings: SpecialSettings): void {
  const plant = (name: string, what: number, index = 0): void => {
    const node = nodes.ensurePath(root, name);
    const record = arena.allocate(3);
    arena.words[record] = layout.RECORD_SPECIAL;
    arena.words[record + layout.SPECIAL_WHAT] = what;
    arena.words[record + layout.SPECIAL_INDEX] = index;
    nodes.setPayload(node, record);
  };
  for (const name of NXDOMAIN) plant(name, layout.SPECIAL_NXDOMAIN);
  plant('resolver.arpa', layout.SPECIAL_NODATA);
  plant('in-addr.arpa', layout.SPECIAL_REVERSE4);
  plant('ip6.arpa', layout.SPECIAL_REVERSE6);
  settings.suffixes.forEach(({ name, flat }, i) =>
    plant(name, flat ? layout.SPECIAL_FLAT : layout.SPECIAL_SUFFIX, i + 1),
  );
  plant(settings.zone, layout.SPECIAL_SUFFIX, 0);
  plant('localhost', layout.SPECIAL_LOCALHOST);
}
