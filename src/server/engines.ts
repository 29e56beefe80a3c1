/** Connects the container engines among the sources with listeners, and with what stands wrong. */
import type { Clock } from '../base/clock.ts';
import type { Config } from '../config/table.ts';
import { Gateways } from './gateways.ts';
import type { Observing } from './observing.ts';
import { engineVpcs } from './sources.ts';
import type { Transports } from './transports.ts';

export interface EnginesOptions {
  clock: Clock;
  observing: Observing;
  /** Asked only once an engine tells its gateways. */
  transports(): Transports;
}

export function gatewaysOf(config: Config, { clock, observing, transports }: EnginesOptions): Gateways {
  return new Gateways({
    vpcs: engineVpcs(config),
    listen: config.dockerListen,
    open: (listen) => transports().listen(listen),
    listeners: () => transports().listeners,
    report: (found) => observing.problems.replace('gateways', found),
    clock,
  });
}
