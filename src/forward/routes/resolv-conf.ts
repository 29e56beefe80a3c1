/** The host's resolv.conf as a list of upstreams, read again when it has changed. */
import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { DNS_PORT, EndpointError, makeEndpoint } from '../upstream/endpoint.ts';
import type { Endpoint } from '../upstream/endpoint.ts';

/** As in every resolver: more are ignored (resolv.conf(5), MAXNS). */
const SERVERS_MAX = 3;
/** Milliseconds between two looks. */
const LOOK_AGAIN = 1000;
const FILE_MAX = 1 << 20;

/** The servers that a resolv.conf names, in order, and what of it could not be read. */
export function parseResolvConf(text: string): { endpoints: Endpoint[]; problems: string[] } {
  const endpoints: Endpoint[] = [];
  const problems: string[] = [];
  text.split('\n').forEach((line, index) => {
    // Keyword at the start of a line; anything may follow the address.
    const address = /^nameserver[ \t]+([^\s;#]+)/.exec(line)?.[1];
    if (address === undefined) return;
    try {
      const endpoint = makeEndpoint(address, DNS_PORT);
      const known = endpoints.some(({ text: other }) => other === endpoint.text);
      if (!known && endpoints.length < SERVERS_MAX) endpoints.push(endpoint);
    } catch (error) {
      if (!(error instanceof EndpointError)) throw error;
      problems.push(`line ${index + 1}: ${error.message}`);
    }
  });
  return { endpoints, problems };
}

/** Where the text comes from. `version` changes with the file; undefined when there is none. */
export interface ConfFile {
  version(): string | undefined;
  read(): string;
}

/**
 * By path at each check, not by inode: the file is replaced by rename, is a link that changes, or lies behind a
 * bind mount, where notifications stay silent.
 */
export function confFile(path: string): ConfFile {
  return {
    version() {
      const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (stat === undefined || !stat.isFile()) return undefined;
      return `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
    },
    read() {
      return readFileSync(path, 'utf8').slice(0, FILE_MAX);
    },
  };
}

export class ResolvConf {
  /** What is wrong with the file now, '' when nothing is. */
  problem = '';
  readonly path: string;
  private readonly file: ConfFile;
  private readonly clock: Clock;
  private endpoints: readonly Endpoint[] = [];
  private version: string | undefined;
  private lookedAt = Number.NEGATIVE_INFINITY;

  constructor(path: string, clock: Clock, file: ConfFile = confFile(path)) {
    this.path = path;
    this.clock = clock;
    this.file = file;
  }

  /**
   * The servers as of now: the same array until they change. A file that is gone or empty leaves the last list in
   * force, because some tools write it in two steps.
   */
  servers(): readonly Endpoint[] {
    const now = this.clock.now();
    if (now - this.lookedAt < LOOK_AGAIN) return this.endpoints;
    this.lookedAt = now;
    try {
      this.look();
    } catch (error) {
      this.version = undefined;
      this.problem = `${this.path}: ${(error as Error).message}`;
    }
    return this.endpoints;
  }

  private look(): void {
    const version = this.file.version();
    if (version === undefined) {
      this.version = undefined;
      this.problem = `${this.path}: no such file`;
      return;
    }
    if (version === this.version) return;
    const text = this.file.read();
    // Remembered only after reading: a failure must lead to another look.
    this.version = version;
    if (text === '') {
      this.problem = `${this.path} is empty`;
      return;
    }
    const { endpoints, problems } = parseResolvConf(text);
    if (endpoints.length === 0) problems.push('no nameserver');
    this.problem = problems.length === 0 ? '' : `${this.path}: ${problems.join('; ')}`;
    const same = endpoints.map(({ text }) => text).join() === this.endpoints.map(({ text }) => text).join();
    if (!same) this.endpoints = endpoints;
  }
}
