/** `resolv-conf`: prints what a pod's resolv.conf should contain, each line with its reason. */
import { isIP } from 'node:net';
import { Command } from 'commander';
import type { Status } from '../../admin/status.ts';
import { ConfigError, loadConfig } from '../../config.ts';
import type { Config } from '../../config/table.ts';
import { formatListen, ListenError, parseListen, type Listen } from '../../transport/listen.ts';
import type { ForwardPolicy, Pod, Resource, Vpc } from '../../model.ts';
import { addAdminOptions, adminTarget, askAdmin, type AdminOptions } from '../admin-client.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_NEGATIVE, EXIT_USAGE } from '../exit.ts';
import { pathOf, type Io } from '../io.ts';
import { isReachable, resolvConfText } from '../resolv-conf-text.ts';
import { loadZones } from '../resource-files.ts';

interface Options extends AdminOptions {
  zones?: string;
  vpc?: string;
  server?: string[];
  listen?: string[];
}

/** What the command needs, from zone files or from a running server. */
interface Known {
  pods: Pod[];
  vpcs: Vpc[];
  zone: string;
  listeners: Listen[];
  /** The message if there is no listener. */
  from: string;
}

const collect = (value: string, all: string[] = []): string[] => [...all, value];

export function resolvConfCommand(io: Io): Command {
  const command = new Command('resolv-conf')
    .description("print what a pod's resolv.conf should contain, and why")
    .argument('<ns/pod>', 'namespace and name of the pod')
    .option('--zones <dir>', 'read this folder of zone files, or one file, instead of the running server')
    .option('--vpc <vpc>', 'VPC of the pod, if several VPCs have such a pod')
    .option('--server <addr>', 'address at which the pod reaches podns; repeat it for each one', collect)
    .option(
      '--listen <addr:port[@vpc[/namespace]]>',
      'listener of the server; repeat it for each one',
      collect,
    );
  return addAdminOptions(command).action(async (path: string, options: Options) => {
    const { namespace, name } = podPath(path);
    const config = configOf(options, io);
    const given = options.server?.map(serverOf);
    const known =
      options.zones === undefined ? await ask(namespace, options, io) : read(options.zones, config, io);
    const pod = choose(known.pods, namespace, name, options.vpc?.toLowerCase());
    const asked = options.listen === undefined ? known.listeners : config.listen;
    const servers = given ?? fitting(asked, known.from, pod);
    const vpc = known.vpcs.find((one) => one.name === pod.vpc);
    const forward: ForwardPolicy = vpc?.forward ?? config.forward;
    io.out(resolvConfText({ pod, zone: known.zone, servers, forward }));
  });
}

/** A pod's name may contain dots, but no slash. */
function podPath(path: string): { namespace: string; name: string } {
  const [namespace = '', name = '', ...more] = path.toLowerCase().split('/');
  if (namespace === '' || name === '' || more.length > 0)
    throw new CommandError(EXIT_USAGE, `"${path}": NS/POD is expected, such as shop/app-0`);
  return { namespace, name };
}

function configOf({ config: file, listen }: Options, io: Io): Config {
  try {
    return loadConfig({ flags: { listen }, environment: io.environment, file, folder: io.folder }).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CommandError(error.usage ? EXIT_USAGE : EXIT_BAD_CONFIG, error.message);
  }
}

/** `ADDR` or `ADDR:PORT`. */
function serverOf(text: string): Listen {
  if (isIP(text) !== 0) return { address: text.toLowerCase(), port: 53, vpc: '', namespace: '' };
  try {
    const listen = parseListen(text);
    if (listen.vpc !== '') throw new ListenError(text, 'a nameserver takes no scope');
    return listen;
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    throw new CommandError(EXIT_USAGE, `--server: "${text}": ${error.reason}`);
  }
}

function read(path: string, config: Config, io: Io): Known {
  const { resources, failed } = loadZones(pathOf(io, path), io, config.zone);
  if (failed) throw new CommandError(EXIT_BAD_CONFIG, 'the zone files have errors, see above');
  const ofKind = <K extends Resource['kind']>(kind: K) =>
    resources.filter((resource): resource is Extract<Resource, { kind: K }> => resource.kind === kind);
  const { zone, listen } = config;
  const from = 'neither --listen nor the configuration names a listener';
  return { pods: ofKind('pod'), vpcs: ofKind('vpc'), zone, listeners: listen, from };
}

async function ask(namespace: string, options: Options, io: Io): Promise<Known> {
  const target = adminTarget(options, io);
  const query = new URLSearchParams({ namespace });
  if (options.vpc !== undefined) query.set('vpc', options.vpc);
  const [status, pods, vpcs] = await Promise.all([
    askAdmin<Status>(target, '/v1/status'),
    askAdmin<Pod[]>(target, `/v1/pods?${query.toString()}`),
    askAdmin<Vpc[]>(target, '/v1/vpcs'),
  ]);
  const listeners = status.listeners.map(({ text }) => parseListen(text));
  return { pods, vpcs, zone: status.zone, listeners, from: `the server at ${target.text} has no listener` };
}

function choose(pods: readonly Pod[], namespace: string, name: string, vpc: string | undefined): Pod {
  const near = pods.filter((pod) => pod.namespace === namespace && (vpc === undefined || pod.vpc === vpc));
  const found = near.filter((pod) => pod.name === name || pod.aid === name);
  const where = vpc === undefined ? '' : ` of VPC ${vpc}`;
  if (found.length > 1) {
    const owners = found.map((pod) => pod.vpc).join(', ');
    throw new CommandError(
      EXIT_USAGE,
      `several VPCs have a pod ${namespace}/${name}: name one with --vpc: ${owners}`,
    );
  }
  if (found.length === 1) return found[0]!;
  const owners = near.filter((pod) => pod.names.includes(name)).map((pod) => `${namespace}/${pod.name}`);
  const hint =
    owners.length > 0
      ? `; ${owners.slice(0, 3).join(', ')} has that name`
      : near.length === 0
        ? `; namespace ${namespace}${where} has no pods`
        : '';
  throw new CommandError(EXIT_NEGATIVE, `there is no pod ${namespace}/${name}${where}${hint}`);
}

/** The listeners that identify this pod correctly, and that it can send to. */
function fitting(all: readonly Listen[], from: string, pod: Pod): Listen[] {
  const scoped = all.filter(
    ({ vpc, namespace }) =>
      (vpc === '' || vpc === pod.vpc) && (namespace === '' || namespace === pod.namespace),
  );
  const usable = scoped.filter(isReachable);
  if (usable.length > 0) return usable;
  const help = 'name with --server the address that the pod reaches';
  if (scoped.length > 0) {
    const texts = scoped.map(formatListen).join(', ');
    throw new CommandError(EXIT_USAGE, `a pod cannot send to ${texts}: ${help}`);
  }
  if (all.length > 0) {
    const texts = all.map(formatListen).join(', ');
    const who = `${pod.vpc}/${pod.namespace}`;
    throw new CommandError(EXIT_USAGE, `no listener serves ${who}, only ${texts} exists: ${help}`);
  }
  throw new CommandError(EXIT_USAGE, `${from}: ${help}`);
}
