/** How the files of metrics say what there is: names, texts and values, without the library that writes them out. */

/** Adds a value under these labels; what has the same labels is added up. */
export type Put = (labels: Record<string, string>, value: number) => void;

/** Observations: by bucket, each with those that no bucket before it holds. Bounds and sum are in base units. */
export interface Observed {
  bounds: readonly number[];
  counts: ArrayLike<number>;
  count: number;
  sum: number;
}

/** `read` is called at each scrape. */
export interface Metrics {
  gauge(name: string, help: string, labels: readonly string[], read: (put: Put) => void): void;
  counter(name: string, help: string, labels: readonly string[], read: (put: Put) => void): void;
  histogram(
    name: string,
    help: string,
    read: (put: (labels: Record<string, string>, observed: Observed) => void) => void,
  ): void;
}

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

export function rcodeName(rcode: number): string {
  return RCODES[rcode] ?? `RCODE${rcode}`;
}
