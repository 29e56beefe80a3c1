/** Queries, SERVFAIL and NXDOMAIN of each VPC, by its number, in memory that a worker shares with the main thread. */
import { RCODE_NXDOMAIN, RCODE_SERVFAIL } from '../dns/constants.ts';

/** VPCs that are counted one by one: the first ones of the process. All others are counted together, in place 0. */
export const VPCS_MAX = 1024;
const QUERIES = 0;
const SERVFAIL = 1;
const NXDOMAIN = 2;
const PLACES = 3;

export class VpcCounts {
  readonly memory: SharedArrayBuffer;
  private readonly counts: Float64Array;

  constructor(memory = new SharedArrayBuffer(VPCS_MAX * PLACES * 8)) {
    this.memory = memory;
    this.counts = new Float64Array(memory);
  }

  query(number: number): void {
    this.counts[PLACES * placeOf(number) + QUERIES] += 1;
  }

  answer(number: number, rcode: number): void {
    if (rcode === RCODE_SERVFAIL) this.counts[PLACES * placeOf(number) + SERVFAIL] += 1;
    else if (rcode === RCODE_NXDOMAIN) this.counts[PLACES * placeOf(number) + NXDOMAIN] += 1;
  }

  /** `place`: the number of a VPC, or 0 for all that have no place. */
  read(place: number): { queries: number; servfail: number; nxdomain: number } {
    const at = PLACES * place;
    const { counts } = this;
    return {
      queries: counts[at + QUERIES],
      servfail: counts[at + SERVFAIL],
      nxdomain: counts[at + NXDOMAIN],
    };
  }
}

/** Where a VPC of this number is counted. */
export function placeOf(number: number): number {
  return number < VPCS_MAX ? number : 0;
}
