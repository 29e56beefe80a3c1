/** The VPCs about which each source has reported anything: they become stale with it. */
import type { Resource } from '../model.ts';

export class SourceVpcs {
  private readonly bySource = new Map<string, Set<string>>();

  /** The VPC of a resource if this source reports it for the first time, else undefined. */
  note(source: string, resource: Resource): string | undefined {
    let vpcs = this.bySource.get(source);
    if (vpcs === undefined) this.bySource.set(source, (vpcs = new Set()));
    const vpc = resource.kind === 'vpc' ? resource.name : resource.vpc;
    if (vpcs.has(vpc)) return undefined;
    vpcs.add(vpc);
    return vpc;
  }

  /** Forgets a VPC of which nothing is left. */
  forget(vpc: string): void {
    for (const vpcs of this.bySource.values()) vpcs.delete(vpc);
  }

  of(source: string): Iterable<string> {
    return this.bySource.get(source) ?? [];
  }
}
