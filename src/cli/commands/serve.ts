/** `serve`: runs the server as a process, from its configuration to its last answer. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { createAdmin, type Admin } from '../../admin/http.ts';
import { ConfigError, loadConfig, type LoadedConfig } from '../../config.ts';
import { keyOf, problemText, type Kind, type Resource } from '../../model.ts';
import { ServerCore } from '../../server.ts';
import type { Giver } from '../../takeover/giver.ts';
import { giveUpPrivileges } from '../../transport/hardening.ts';
import { InheritedSockets, type BoundSockets } from '../../transport/inherited.ts';
import type { Logger } from '../../server/logger.ts';
import { servedImage, WORTH_OCTETS } from '../../server/image.ts';
import { ReleaseLater } from '../../server/release-memory.ts';
import { engineVpcs } from '../../server/sources.ts';
import { readZones } from '../../source/zones/zone-dir.ts';
import { isZones } from '../../source/zones/zones.ts';
import { bannerText } from '../banner.ts';
import { bindError } from '../bind-error.ts';
import { defaultListen } from '../default-listen.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_FAILURE, EXIT_USAGE } from '../exit.ts';
import { digLines } from '../hints.ts';
import { pathOf, type Io } from '../io.ts';
import { makeLog } from '../log.ts';
import { packageVersion } from '../../locations.ts';
import { addSettings, givenSettings } from '../serve-flags.ts';
import { adminTokenOf, refuseCertificates, renewToken } from '../serve-secrets.ts';
import { untilSignal } from '../signals.ts';
import { StandardStreams } from '../standard-streams.ts';
import { serviceManager, watchdogOf, type ServiceManager } from '../service-manager.ts';
import { become, userOf } from '../privileges.ts';
import { prepareStateFolder } from '../state-folder.ts';
import { newOnesFirst, offerTakeover, predecessor, PredecessorGone, ServeSockets } from '../takeover.ts';
import { hasFilesOnly, refuseErrors } from '../strict.ts';

const DEFAULT_ZONES = 'zones';
/** Milliseconds that the saved view, and files, may take to load before sockets are opened without them. */
const LOAD_PATIENCE = 10_000;
/** The same for streams, which may never deliver: queries are held then, and readiness can be asked. */
const STREAM_PATIENCE = 500;
/** Milliseconds after which the banner is printed without the first view. */
const FIRST_VIEW_PATIENCE = 1500;
/** How many resources per kind the banner searches for something to try. */
const LOOKED_AT = 1000;
/** Milliseconds for which addresses are tried again that a process had which has just ended. */
const TAKEN_PATIENCE = 6000;

export function serveCommand(io: Io): Command {
  const command = new Command('serve')
    .option('-c, --config <file>', 'read this file instead of ./podns.yaml')
    .option('--takeover', 'take sockets and view of the running process, which then ends; no query is lost');
  return addSettings(command).action(async (options: Record<string, unknown>) => {
    const loaded = configOf(options, io);
    if (options['takeover'] !== true) return serve(loaded, io, 'start');
    try {
      await serve(loaded, io, 'takeover');
    } catch (error) {
      if (!(error instanceof PredecessorGone)) throw error;
      await serve(loaded, io, 'instead');
    }
  });
}

/** `instead`: of a process that has just ended while this one took over from it. */
type Manner = 'start' | 'takeover' | 'instead';

