/** When, on what and in which run figures were measured. */
import { cpus, release } from 'node:os';

/** As every file of figures begins. `run`: what `npm run bench` told all benches that it started; `id`, `quick`. */
export function measuredOn() {
  const { PODNS_BENCH_RUN: run } = process.env;
  return {
    ...{ date: new Date().toISOString(), kernel: release(), cpu: cpus()[0].model, node: process.version },
    ...(run !== undefined && { run: JSON.parse(run) }),
  };
}
