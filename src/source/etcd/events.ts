/** Turns lists and watch answers of etcd into events of the reflector. */

import { excerpt } from '../../model-text.ts';
import { errorOf, type EtcdHeader, type EtcdKeyValue } from './client.ts';
import { parseEtcdKey, resourceAt } from './keys.ts';
import { StreamError, type StreamEvent } from '../reflector/dialect.ts';
import { slices } from '../reflector/slices.ts';
import { refusal } from '../watch/protocol.ts';

export interface WatchEvent {
  /** Absent for a put. */
  type?: 'PUT' | 'DELETE';
  kv: EtcdKeyValue;
}

/** One line of `/v3/watch`. */
export interface WatchLine {
  result?: {
    header: EtcdHeader;
    created?: boolean;
    canceled?: boolean;
    compact_revision?: string;
    cancel_reason?: string;
    /** True if the rest of this answer follows in the next line. */
    fragment?: boolean;
    /** Always empty here, because events are read one by one. */
    events?: WatchEvent[];
  };
  error?: { grpc_code?: number; code?: number; http_code?: number; message?: string };
}

/** The maximum of characters of a key in messages: more than any key of podns has. */
const PLACE_MAX = 512;

export interface Naming {
  /** Ends with a slash. */
  prefix: string;
  zone: string | undefined;
}

/** Turns a key and its value into a put, or into a refusal. */
export function putEvent(kv: EtcdKeyValue, naming: Naming, more: boolean): StreamEvent {
  slices.record(kv.value?.length);
  const text = Buffer.from(kv.key, 'base64').toString('utf8');
  const place = { text: `etcd ${excerpt(text, PLACE_MAX)}` };
  const revision = kv.mod_revision;
  const key = parseEtcdKey(naming.prefix, text);
  // A VPC is as old as its key, even after later writes.
  const stamp = typeof key !== 'string' && key.kind === 'vpc' ? (kv.create_revision ?? '0') : undefined;
  const fault = typeof key === 'string' ? key : kv.fault;
  if (typeof key === 'string' || fault !== undefined) {
    const issues = [{ path: [], reason: fault! }];
    const known = typeof key === 'string' ? undefined : key;
    return { type: 'refused', revision, ...refusal(known, issues, place), stamp, more };
  }
  const value = Buffer.from(kv.value ?? '', 'base64').toString('utf8');
  const { resource, issues } = resourceAt(key, value, naming.zone);
  if (issues !== undefined) return { type: 'refused', revision, ...refusal(key, issues, place), stamp, more };
  return { type: 'put', revision, resource, place, stamp, more };
}

export function changeEvent(event: WatchEvent, naming: Naming, more: boolean): StreamEvent {
  if (event.type !== 'DELETE') return putEvent(event.kv, naming, more);
  slices.record();
  const text = Buffer.from(event.kv.key, 'base64').toString('utf8');
  const revision = event.kv.mod_revision;
  const key = parseEtcdKey(naming.prefix, text);
  if (typeof key !== 'string') return { type: 'delete', revision, key, more };
  // The key never was a resource; its deletion only clears its problems.
  return { type: 'refused', revision, scope: `etcd ${excerpt(text, PLACE_MAX)}`, problems: [], more };
}

/** Always throws the reason why the watch is over. */
export function failWatch(line: WatchLine): never {
  const { error, result } = line;
  if (error !== undefined) {
    throw errorOf(error.grpc_code ?? error.code ?? 0, error.message ?? 'the watch failed', error.http_code);
  }
  const compacted = result?.compact_revision;
  if (compacted !== undefined && compacted !== '0') {
    throw new StreamError('gone', `etcd has compacted its history up to revision ${compacted}`);
  }
  throw errorOf(0, `etcd cancelled the watch: ${result?.cancel_reason ?? 'without a reason'}`);
}
