/** The one place of the tests that knows the library's face: opens a server and slices scenario words into its own. */
import type { Resource, ResourceKey } from '../../src/model.ts';
import type { Config } from '../../src/config/table.ts';
import { ServerCore } from '../../src/server.ts';
import type { ScenarioConfig } from '../scenarios/format.ts';
import type { TrieWriter } from '../../src/trie/write/writer.ts';
import { makeCrowdsAbove } from './own-writer.ts';

export interface SubjectOptions {
  config: ScenarioConfig;
  /** Undefined: the server never hears of a first view. */
  resources: Resource[] | undefined;
  /** Scopes of listeners: '', '@aep', '@aep/nextcloud'. */
  scopes: string[];
  /** Binds sockets: each scope on 127.0.0.1 and ::1. */
  listen: boolean;
  workers: number;
  upstreamPort: number | undefined;
  /** Bearers of one name that stand in a SET, the usual number when undefined. */
  most?: number;
  /** Milliseconds for which queries are held: long enough that a busy machine does not let them run out early. */
  hold?: number;
}

export interface SubjectClient {
  address: string;
  port: number;
  scope: string;
  /** The address asked. */
  local: string;
  tcp: boolean;
}

export interface Subject {
  answer(packet: Buffer, client: SubjectClient): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** One atomic change, answerable when it resolves. */
  change(put: Resource[], remove: ResourceKey[]): Promise<void>;
  /** The port of the listener of that scope on that address. */
  port(scope: string, local: string): number;
  close(): Promise<void>;
}

/** Address space enough for a few thousand names, so that a hundred servers fit beside each other. */
const RESERVE = { names: 1 << 24, addresses: 1 << 24, arena: 1 << 26 };

/** Every test server has the same cookie secret: answers of two servers can be compared octet by octet. */
const SECRET = Uint8Array.from({ length: 16 }, (_, index) => index);

function configOf({ config, workers, upstreamPort, hold = 200 }: SubjectOptions): Partial<Config> {
  const words = {
    workers,
    podHold: hold,
    syncHold: hold,
    ...(config.forward === undefined ? {} : { forward: config.forward }),
    ...(config.a_records === undefined ? {} : { aRecords: config.a_records }),
    ...(config.clients === undefined ? {} : { clients: config.clients }),
    ...(config.zone === undefined ? {} : { zone: config.zone }),
    ...(config.ttl === undefined ? {} : { ttl: config.ttl }),
    ...(config.negative_ttl === undefined ? {} : { negativeTtl: config.negative_ttl }),
    ...(config.node_name === undefined ? {} : { nodeName: config.node_name }),
    ...(config.chaos === undefined ? {} : { chaos: config.chaos }),
    suffixes: (config.suffixes ?? []).map((one) =>
      typeof one === 'string' ? { name: one, flat: false } : one,
    ),
    upstreams: [`127.0.0.1:${upstreamPort ?? 9}`],
  };
  return words;
}

/** `@aep/nextcloud` as the library says it: without the at sign. */
function scopeWord(scope: string): string {
  return scope.slice(1);
}

export async function openSubject(options: SubjectOptions): Promise<Subject> {
  const server = new ServerCore({ config: configOf(options), reserve: RESERVE, cookieSecret: SECRET });
  if (options.most !== undefined) {
    const { writer } = server as unknown as { writer: TrieWriter };
    makeCrowdsAbove(writer, options.most);
  }
  if (options.resources !== undefined) await server.apply({ put: options.resources, full: true });
  const ports = new Map<string, number>();
  try {
    for (const scope of options.listen ? options.scopes : []) {
      for (const local of ['127.0.0.1', '::1']) {
        const open = await server.listen(`${local === '::1' ? '[::1]' : local}:0${scope}`);
        ports.set(`${scope} ${local}`, open.port);
      }
    }
  } catch (error) {
    await server.close(0);
    throw error;
  }
  return {
    answer: (packet, { scope, ...client }) => server.answer(packet, { ...client, scope: scopeWord(scope) }),
    change: (put, remove) => server.apply({ put, delete: remove }),
    port: (scope, local) => ports.get(`${scope} ${local}`)!,
    close: () => server.close(0),
  };
}
