/** Writes resources to etcd and reads single ones, for `podns put` and `podns delete`. */

import type { IncomingMessage } from 'node:http';
import { readBody } from '../watch/http.ts';
import { EtcdClient, type EtcdClientOptions, type EtcdHeader } from './client.ts';
import { DEFAULT_PREFIX, etcdKeyOf, parseEtcdKey, rangeEnd } from './keys.ts';
import { StreamError } from '../reflector/dialect.ts';
import { keyOf, type Kind, type Resource, type ResourceKey } from '../../model.ts';

/** etcd's own limit for one transaction, `--max-txn-ops`. */
export const TRANSACTION_MOST = 128;

export interface EtcdWriterOptions extends EtcdClientOptions {
  /** Default `/podns/`. */
  prefix?: string;
}

interface RangeAnswer {
  response_range?: { count?: string; kvs?: { key: string; value?: string }[] };
}

/** Resources that one request reads: their answer stays below gRPC's usual limit of 4 MiB. */
const READ_MOST = 32;
const READ_ANSWER_MOST = 4 * 2 ** 20;

/** Every method throws `StreamError` if it fails at all endpoints. */
export class EtcdWriter {
  private readonly client: EtcdClient;
  private readonly prefix: string;
  private ready = false;

  /** Throws `TypeError` if an endpoint is not a URL. */
  constructor(options: EtcdWriterOptions) {
    this.client = new EtcdClient(options);
    const prefix = options.prefix ?? DEFAULT_PREFIX;
    this.prefix = prefix.endsWith('/') ? prefix : `${prefix}/`;
  }

  /**
   * Adds or replaces resources; returns the revision of the last write. Up to `TRANSACTION_MOST` resources are one atomic
   * change, more are several. Of two with the same key the later one wins.
   */
  async put(resources: Resource[], signal?: AbortSignal): Promise<string> {
    const values = new Map<string, string>();
    for (const resource of resources) {
      values.set(etcdKeyOf(this.prefix, keyOf(resource)), JSON.stringify(resource));
    }
    const operations = [...values].map(([key, value]) => ({
      request_put: { key: base64(key), value: base64(value) },
    }));
    let revision = '';
    for (let i = 0; i < operations.length; i += TRANSACTION_MOST) {
      const success = operations.slice(i, i + TRANSACTION_MOST);
      const answer = await this.ask<{ header: EtcdHeader }>('/v3/kv/txn', { success }, signal);
      revision = answer.header.revision;
    }
    return revision;
  }

  /** `deleted` is false if the key did not exist. */
  async delete(key: ResourceKey, signal?: AbortSignal): Promise<{ revision: string; deleted: boolean }> {
    const body = { key: base64(etcdKeyOf(this.prefix, key)) };
    const answer = await this.ask<{ header: EtcdHeader; deleted?: string }>(
      '/v3/kv/deleterange',
      body,
      signal,
    );
    return { revision: answer.header.revision, deleted: (answer.deleted ?? '0') !== '0' };
  }

  /**
   * The resources in a VPC or namespace: their number by kind, and at most `most` keys of each kind. Other keys below
   * the VPC are not resources and do not count.
   */
  async within(
    { kind, vpc, namespace }: ResourceKey,
    most: number,
    signal?: AbortSignal,
  ): Promise<{ counts: { kind: Kind; count: number }[]; keys: ResourceKey[] }> {
    const inside: Kind[] = ['namespace', 'overlay', 'pod', 'service'];
    const kinds = kind === 'vpc' ? inside : inside.slice(1);
    const success = kinds.map((each) => {
      const start = `${this.prefix}${vpc}/${each}/${kind === 'vpc' ? '' : `${namespace}/`}`;
      // The slash's successor ends the range.
      const end = `${start.slice(0, -1)}0`;
      return { request_range: { key: base64(start), range_end: base64(end), keys_only: true, limit: most } };
    });
    const { responses = [] } = await this.ask<{ responses?: RangeAnswer[] }>(
      '/v3/kv/txn',
      { success },
      signal,
    );
    const counts: { kind: Kind; count: number }[] = [];
    const keys: ResourceKey[] = [];
    for (const [i, { response_range: range }] of responses.entries()) {
      const count = Number(range?.count ?? 0);
      if (count > 0) counts.push({ kind: kinds[i]!, count });
      for (const { key } of range?.kvs ?? []) {
        const parsed = parseEtcdKey(this.prefix, Buffer.from(key, 'base64').toString());
        if (typeof parsed !== 'string') keys.push(parsed);
      }
    }
    return { counts, keys };
  }

  /** The stored texts of these resources, in their order; undefined where etcd has none. */
  async read(keys: readonly ResourceKey[], signal?: AbortSignal): Promise<(string | undefined)[]> {
    const values: (string | undefined)[] = [];
    for (let i = 0; i < keys.length; i += READ_MOST) {
      const some = keys.slice(i, i + READ_MOST);
      const success = some.map((key) => ({
        request_range: { key: base64(etcdKeyOf(this.prefix, key)) },
      }));
      const answer = await this.ask<{ responses?: RangeAnswer[] }>('/v3/kv/txn', { success }, signal);
      for (const [index] of some.entries()) {
        const kv = answer.responses?.[index]?.response_range?.kvs?.[0];
        values.push(kv === undefined ? undefined : Buffer.from(kv.value ?? '', 'base64').toString());
      }
    }
    return values;
  }

  /** The names of all VPCs with a key, found by stepping from one to the next. */
  async vpcs(signal?: AbortSignal): Promise<string[]> {
    const found: string[] = [];
    const end = rangeEnd(this.prefix).toString('base64');
    for (let start = this.prefix; ;) {
      const body = { key: base64(start), range_end: end, limit: 1, keys_only: true };
      const { kvs = [] } = await this.ask<{ kvs?: { key: string }[] }>('/v3/kv/range', body, signal);
      if (kvs.length === 0) return found;
      const [vpc = '', ...rest] = Buffer.from(kvs[0]!.key, 'base64')
        .toString()
        .slice(this.prefix.length)
        .split('/');
      if (rest.length > 0) found.push(vpc);
      // The slash's successor comes after all keys of this VPC; a zero octet after a key without a slash.
      start = `${this.prefix}${vpc}${rest.length > 0 ? '0' : '\0'}`;
    }
  }

  /** Reads and both kinds of write are idempotent, so a failed one is repeated at each endpoint. */
  private async ask<Answer>(path: string, body: object, signal?: AbortSignal): Promise<Answer> {
    if (!this.ready) await this.client.refreshCredentials();
    this.ready = true;
    for (let left = this.client.endpointCount; ; left--) {
      try {
        return await this.client.read(path, body, readAnswer<Answer>, signal ?? new AbortController().signal);
      } catch (error) {
        const mayPass = error instanceof StreamError && error.failure === 'retry';
        if (!mayPass || left <= 1) throw error;
        this.client.rotate();
      }
    }
  }
}

async function readAnswer<Answer>(response: IncomingMessage): Promise<Answer> {
  const text = await readBody(response, READ_ANSWER_MOST);
  if (text === undefined) throw new Error(`the answer has more than ${READ_ANSWER_MOST} octets`);
  return JSON.parse(text) as Answer;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
