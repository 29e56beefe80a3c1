/** The one place of the tests that knows the library's face: opens a server and turns scenario words into its own. */
import type { Resource, ResourceKey } from '../../src/model.ts';
import type { ScenarioConfig } from '../scenarios/format.ts';

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

export async function openSubject(options: SubjectOptions): Promise<Subject> {
  void options;
  throw new Error('the library is not there yet');
}
