/** Takeovers of `serve`: what a running process gives its successor, and how a successor gets it. */
import type { Admin } from '../admin/http.ts';
import type { Config } from '../config/table.ts';
import type { ServerCore } from '../server.ts';
import type { Logger } from '../server/logger.ts';
import { identityOf } from '../server/problems.ts';
import { Giver, type GivenSocket } from '../takeover/giver.ts';
import { placeOf } from '../takeover/place.ts';
import { step } from '../takeover/protocol.ts';
import { HandedSockets, Taker, TakeoverError } from '../takeover/taker.ts';
import type { BoundSockets } from '../transport/inherited.ts';
import { parseListen } from '../transport/listen.ts';
import { loadSystem } from '../transport/syscalls.ts';
import { isLive } from '../transport/unix-socket.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_FAILURE } from './exit.ts';
import type { Io } from './io.ts';

type Settings = Pick<Config, 'takeoverSocket' | 'takeoverPatience' | 'state' | 'admin'>;

/** Milliseconds for which a successor waits for sources that it has from its predecessor. */
const CONFIRM_MS = 5000;
/** Milliseconds between two looks at what is missing. */
const LOOK_MS = 10;

/** The running process has ended before it gave its sockets: its successor starts as any process does. */
export class PredecessorGone extends Error {}

/** The sockets of a predecessor, once they are there, and those of the service manager. */
export class ServeSockets implements BoundSockets {
  handed: HandedSockets | undefined;
  private readonly others: BoundSockets;

  constructor(others: BoundSockets) {
    this.others = others;
  }

  take(protocol: 'udp' | 'tcp', address: string, port: number): number[] {
    const found = this.handed?.take(protocol, address, port) ?? [];
    return found.length > 0 ? found : this.others.take(protocol, address, port);
  }
}

/** Where this process, or the one before it, listens for its successor. */
function pathOf(config: Settings, io: Io): ReturnType<typeof placeOf> {
  const { takeoverSocket: asked, state, admin } = config;
  return placeOf({ asked, state, admin, environment: io.environment });
}

/** The process to take over from; undefined where none runs. Throws CommandError where it gives nothing. */
export async function predecessor(
  config: Settings,
  io: Io,
  version: string,
  logger: Logger,
): Promise<Succession | undefined> {
  const { path, reason } = pathOf(config, io);
  if (path === undefined) throw new CommandError(EXIT_BAD_CONFIG, `--takeover: ${reason}`);
  try {
    const taker = await Taker.connect(path, version);
    if (taker === undefined) {
      logger.info({ path }, `no process listens at ${path} for its successor: this one starts without`);
      return undefined;
    }
    const { pid, version: other } = taker.welcome;
    logger.info({ pid }, `taking over from process ${pid}, podns ${other}`);
    return new Succession(taker, path, config.takeoverPatience, logger);
  } catch (error) {
    if (!(error instanceof TakeoverError)) throw error;
    throw failure(error);
  }
}

function failure({ message }: TakeoverError): CommandError {
  return new CommandError(
    EXIT_FAILURE,
    `--takeover: ${message}; the running process goes on, and this one ends`,
  );
}

/** A takeover under way, seen by the successor. Every step throws CommandError where the running process goes on. */
export class Succession {
  private readonly taker: Taker;
  private readonly path: string;
  private readonly patience: number;
  private readonly logger: Logger;

  constructor(taker: Taker, path: string, patience: number, logger: Logger) {
    this.taker = taker;
    this.path = path;
    this.patience = patience;
    this.logger = logger;
  }

  get cookieSecret(): Uint8Array {
    return this.taker.welcome.cookieSecret;
  }

  /** WATCHDOG_USEC of the service. */
  get watchdog(): string {
    return this.taker.welcome.watchdog;
  }

  /**
   * Takes the view, lets the sources go on from it, and gets the sockets. Throws PredecessorGone where the other process
   * has ended meanwhile.
   */
  async take(server: ServerCore): Promise<HandedSockets> {
    try {
      const { problems, gateways } = this.taker.welcome;
      // They are listened on once the sockets are here.
      server.gateways.hold();
      server.gateways.goOnFrom(gateways);
      server.observing.problems.goOnFrom(new Map(problems.map(({ identity, since }) => [identity, since])));
      await server.restore(await this.taker.view());
      step('restored');
      await server.start();
      await this.untilWhole(server);
      step('whole');
      const { sockets, digest } = await this.taker.sockets();
      step('received');
      const own = await digestOf(server);
      if (own !== digest)
        this.logger.info({ own, digest }, 'the records differ from those of the running process');
      return sockets;
    } catch (error) {
      throw await this.failure(error);
    }
  }

