/** The questions of the bench, the same for the asker and for who fills the kernel's map. */
import { podDomain } from '../pods.mjs';
import { A, AAAA, buildQuery, random } from '../wire.mjs';

/** Nine of ten ask the AAAA of a pod, one an A; half offer EDNS. `sources[i]`: the pod that asks query i. */
export function queriesOf(pods, count) {
  const below = random(0x2545f491);
  const queries = [];
  const sources = [];
  for (let i = 0; i < count; i++) {
    const type = below(10) === 0 ? A : AAAA;
    queries.push(buildQuery(i & 0xffff, podDomain(below(pods)), type, below(2) === 0));
    sources.push(below(pods));
  }
  return { queries, sources };
}