export function configOf(options: Record<string, unknown>, io: Io): LoadedConfig {
  try {
    return loadConfig({
      flags: givenSettings(options),
      environment: io.environment,
      file: options['config'] as string | undefined,
      folder: io.folder,
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CommandError(error.usage ? EXIT_USAGE : EXIT_BAD_CONFIG, error.message);
  }
}

/**
 * Resolves after a signal, or a successor, has ended the server. Throws CommandError if it cannot start, and
 * PredecessorGone where nothing can be taken over any more.
 */
async function serve({ config, origins, problems }: LoadedConfig, io: Io, manner: Manner): Promise<void> {
  const streams = new StandardStreams({
    lost: (lines) => logger.warn({ lines }, 'log lines were lost, because the log was not read'),
    unread: () => logger.warn({}, 'standard output has no reader any more; podns continues'),
  });
  const { logLevel: level, logFormat: format } = config;
  const logger = makeLog({ level, format, to: streams.log, isTerminal: process.stderr.isTTY === true });
  const zones = sourceFolders(config, io);
  if (config.strict) refuseErrors(zones, config);
  for (const problem of problems) logger.warn({}, problemText(problem));
  await refuseCertificates(config);
  const adminToken = adminTokenOf(config, logger);
  const user = config.user === '' ? undefined : userOf(config.user);
  if (config.state !== '') prepareStateFolder(config.state, user);
  const kept = giveUpPrivileges();
  if (kept !== undefined) logger.debug({}, kept);
  const named = config.listen.map(({ text }) => text);
  const { listen, reason } =
    named.length > 0
      ? { listen: named, reason: '' }
      : defaultListen(offline(zones, config), engineVpcs(config));

  const inherited = inheritedSockets(io);
  const sockets = new ServeSockets(inherited);
  const version = packageVersion();
  const succession = manner === 'takeover' ? await predecessor(config, io, version, logger) : undefined;
  const cookieSecret = succession?.cookieSecret;
  const server = await makeServer({ ...config, zones, listen: [] }, logger, sockets, cookieSecret);
  const { restoring } = server;
  const opened: { close(): Promise<void> }[] = [server];
  const watchdog = succession?.watchdog ?? watchdogOf(io.environment);
  const manager = serviceManager(io.environment, (text) => logger.warn({}, text), succession && watchdog);
  const memory = new ReleaseLater();
  let giver: Giver | undefined;
  let admin: Admin | undefined;
  const signals = untilSignal({
    reload() {
      renewToken(config, admin, logger);
      void reload(server, manager);
    },
  });
  let ended = '';
  void signals.received.then((signal) => (ended = signal));
  try {
    let started = Promise.resolve();
    if (succession !== undefined) {
      sockets.handed = await succession.take(server);
      await listenAll(server, newOnesFirst(listen, sockets.handed), { asked: reason === '', logger });
      await server.gateways.release();
      if (user !== undefined) become(user);
    } else {
      const bound = (): Promise<void> =>
        listenAll(server, listen, { asked: reason === '', logger, isPatient: manner === 'instead' });
      // Until the addresses are bound, another process may have the state folder.
      server.handing.hold();
      server.handing.expectSockets();
      // What another user is to own is opened by that user, whose rights are too few for sockets.
      if (user !== undefined) {
        await bound();
        become(user);
      }
      // Queries come when there is a view to answer them from: what is not bound, a client asks elsewhere at once.
      const restored = server.restore();
      if (!restoring.isLoading) await atMost(restored, LOAD_PATIENCE);
      started = server.start();
      await firstView(server, started, LOAD_PATIENCE, STREAM_PATIENCE);
      if (user === undefined) await bound();
      server.handing.release();
      if (!restoring.isLoading) await started;
    }
    for (const socket of inherited.left) {
      // The gateway of a network may still come.
      if (config.dockerListen && socket.endsWith(':53')) continue;
      logger.warn(
        {},
        `the service manager passed the socket ${socket}, which no --listen names; it is not served`,
      );
    }
    const asked = origins.admin !== 'default';
    const [adminFd] = sockets.handed?.take('admin', config.admin, 0) ?? [];
    const loaded = (): void => memory.soon();
    admin = await openAdmin(server, { ...config, adminToken }, { asked, logger, fd: adminFd, loaded });
    if (admin !== undefined) opened.push(admin);
    await server.handing.served();
    if (ended !== '' && succession !== undefined)
      throw new CommandError(EXIT_FAILURE, `${ended} came before the takeover; the running process goes on`);
    await succession?.serving(server, () => manager.inCharge(statusLine(server)));
    sockets.handed?.close();
    const stayed = (): void => manager.inCharge(statusLine(server));
    giver = await offerTakeover({ config, io, version, logger, server, admin, watchdog, stayed });
    const known = await firstView(server, started, FIRST_VIEW_PATIENCE);
    io.out(
      bannerText({
        version: packageVersion(),
        sources: server.status().map(({ name }) => name),
        listeners: server.listeners.map(({ listener }) => listener.text),
        choice: reason,
        admin: adminText(admin),
        counts: known ? countsOf(server) : undefined,
        hints: known && !restoring.isLoading ? hintsOf(server, config) : [],
      }),
    );
    if (succession === undefined) manager.ready(statusLine(server));
    memory.soon();
    if (manner !== 'start' && process.connected) tellStarter(succession !== undefined);
    const failed = started.then(() => new Promise<never>(() => undefined));
    const succeeded = giver === undefined ? [] : [giver.succeeded];
    const why = await Promise.race([signals.received, failed, ...succeeded]);
    if (typeof why === 'string') {
      manager.stopping();
      logger.info({ signal: why }, `draining, because of ${why}`);
    } else {
      // The service has another main process now.
      manager.close();
      admin?.handOver();
      giver?.close();
      await Promise.race([
        signals.received,
        Promise.all([Promise.resolve(admin?.close()), server.handing.retire(config.takeoverDrain)]),
      ]);
      logger.info({ successor: why }, `ending: process ${why} has taken over`);
    }
  } finally {
    memory.close();
    giver?.close();
    succession?.close();
    sockets.handed?.close();
    await Promise.all(opened.map((part) => part.close()));
    manager.close();
    signals.release();
    await streams.end();
  }
}

/** `podns upgrade` waits for it. */
function tellStarter(tookOver: boolean): void {
  process.send?.({ type: 'serving', tookOver }, () => process.disconnect());
}

async function reload(server: ServerCore, manager: ServiceManager): Promise<void> {
  manager.reloading();
  await server.reload();
  manager.ready(statusLine(server));
}

/** What `systemctl status` shows. */
function statusLine(server: ServerCore): string {
  const { vpc, pod } = countsOf(server);
  const listeners = server.listeners.map(({ listener }) => listener.text).join(', ');
  return `${pod} pods of ${vpc} VPCs on ${listeners}`;
}

/** The folders to serve. Without any source this is the default folder, which must then exist. */
function sourceFolders(config: LoadedConfig['config'], io: Io): string[] {
  if (config.zones.length > 0 || !hasFilesOnly(config))
    return config.zones.map((folder) => pathOf(io, folder));
  const usual = pathOf(io, DEFAULT_ZONES);
  if (existsSync(usual)) return [usual];
  throw new CommandError(
    EXIT_BAD_CONFIG,
    'nothing to serve: the folder ./zones does not exist; name a source (--zones, --watch, --etcd, --docker)',
  );
}

/** The content of the folders, read before the server starts: it decides the scope of the default listeners. */
function offline(zones: readonly string[], { zone, vpc }: LoadedConfig['config']): Resource[] {
  const all = zones.flatMap((folder) =>
    readZones(folder, { zone }).resources.map(({ resource }) => resource),
  );
  return vpc.length === 0 ? all : all.filter((resource) => vpc.includes(keyOf(resource).vpc));
}

/** The sockets of a systemd socket unit, if there are any. */
function inheritedSockets(io: Io): InheritedSockets {
  try {
    return new InheritedSockets(io.environment, process.pid);
  } catch (error) {
    throw new CommandError(EXIT_BAD_CONFIG, `socket activation: ${(error as Error).message}`);
  }
}

/** With what the last process has left to be served first, unless there is a predecessor, whose secret is known then. */
async function makeServer(
  config: LoadedConfig['config'],
  logger: Logger,
  inherited: BoundSockets,
  cookieSecret: Uint8Array | undefined,
): Promise<ServerCore> {
  const version = packageVersion();
  const secret = cookieSecret && { cookieSecret };
  try {
    const image =
      secret === undefined ? await servedImage({ config, version, logger, least: WORTH_OCTETS }) : undefined;
    return new ServerCore({ config, logger, version, inherited, ...secret, image, keepsImage: true });
  } catch (error) {
    // The URL of a source is invalid; everything else in the configuration has been checked.
    if (error instanceof TypeError) throw new CommandError(EXIT_BAD_CONFIG, error.message);
    throw error;
  }
}

/**
 * One of the default listeners may fail, for example on a host without IPv6; a listener that the user named may not.
 */
async function listenAll(
  server: ServerCore,
  listen: readonly string[],
  { asked, logger, isPatient = false }: { asked: boolean; logger: Logger; isPatient?: boolean },
): Promise<void> {
  let failure: CommandError | undefined;
  const until = isPatient ? performance.now() + TAKEN_PATIENCE : 0;
  for (const text of listen) {
    try {
      await bindUntil(server, text, until);
    } catch (error) {
      const own = server.listeners.map(({ listener }) => listener);
      failure = bindError(text, error, own);
      if (asked) throw failure;
      logger.warn({ listener: text }, failure.message);
    }
  }
  if (failure !== undefined && server.listeners.length === 0) throw failure;
}

/** Tries again until that moment while another process has the address. */
async function bindUntil(server: ServerCore, text: string, until: number): Promise<void> {
  for (;;) {
    try {
      await server.bind(text);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE' || performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function openAdmin(
  server: ServerCore,
  config: LoadedConfig['config'],
  {
    asked,
    logger,
    fd,
    loaded,
  }: { asked: boolean; logger: Logger; fd: number | undefined; loaded: () => void },
): Promise<Admin | undefined> {
  if (config.admin === 'off') return undefined;
  const admin = createAdmin({
    bind: config.admin,
    token: config.adminToken,
    hosts: config.adminHosts,
    facts: { readiness: () => server.readiness() },
    routes: async () => {
      const { serverRoutes } = await import('../../admin/server-routes.ts');
      loaded();
      return serverRoutes(server, packageVersion());
    },
  });
  try {
    await admin.open(fd);
    return admin;
  } catch (error) {
    await admin.close();
    const failure = bindError(`admin ${config.admin}`, error);
    if (asked) throw failure;
    logger.warn({ admin: config.admin }, `${failure.message}; podns runs without an admin listener`);
    return undefined;
  }
}

function adminText(admin: Admin | undefined): string {
  if (admin === undefined) return '';
  return admin.address.startsWith('unix:') ? admin.address : `http://${admin.address}`;
}

/**
 * True once every source has delivered; false if that takes longer than so many milliseconds, or, where only streams have
 * not delivered, than `streams`. Rejects if the server cannot start.
 */
async function firstView(
  server: ServerCore,
  started: Promise<void>,
  patience: number,
  streams = patience,
): Promise<boolean> {
  const began = performance.now();
  let failed = false;
  started.catch(() => (failed = true));
  // What is served is known, and nothing has been delivered.
  if (server.restoring.isLoading) return true;
  while (!hasDelivered(server)) {
    const waited = performance.now() - began;
    if (waited > (readsFiles(server) ? patience : streams)) return false;
    // A few small files take as long as a turn of ten milliseconds.
    await new Promise((resolve) => setTimeout(resolve, Math.min(10, waited / 10)));
    // It rejects.
    if (failed) await started;
  }
  await server.settled();
  return true;
}

/** Resolves with the promise, or without it after a while; rejects as it does. */
async function atMost(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)));
  await Promise.race([promise, over]);
  clearTimeout(timer);
}

/** True while a source that has not delivered reads files. */
function readsFiles(server: ServerCore): boolean {
  for (const { name, synced, restored } of server.feed.states())
    if (!synced && !restored && isZones(name)) return true;
  return false;
}

function hasDelivered(server: ServerCore): boolean {
  for (const { synced, restored } of server.feed.states()) if (!synced && !restored) return false;
  return true;
}

function countsOf(server: ServerCore): Record<Kind, number> {
  const count = (kind: Kind): number => server.restoring.count(kind);
  return {
    vpc: count('vpc'),
    namespace: count('namespace'),
    overlay: count('overlay'),
    pod: count('pod'),
    service: count('service'),
  };
}

function hintsOf(server: ServerCore, config: LoadedConfig['config']): string[] {
  const scoped = server.listeners.find(({ listener }) => listener.vpc !== '')?.listener;
  if (scoped === undefined) return scopeLines(server);
  const some: Resource[] = [];
  for (const kind of ['pod', 'service'] as const) {
    const before = some.length;
    for (const resource of server.list(kind, { vpc: scoped.vpc })) {
      some.push(resource);
      if (some.length - before >= LOOKED_AT) break;
    }
  }
  return digLines(some, scoped, config);
}

/** An unscoped listener does not know clients on this host, so the hints add a scope. */
function scopeLines(server: ServerCore): string[] {
  const open = server.listeners[0]?.listener.text;
  if (open === undefined) return [];
  const scopes = Array.from(
    server.catalog.scopes(),
    ({ vpc, namespace }) => `${vpc}${namespace && '/'}${namespace}`,
  );
  const inOrder = scopes.filter((scope) => scope.includes('/')).sort();
  return inOrder.slice(0, 3).map((scope) => `podns serve --listen ${open}@${scope}`);
}
