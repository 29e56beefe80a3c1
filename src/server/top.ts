/** The names, clients and VPCs that ask most, estimated from the samples that each thread takes of its answers. */
import { SAMPLED_ENTRIES } from '../answer/record/layout.ts';
import { isFailure } from '../answer/record/writer.ts';
import type { Recorded } from '../answer/record/reader.ts';
import type { Recorder } from './recorder.ts';

export const TOP_BY = ['name', 'client', 'vpc'] as const;
export type TopBy = (typeof TOP_BY)[number];

export interface Top {
  by: TopBy;
  /** ISO 8601, UTC: when the first of the samples was taken. */
  since: string | null;
  seconds: number;
  /** All answers of this time, and how many of them were sampled. */
  answers: number;
  samples: number;
  /** A share of half of all answers is right to so many points of a hundred, 95 times of 100; a smaller one better. */
  error: number;
  rows: TopRow[];
}

export interface TopRow {
  /** A name, an address or a VPC; `-` for clients of no VPC. */
  key: string;
  vpc: string | null;
  /** Of a client: `namespace/name`. */
  pod: string | null;
  answers: number;
  perSecond: number;
  /** Percent of all answers. */
  share: number;
  /** Of its answers, as `record: failures` counts them. */
  failures: number;
}

/** `now`: milliseconds since 1970. `vpc`: only its clients count. */
export async function topOf(
  recorder: Recorder,
  by: TopBy,
  limit: number,
  now: number,
  vpc: string | undefined,
): Promise<Top> {
  const samples = await samplesOf(recorder);
  const wanted = vpc === undefined ? samples : samples.filter((sample) => sample.vpc === vpc);
  const first = samples.reduce((least, { time }) => Math.min(least, time), now);
  const seconds = Math.max(1, (now - first) / 1000);
  const rows = new Map<string, TopRow>();
  let answers = 0;
  let squares = 0;
  for (const sample of wanted) {
    const { weight } = sample;
    answers += weight;
    squares += weight ** 2;
    const row = rowOf(rows, by, sample);
    row.answers += weight;
    if (isFailure(sample.rcode, sample.name.split('.').length - 1)) row.failures += weight;
  }
  const sorted = [...rows.values()].sort((a, b) => b.answers - a.answers || (a.key < b.key ? -1 : 1));
  for (const row of sorted) {
    row.perSecond = round(row.answers / seconds);
    row.share = round((100 * row.answers) / answers);
  }
  const isWhole = answers === wanted.length;
  return {
    by,
    since: wanted.length === 0 ? null : new Date(first).toISOString(),
    seconds: round(seconds),
    answers,
    samples: wanted.length,
    // 1.96 standard errors of the share 0.5, with as many samples of equal weight as these are worth.
    error: isWhole ? 0 : round((98 * Math.sqrt(squares)) / answers),
    rows: sorted.slice(0, limit),
  };
}

/** Those of the time that the rings of all threads cover. */
async function samplesOf({ readers }: Recorder): Promise<Recorded[]> {
  let since = 0;
  const all: Recorded[] = [];
  for (const reader of [...readers]) {
    await new Promise((resolve) => setImmediate(resolve));
    const samples = [...reader.samples()];
    // A ring that was never full has lost nothing.
    if (reader.sampledCount >>> 0 > SAMPLED_ENTRIES)
      since = Math.max(
        since,
        samples.reduce((least, { time }) => Math.min(least, time), Infinity),
      );
    all.push(...samples);
  }
  return all.filter(({ time }) => time >= since);
}

function rowOf(
  rows: Map<string, TopRow>,
  by: TopBy,
  { name, address, vpc, namespace, pod }: Recorded,
): TopRow {
  const key = by === 'name' ? name : by === 'client' ? address : vpc === '' ? '-' : vpc;
  const id = by === 'client' ? `${key} ${vpc}` : key;
  let row = rows.get(id);
  if (row === undefined) {
    row = { key, vpc: null, pod: null, answers: 0, perSecond: 0, share: 0, failures: 0 };
    if (by === 'client') {
      row.vpc = vpc === '' ? null : vpc;
      row.pod = pod === '' ? null : `${namespace}/${pod}`;
    }
    rows.set(id, row);
  }
  return row;
}

function round(number: number): number {
  return Math.round(number * 100) / 100;
}
