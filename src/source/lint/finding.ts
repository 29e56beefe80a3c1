/** A finding of `podns check`: the resource, its place, and a text that begins with its key. */
import { keyOf, keyText, placeText } from '../../model.ts';
import type { Place, Problem, Resource } from '../../model.ts';

/** A resource and its place. */
export interface Said<R extends Resource = Resource> {
  resource: R;
  place?: Place;
}

/** Makes a finding about one resource; its text begins with the resource's key. */
export function problem(severity: Problem['severity'], said: Said<Resource>, reason: string): Problem {
  const key = keyOf(said.resource);
  return { severity, place: said.place, reason: `${keyText(key)}: ${reason}`, key };
}

/** ` at zones/aep.yaml:7:3`, or ''. */
export function at(said: Said): string {
  const place = placeText(said.place);
  return place === '' ? '' : ` at ${place}`;
}
