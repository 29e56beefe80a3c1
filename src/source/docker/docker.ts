/** The Docker Engine, or Podman, as a source: a dialect of list-then-watch, without revisions of the server's own. */
import type { Clock } from '../../base/clock.ts';
import { holdingClock } from '../../base/clock.ts';
import type { Source } from '../../model.ts';
import type { Dialect, StreamEvent } from '../reflector/dialect.ts';
import { reflectorSource } from '../reflector/run.ts';
import type { Target } from '../watch/http.ts';
import { Gateways } from './gateways.ts';
import { Session } from './session.ts';
import { engineTarget, engineText } from './target.ts';
import { EngineView } from './view.ts';

export interface DockerOptions {
  /** `unix:/path`, a path, or `tcp://host:port`. */
  socket: string;
  /** The name of the VPC that the engine is. Default `docker`. */
  vpc?: string;
  /** The name of a network whose IPv6 addresses are the VPC's own: they identify clients everywhere. */
  network?: string;
  /**
   * Further VPCs that `podns.vpc` labels may name. Default: any; then the source says of no VPC that it cannot describe
   * it.
   */
  vpcs?: readonly string[];
  /** The canonical suffix; names must fit below it. */
  zone?: string;
  /**
   * Is called with all addresses at which the host is on bridges of this engine, whenever they change: canonical
   * texts, sorted.
   */
  onGateways?: (gateways: readonly string[]) => void;
  /** Is called when a whole state of so many containers has been taken in: much of what that took is garbage now. */
  onListed?: (containers: number) => void;
  /** @internal For tests. */
  clock?: Clock;
  /** @internal For tests: from 0 to 1. */
  random?: () => number;
}

export const DOCKER_SOCKET = '/var/run/docker.sock';
export const DOCKER_VPC = 'docker';

/** Throws `TypeError` for a socket that cannot be one. */
export function dockerSource(options: DockerOptions): Source {
  const target = engineTarget(options.socket);
  const dialect = new EngineDialect(target, options);
  const { clock, random, vpc = DOCKER_VPC } = options;
  const vpcs = options.vpcs === undefined ? undefined : [vpc, ...options.vpcs];
  return reflectorSource(`docker:${engineText(target)}`, dialect, { clock, random, vpcs });
}

class EngineDialect implements Dialect {
  /** A session lists again every minute, each with a limit of its own. */
  readonly stallAfter = 0;
  private readonly target: Target;
  private readonly clock: Clock;
  /** What is known of the engine outlives a connection, so that a container that does not answer keeps its place. */
  private readonly view: EngineView;
  private readonly onGateways: ((gateways: readonly string[]) => void) | undefined;
  private readonly onListed: ((containers: number) => void) | undefined;
  private readonly gateways = new Gateways();
  private told: string | undefined;
  private revision = 0;
  private session: Session | undefined;

  constructor(
    target: Target,
    { vpc = DOCKER_VPC, network, vpcs, zone = 'vpc.internal', clock, onGateways, onListed }: DockerOptions,
  ) {
    this.target = target;
    this.clock = clock ?? holdingClock;
    this.view = new EngineView({ vpc, network, vpcs, zone });
    this.onGateways = onGateways;
    this.onListed = onListed;
  }

  get heard(): number | undefined {
    return this.session?.heard;
  }

  async *connect(_revision: string | undefined, signal: AbortSignal): AsyncGenerator<StreamEvent[]> {
    const session = new Session({
      target: this.target,
      view: this.view,
      clock: this.clock,
      signal,
      gateways: this.gateways,
      nextRevision: () => this.nextRevision(),
      onNetworks: () => this.tellGateways(),
      onListed: (containers) => this.onListed?.(containers),
    });
    this.session = session;
    try {
      yield* session.run();
    } finally {
      session.close();
    }
  }

  /** Engines have no revisions: these grow with time, also over a restart of podns. */
  private nextRevision(): string {
    this.revision = Math.max(this.revision + 1, Date.now());
    return String(this.revision);
  }

  private tellGateways(): void {
    const gateways = this.gateways.of([...this.view.allNetworks()]);
    const text = gateways.join(' ');
    if (text === this.told) return;
    this.told = text;
    this.onGateways?.(gateways);
  }
}
