/** What the library's own records may change at once, and its check. */
import type { Resource, ResourceKey } from '../model.ts';
import { issueText, validateResource } from '../source/validate.ts';

export interface Changes {
  /** Resources as in a watch stream: fields that have a default may be missing. */
  put?: object[];
  delete?: ResourceKey[];
  /** What is not put is gone. */
  full?: boolean;
  revision?: string;
}

/** Throws TypeError with every fault of every resource that is none. */
export function validated(raw: readonly object[], zone: string): Resource[] {
  const faults: string[] = [];
  const resources: Resource[] = [];
  raw.forEach((each, i) => {
    const result = validateResource(each, { unknownKeys: 'error', zone });
    if (result.resource !== undefined) resources.push(result.resource);
    else for (const issue of result.issues) faults.push(`put[${i}]: ${issueText(issue)}`);
  });
  if (faults.length > 0) throw new TypeError(faults.join('\n'));
  return resources;
}
