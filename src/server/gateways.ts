/**
 * The gateways of the networks of container engines: they are where the hosts of the engines ask from, and with
 * `docker_listen` podns listens on each, with the VPC of its engine as scope, as networks come and go.
 *
 * A gateway that cannot be listened on is a problem with its reason and is tried again; it never ends the server.
 */
import { engineMemory, GATEWAYS_MAX, writeGateways } from '../answer/engine-hosts.ts';
import type { Engines } from '../answer/engine-hosts.ts';
import type { Clock } from '../base/clock.ts';
import { formatListen, ListenError, parseListen } from '../transport/listen.ts';
import type { Listen } from '../transport/listen.ts';
import type { Found } from './problems.ts';
import type { OpenListener } from './transports.ts';

export interface GatewaysOptions {
  /** The VPC of each engine; its place is the number of the engine. */
  vpcs: readonly string[];
  /** Listens on the gateways. */
  listen: boolean;
  /** Opens a listener that is served once it resolves. */
  open(listen: Listen): Promise<Pick<OpenListener, 'listener' | 'close'>>;
  /** All that are open, these here among them. */
  listeners(): readonly Pick<OpenListener, 'listener'>[];
  /** All that is wrong now. */
  report(problems: Found[]): void;
  clock: Clock;
}

/** Gateways that podns listens on: each takes sockets of every worker. */
export const DOORS_MAX = 512;
const PORT = 53;
/** Milliseconds from a failure to the next attempt, doubled each time up to the second. */
const FIRST_PAUSE = 1000;
const LAST_PAUSE = 30_000;

/** The gateways that an engine told last, for a successor. */
export interface ToldGateways {
  vpc: string;
  addresses: readonly string[];
}

/** One address with its listener. */
interface Door {
  address: string;
  /** The engine that it is for, -1 for none any more. */
  engine: number;
  open: Pick<OpenListener, 'listener' | 'close'> | undefined;
  isBusy: boolean;
  /** Of the next attempt. */
  timer: unknown;
  pause: number;
  /** Why it could not be opened, or ''. */
  reason: string;
}

export class Gateways {
  /** For the settings of answers; undefined where there is no engine. */
  readonly engines: Engines | undefined;
  private readonly options: GatewaysOptions;
  /** Of each engine, as it told them last. */
  private readonly told: (readonly string[])[];
  /** Engines that have told theirs in this process. */
  private readonly heard = new Set<number>();
  /** Of each engine, what it told that cannot be listened on. */
  private refused: Found[] = [];
  private readonly doors = new Map<string, Door>();
  private readonly working = new Set<Promise<void>>();
  private isClosed = false;
  private isHeld = false;

  constructor(options: GatewaysOptions) {
    this.options = options;
    this.told = options.vpcs.map(() => []);
    this.engines = options.vpcs.length === 0 ? undefined : engineMemory(options.vpcs);
  }

  /** From now on these are the gateways of all networks of an engine: text of addresses. */
  tell(engine: number, gateways: readonly string[]): void {
    this.heard.add(engine);
    this.learn(engine, gateways);
  }

  private learn(engine: number, gateways: readonly string[]): void {
    if (this.isClosed || this.engines === undefined) return;
    this.told[engine] = gateways.slice(0, GATEWAYS_MAX);
    writeGateways(this.engines, this.told);
    if (this.options.listen && !this.isHeld) this.plan();
  }

  /** What the engines have told last. */
  all(): ToldGateways[] {
    return this.options.vpcs.map((vpc, engine) => ({ vpc, addresses: this.told[engine] ?? [] }));
  }

  /** What a predecessor was told counts for an engine until that tells its own: it may not be there now. */
  goOnFrom(told: readonly ToldGateways[]): void {
    for (const { vpc, addresses } of told) {
      const engine = this.options.vpcs.indexOf(vpc);
      if (engine >= 0 && !this.heard.has(engine)) this.learn(engine, addresses);
    }
  }

  /** From now on nothing is opened or closed: another process has the sockets. */
  hold(): void {
    this.isHeld = true;
  }

  /** After `hold`: resolves when each listener that is wanted by now has been opened, or has failed. */
  async release(): Promise<void> {
    this.isHeld = false;
    if (this.isClosed || !this.options.listen) return;
    this.plan();
    await Promise.all(this.working);
  }

