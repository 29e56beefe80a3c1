/** A source that is heard of some VPCs only: of all others it is as if it said nothing. */

import { foldLabel } from '../validate/names.ts';
import { keyOf, type ResourceKey, type Sink, type Source } from '../../model.ts';

/** `vpcs`: their names. A whole state stays whole, without the resources of other VPCs. */
export function vpcFilter(source: Source, vpcs: readonly string[]): Source {
  const wanted = new Set(vpcs.map((vpc) => foldLabel(vpc) ?? vpc));
  const has = ({ vpc }: ResourceKey): boolean => wanted.has(vpc);
  return {
    name: source.name,
    family: source.family,
    // One that describes a single VPC says so itself.
    vpcs: source.vpcs ?? [...wanted],
    start: (sink, resume) => source.start(through(sink, has), resume),
    close: () => source.close(),
    proof: (revision) => source.proof?.(revision),
    ...(source.look && { seen: () => source.seen?.(), look: () => source.look!() }),
    reload: () => source.reload?.(),
  };
}

function through(sink: Sink, has: (key: ResourceKey) => boolean): Sink {
  return {
    begin: (full, revision, at, received) => sink.begin(full, revision, at, received),
    put: (resource, place, revision, stamp) => {
      if (has(keyOf(resource))) sink.put(resource, place, revision, stamp);
    },
    delete: (key) => {
      if (has(key)) sink.delete(key);
    },
    keep: (key, stamp) => has(key) && sink.keep(key, stamp),
    savedIn: async (file) => (await sink.savedIn(file)).filter(has),
    commit: () => sink.commit(),
    gather: (several) => sink.gather(several),
    rollback: () => sink.rollback(),
    bookmark: (revision) => sink.bookmark(revision),
    state: (state, reason, since) => sink.state(state, reason, since),
    resumed: () => sink.resumed(),
    problems: (scope, problems) => sink.problems(scope, problems),
  };
}
