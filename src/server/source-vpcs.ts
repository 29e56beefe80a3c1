/** Which VPCs each source has said anything of: those go stale with it. */
import type { Resource } from '../model.ts';

export class SourceVpcs {
  private readonly bySource = new Map<string, Set<string>>();

  /** The VPC of a resource, if nothing has been heard of it from this source before. */
  note(source: string, resource: Resource): string | undefined {
    let vpcs = this.bySource.get(source);
    if (vpcs === undefined) this.bySource.set(source, (vpcs = new Set()));
    const vpc = resource.kind === 'vpc' ? resource.name : resource.vpc;
    if (vpcs.has(vpc)) return undefined;
    vpcs.add(vpc);
    return vpc;
  }

  /** Nothing of the VPC is left. */
  forget(vpc: string): void {
    for (const vpcs of this.bySource.values()) vpcs.delete(vpc);
  }

  of(source: string): Iterable<string> {
    return this.bySource.get(source) ?? [];
  }
}