  /** Opens no more listeners; resolves when none is about to be opened. Those that are open close with all others. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const { timer } of this.doors.values()) this.options.clock.clearTimeout(timer);
    await Promise.all(this.working);
  }

  private plan(): void {
    const { doors } = this;
    const wanted = this.wanted();
    this.refused = [];
    const owners = new Map<string, number>();
    // A door stays with its engine as long as that one wants it.
    for (const { address, engine } of doors.values())
      if (wanted[engine]?.has(address) === true) owners.set(address, engine);
    wanted.forEach((addresses, engine) => {
      for (const address of addresses) {
        const owner = owners.get(address);
        if (owner !== undefined) this.compete(address, engine, owner);
        else if (owners.size < DOORS_MAX) owners.set(address, engine);
        else this.refuse(engine, address, `podns listens on at most ${DOORS_MAX} gateways`);
      }
    });
    for (const door of doors.values()) door.engine = owners.get(door.address) ?? -1;
    for (const [address, engine] of owners)
      if (!doors.has(address))
        doors.set(address, {
          ...{ address, engine, open: undefined, isBusy: false, timer: undefined },
          ...{ pause: FIRST_PAUSE, reason: '' },
        });
    this.report();
    for (const door of doors.values()) this.begin(door);
  }

  /** What each engine told, as canonical addresses that can be bound. */
  private wanted(): Set<string>[] {
    return this.told.map((gateways) => {
      const addresses = new Set<string>();
      for (const gateway of gateways) {
        const address = boundAddress(gateway);
        if (address !== undefined) addresses.add(address);
      }
      return addresses;
    });
  }

  private compete(address: string, engine: number, owner: number): void {
    const { vpcs } = this.options;
    if (vpcs[engine] === vpcs[owner]) return;
    const other = `VPC ${vpcs[owner]} has a network with the same gateway, and one address serves one VPC`;
    const remedy = 'give the network another subnet, or run one podns for each engine';
    this.refuse(engine, address, `${other}: ${remedy} in a network namespace of its own`);
  }

  private refuse(engine: number, address: string, why: string): void {
    const text = formatListen(this.listenOf(address, engine));
    this.refused.push({
      ...{ kind: 'gateway', severity: 'warning', subject: text },
      reason: `podns does not listen on ${text}: ${why}`,
    });
  }

  private begin(door: Door): void {
    if (this.isHeld) return;
    if (door.isBusy || this.isDone(door) || door.timer !== undefined) {
      // One that is not wanted any more needs no next attempt.
      if (door.engine >= 0 || door.isBusy) return;
      this.options.clock.clearTimeout(door.timer);
      door.timer = undefined;
    }
    const work = this.settle(door).finally(() => this.working.delete(work));
    this.working.add(work);
  }

  private isDone({ engine, open }: Door): boolean {
    return engine >= 0 && open !== undefined && open.listener.vpc === this.options.vpcs[engine];
  }

  /** Closes and opens until the door is as it should be, or has to wait. */
  private async settle(door: Door): Promise<void> {
    door.isBusy = true;
    while (!this.isClosed && !this.isHeld && !this.isDone(door)) {
      const { open } = door;
      if (open !== undefined) {
        door.open = undefined;
        await open.close();
      } else if (door.engine < 0) break;
      else if (!(await this.tryOpen(door))) break;
    }
    door.isBusy = false;
    if (door.engine < 0 && door.open === undefined) this.doors.delete(door.address);
    this.report();
  }

  /** False where it has to wait for the next attempt. */
  private async tryOpen(door: Door): Promise<boolean> {
    const listen = this.listenOf(door.address, door.engine);
    try {
      const other = this.listenerAt(listen);
      if (other === undefined) door.open = await this.options.open(listen);
      else if (other.vpc !== listen.vpc || other.namespace !== '')
        throw new Error(`the listener ${other.text} has the address already`);
      else {
        // One of the configuration serves it: nothing is wrong, but it may close.
        door.reason = '';
        this.tryLater(door, LAST_PAUSE);
        return false;
      }
      door.reason = '';
      door.pause = FIRST_PAUSE;
      return true;
    } catch (error) {
      door.reason = (error as Error).message;
      this.tryLater(door, door.pause);
      door.pause = Math.min(door.pause * 2, LAST_PAUSE);
      return false;
    }
  }

  private tryLater(door: Door, pause: number): void {
    if (this.isClosed) return;
    door.timer = this.options.clock.setTimeout(() => {
      door.timer = undefined;
      this.begin(door);
    }, pause);
  }

  private listenerAt({ address, port }: Listen): OpenListener['listener'] | undefined {
    return this.options
      .listeners()
      .map(({ listener }) => listener)
      .find((listener) => listener.address === address && listener.port === port);
  }

  private listenOf(address: string, engine: number): Listen {
    return { address, port: PORT, vpc: this.options.vpcs[engine]!, namespace: '' };
  }

  private report(): void {
    if (this.isClosed) return;
    const found = [...this.refused];
    for (const { address, engine, reason } of this.doors.values()) {
      if (reason === '' || engine < 0) continue;
      const text = formatListen(this.listenOf(address, engine));
      const why = `podns does not listen on ${text} yet, and tries again: ${reason}`;
      found.push({ kind: 'gateway', severity: 'warning', subject: text, reason: why });
    }
    this.options.report(found);
  }
}

/** The address as a listener writes it. Undefined for what no listener can have without an interface, or for all. */
function boundAddress(gateway: string): string | undefined {
  try {
    const { address } = parseListen(gateway.includes(':') ? `[${gateway}]:53` : `${gateway}:53`);
    return address === '0.0.0.0' || address === '::' ? undefined : address;
  } catch (error) {
    if (error instanceof ListenError) return undefined;
    throw error;
  }
}
