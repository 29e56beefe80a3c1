/** Queries and failures of each VPC: which tenant asks, and whose names fail. The number of VPCs is bounded. */
import { placeOf } from '../answer/vpc-counts.ts';
import type { ServerCore } from '../server.ts';
import type { Metrics } from './metric-kinds.ts';

/** Label of all VPCs that have no counts of their own. */
const OTHERS = '';

interface Sums {
  queries: number;
  servfail: number;
  nxdomain: number;
}

export function vpcMetrics(server: ServerCore, metrics: Metrics): void {
  metrics.counter(
    'podns_vpc_queries_total',
    'Queries by VPC. The first 1,023 VPCs of the process are counted one by one, all others under an empty name.',
    ['vpc'],
    (put) => {
      for (const [vpc, { queries }] of sums(server)) put({ vpc }, queries);
    },
  );
  metrics.counter(
    'podns_vpc_failures_total',
    'SERVFAIL and NXDOMAIN by VPC: SERVFAIL is ours to mend, NXDOMAIN in numbers is mostly a name that moved.',
    ['vpc', 'rcode'],
    (put) => {
      for (const [vpc, { servfail, nxdomain }] of sums(server)) {
        put({ vpc, rcode: 'SERVFAIL' }, servfail);
        put({ vpc, rcode: 'NXDOMAIN' }, nxdomain);
      }
    },
  );
}

function* sums(server: ServerCore): Generator<[vpc: string, Sums]> {
  const names = new Map<number, string>([[0, OTHERS]]);
  for (const [vpc, number] of server.vpcNumbers()) if (placeOf(number) !== 0) names.set(number, vpc);
  for (const [place, vpc] of names) {
    const sum: Sums = { queries: 0, servfail: 0, nxdomain: 0 };
    for (const counts of server.answers.vpcs) {
      const { queries, servfail, nxdomain } = counts.read(place);
      sum.queries += queries;
      sum.servfail += servfail;
      sum.nxdomain += nxdomain;
    }
    if (sum.queries + sum.servfail + sum.nxdomain > 0) yield [vpc, sum];
  }
}
