/** The overlay that an attachment names and nobody describes: it exists all the same. */
import type { Overlay } from '../../model.ts';
import { defaultAid } from './default-aid.ts';

/** Folded names in. */
export function impliedOverlay(vpc: string, namespace: string, name: string): Overlay {
  const aid = defaultAid('overlay', vpc, namespace, name);
  return { kind: 'overlay', vpc, namespace, name, aid, driver: 'ipip' };
}
