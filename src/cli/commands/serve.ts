/** `serve`: runs the server as a process, from its configuration to its last answer. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import type { Admin } from '../../admin/http.ts';
import { ConfigError, loadConfig, type LoadedConfig } from '../../config.ts';
import { keyOf, problemText, type Kind, type Resource } from '../../model.ts';
import { ServerCore } from '../../server.ts';
import { giveUpPrivileges } from '../../transport/hardening.ts';
import { InheritedSockets } from '../../transport/inherited.ts';
import type { Logger } from '../../server/logger.ts';
import { readZones } from '../../source/zones/zone-dir.ts';
import { bannerText } from '../banner.ts';
import { bindError } from '../bind-error.ts';
import { defaultListen } from '../default-listen.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_USAGE } from '../exit.ts';
import { digLines } from '../hints.ts';
import { pathOf, type Io } from '../io.ts';
import { makeLog } from '../log.ts';
import { packageVersion } from '../../locations.ts';
import { addSettings, givenSettings } from '../serve-flags.ts';
import { adminTokenOf, refuseCertificates, renewToken } from '../serve-secrets.ts';
import { untilSignal } from '../signals.ts';
import { StandardStreams } from '../standard-streams.ts';
import { serviceManager, type ServiceManager } from '../service-manager.ts';
import { become, userOf } from '../privileges.ts';
import { prepareStateFolder } from '../state-folder.ts';
import { refuseErrors } from '../strict.ts';

const DEFAULT_ZONES = 'zones';
/** Milliseconds after which the banner is printed without the first view. */
const FIRST_VIEW_PATIENCE = 1500;
/** Milliseconds that the first view has before the admin listener opens. */
const VIEW_HEAD_START = 100;
/** Milliseconds that the saved view may take before sockets are opened without it. */
const LOAD_PATIENCE = 500;
/** How many resources per kind the banner searches for something to try. */
const LOOKED_AT = 1000;

export function serveCommand(io: Io): Command {
  const command = new Command('serve').option(
    '-c, --config <file>',
    'read this file instead of ./podns.yaml',
  );
  return addSettings(command).action((options: Record<string, unknown>) => serve(configOf(options, io), io));
}

function configOf(options: Record<string, unknown>, io: Io): LoadedConfig {
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

/** Resolves after a signal has ended the server. Throws CommandError if it cannot start. */
async function serve({ config, origins, problems }: LoadedConfig, io: Io): Promise<void> {
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
    named.length > 0 ? { listen: named, reason: '' } : defaultListen(offline(zones, config));

  const inherited = inheritedSockets(io);
  const server = makeServer({ ...config, zones, listen: [] }, logger, inherited);
  const opened: { close(): Promise<void> }[] = [server];
  const manager = serviceManager(io.environment, (text) => logger.warn({}, text));
  let admin: Admin | undefined;
  const signals = untilSignal({
    reload() {
      renewToken(config, admin, logger);
      void reload(server, manager);
    },
  });
  try {
    // Usually the saved view is there before the first query; while a large one is read, queries are held, not lost.
    // What another user is to own is opened by that user, whose rights are too few for sockets.
    if (user === undefined) await atMost(server.restore(), LOAD_PATIENCE);
    await listenAll(server, listen, reason === '', logger);
    if (user !== undefined) become(user);
    for (const socket of inherited.left)
      logger.warn(
        {},
        `the service manager passed the socket ${socket}, which no --listen names; it is not served`,
      );
    await server.start();
    const viewed = firstView(server);
    // Queries first: the modules of the admin listener take longer to load than a small view.
    await atMost(viewed, VIEW_HEAD_START);
    const asked = origins.admin !== 'default';
    admin = await openAdmin(server, { ...config, adminToken }, asked, logger);
    if (admin !== undefined) opened.push(admin);
    const known = await viewed;
    io.out(
      bannerText({
        version: packageVersion(),
        sources: server.status().map(({ name }) => name),
        listeners: server.listeners.map(({ listener }) => listener.text),
        choice: reason,
        admin: adminText(admin),
        counts: known ? countsOf(server) : undefined,
        hints: known ? hintsOf(server, config) : [],
      }),
    );
    manager.ready(statusLine(server));
    const signal = await signals.received;
    manager.stopping();
    logger.info({ signal }, `draining, because of ${signal}`);
  } finally {
    await Promise.all(opened.map((part) => part.close()));
    manager.close();
    signals.release();
    await streams.end();
  }
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
  const { zones, watch, etcd, kraud } = config;
  if (zones.length + watch.length + etcd.length + kraud.length > 0)
    return zones.map((folder) => pathOf(io, folder));
  const usual = pathOf(io, DEFAULT_ZONES);
  if (existsSync(usual)) return [usual];
  throw new CommandError(
    EXIT_BAD_CONFIG,
    'nothing to serve: the folder ./zones does not exist; name a source (--zones, --watch, --etcd)',
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

function makeServer(config: LoadedConfig['config'], logger: Logger, inherited: InheritedSockets): ServerCore {
  try {
    return new ServerCore({ config, logger, version: packageVersion(), inherited });
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
  asked: boolean,
  logger: Logger,
): Promise<void> {
  let failure: CommandError | undefined;
  for (const text of listen) {
    try {
      await server.bind(text);
    } catch (error) {
      const own = server.listeners.map(({ listener }) => listener);
      failure = bindError(text, error, own);
      if (asked) throw failure;
      logger.warn({ listener: text }, failure.message);
    }
  }
  if (failure !== undefined && server.listeners.length === 0) throw failure;
}

async function openAdmin(
  server: ServerCore,
  config: LoadedConfig['config'],
  asked: boolean,
  logger: Logger,
): Promise<Admin | undefined> {
  if (config.admin === 'off') return undefined;
  const [{ createAdmin }, { serverRoutes }] = await Promise.all([
    import('../../admin/http.ts'),
    import('../../admin/server-routes.ts'),
  ]);
  const admin = createAdmin({
    bind: config.admin,
    token: config.adminToken,
    hosts: config.adminHosts,
    facts: { readiness: () => server.readiness() },
    routes: serverRoutes(server, packageVersion()),
  });
  try {
    await admin.open();
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

/** True once every source has delivered; false if that takes too long. */
async function firstView(server: ServerCore): Promise<boolean> {
  const deadline = performance.now() + FIRST_VIEW_PATIENCE;
  while (!hasDelivered(server)) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
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

function hasDelivered(server: ServerCore): boolean {
  for (const { synced, restored } of server.feed.states()) if (!synced && !restored) return false;
  return true;
}

function countsOf(server: ServerCore): Record<Kind, number> {
  const count = (kind: Kind): number => server.catalog.count(kind);
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
