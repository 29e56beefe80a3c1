/** When and on what figures were measured. */
import { cpus, release } from 'node:os';

/** As every file of figures begins. */
export function measuredOn() {
  return { date: new Date().toISOString(), kernel: release(), cpu: cpus()[0].model, node: process.version };
}