  /** This process answers: resolves when the other one does not any more. */
  async serving(server: ServerCore, inCharge: () => void): Promise<void> {
    step('serving');
    try {
      await this.taker.serving();
    } catch (error) {
      const worse = await this.failure(error);
      if (!(worse instanceof PredecessorGone)) throw worse;
    }
    step('alone');
    inCharge();
    await this.taker.released();
    await server.handing.takeUp();
    step('done');
  }

  close(): void {
    this.taker.close();
  }

  /** What the running process serves must not be missing here, not for a moment. */
  private async untilWhole(server: ServerCore): Promise<void> {
    const began = performance.now();
    for (;;) {
      const { uncovered, awaited } = server.handing.missing();
      const passed = performance.now() - began;
      if (uncovered.length === 0 && (awaited.length === 0 || passed > Math.min(CONFIRM_MS, this.patience)))
        break;
      if (passed > this.patience)
        throw new TakeoverError(
          `these sources have delivered nothing in ${this.patience / 1000} s: ${uncovered.join(', ')}`,
        );
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    await server.settled();
  }

  private async failure(error: unknown): Promise<unknown> {
    if (!(error instanceof TakeoverError)) return error;
    // It may have closed the connection and live on.
    if (!error.isGone || (await isLive(this.path))) return failure(error);
    this.logger.warn({}, `${error.message}: this process serves in its place`);
    return new PredecessorGone(error.message);
  }
}

async function digestOf(server: ServerCore): Promise<string> {
  // Too much has changed while it was read.
  return server.catalog.digestPaced().catch(() => '');
}

export interface Offer {
  config: Settings;
  io: Io;
  version: string;
  logger: Logger;
  server: ServerCore;
  admin: Admin | undefined;
  /** WATCHDOG_USEC of the service. */
  watchdog: string;
  /** A successor has failed after this process had left its sockets. */
  stayed(): void;
}

/** From now on a successor can take over. Undefined where that cannot be had. */
export async function offerTakeover(offer: Offer): Promise<Giver | undefined> {
  const { config, io, version, logger, server, admin, watchdog } = offer;
  const { system } = loadSystem();
  const { path } = pathOf(config, io);
  if (system === undefined || path === undefined) return undefined;
  if (await isLive(path)) {
    if (config.state !== '' || config.takeoverSocket !== '')
      logger.warn({ path }, `another process listens at ${path}; nobody can take over from this one`);
    return undefined;
  }
  const giver = new Giver(system, {
    welcome: () => ({
      version,
      pid: process.pid,
      cookieSecret: server.settings.cookieSecret,
      watchdog,
      problems: server.observing.problems
        .list()
        .map((problem) => ({ identity: identityOf(problem), since: problem.since })),
      gateways: server.gateways.all(),
    }),
    async view() {
      await server.restore();
      return server.handing.view();
    },
    digest: () => digestOf(server),
    sockets: () => [...server.handing.sockets(), ...adminSocket(config.admin, admin)],
    leave: () => server.handing.leave(),
    async stay() {
      await server.handing.stay();
      offer.stayed();
    },
    log: (level, text) => logger[level]({}, text),
  });
  try {
    await giver.open(path);
    return giver;
  } catch (error) {
    logger.warn({ path }, `nobody can take over from this process: ${(error as Error).message}`);
    return undefined;
  }
}

function adminSocket(address: string, admin: Admin | undefined): GivenSocket[] {
  const fd = admin?.descriptor ?? -1;
  return fd < 0 ? [] : [{ protocol: 'admin', address, port: 0, fd }];
}

/** Those first that the running process does not have: where one of them fails, it has lost nothing. */
export function newOnesFirst(listen: readonly string[], handed: HandedSockets): string[] {
  const isNew = (text: string): boolean => {
    const { address, port } = parseListen(text);
    return !handed.has('udp', address, port);
  };
  return [...listen.filter(isNew), ...listen.filter((text) => !isNew(text))];
}
