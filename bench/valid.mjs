/** A resource as a stream's line becomes one; a bench has no use for what is not valid. */
import { validateResource } from '../dist/source/validate/validate.js';

/** @param {unknown} raw */
export function valid(raw) {
  const { resource, issues } = validateResource(raw, { unknownKeys: 'ignore' });
  if (resource === undefined) throw new Error(JSON.stringify(issues));
  return resource;
}
