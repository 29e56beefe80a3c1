/** Ids of containers: a pod's aid is not unique, and Docker's clients cut ids to twelve characters without a look. */
import { hash } from 'node:crypto';
import type { Pod } from '../../model.ts';

/** As long as Docker's. */
const LENGTH = 64;
/** Digits that tell two pods of one aid apart. */
const DIGITS_MIN = 16;

/** The aid, and digits after it: it can be given by its aid, as by any beginning of it. */
export function containerId({ vpc, namespace, name, aid }: Place): string {
  // The first ten are in the default aid already.
  const digits = hash('sha256', `${vpc}/${namespace}/${name}`, 'hex').slice(10);
  return aid + digits.slice(0, Math.max(DIGITS_MIN, LENGTH - aid.length));
}

/** Of a pod on an overlay. */
export function endpointId({ vpc, namespace, name }: Place, overlay: Omit<Place, 'aid' | 'vpc'>): string {
  const on = overlay.namespace === namespace ? overlay.name : `${overlay.namespace}/${overlay.name}`;
  return hash('sha256', `${vpc}/${namespace}/${name}@${on}`, 'hex');
}

type Place = Pick<Pod, 'vpc' | 'namespace' | 'name' | 'aid'>;
