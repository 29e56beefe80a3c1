/** Builds query packets, for `podns query` and for tests. */
import { CLASS_IN, HEADER_LENGTH, TYPE_OPT, UDP_PAYLOAD_MAX } from './constants.ts';
import { EDNS_DO, FLAG_AD, FLAG_CD, FLAG_RD } from './flags.ts';
import { encodeName } from './name.ts';

export interface EdnsOption {
  code: number;
  data: Uint8Array;
}

export interface QueryParts {
  /** Presentation text, with or without its final dot, or wire form. */
  name: string | Uint8Array;
  type: number;
  class?: number;
  id?: number;
  /** Recursion desired; true when absent. */
  rd?: boolean;
  cd?: boolean;
  ad?: boolean;
  /** An OPT record goes along when this is given. */
  edns?: {
    /** Payload size; 1232 when absent. */
    size?: number;
    version?: number;
    do?: boolean;
    options?: EdnsOption[];
  };
}

/**
 * One question, and the OPT record after it.
 * @throws NameError when the name cannot be encoded.
 */
export function buildQuery(parts: QueryParts): Uint8Array {
  const name = typeof parts.name === 'string' ? encodeName(parts.name) : parts.name;
  const opt = parts.edns === undefined ? new Uint8Array(0) : buildOpt(parts.edns);
  const packet = new Uint8Array(HEADER_LENGTH + name.length + 4 + opt.length);
  const view = new DataView(packet.buffer);
  view.setUint16(0, parts.id ?? 0);
  view.setUint16(2, (parts.rd === false ? 0 : FLAG_RD) | (parts.ad ? FLAG_AD : 0) | (parts.cd ? FLAG_CD : 0));
  view.setUint16(4, 1);
  view.setUint16(10, opt.length === 0 ? 0 : 1);
  packet.set(name, HEADER_LENGTH);
  view.setUint16(HEADER_LENGTH + name.length, parts.type);
  view.setUint16(HEADER_LENGTH + name.length + 2, parts.class ?? CLASS_IN);
  packet.set(opt, HEADER_LENGTH + name.length + 4);
  return packet;
}

/** The OPT record alone, root owner included. */
export function buildOpt(edns: NonNullable<QueryParts['edns']>): Uint8Array {
  const options = edns.options ?? [];
  const rdataLength = options.reduce((sum, option) => sum + 4 + option.data.length, 0);
  const record = new Uint8Array(11 + rdataLength);
  const view = new DataView(record.buffer);
  view.setUint16(1, TYPE_OPT);
  view.setUint16(3, edns.size ?? UDP_PAYLOAD_MAX);
  view.setUint8(6, edns.version ?? 0);
  view.setUint16(7, edns.do ? EDNS_DO : 0);
  view.setUint16(9, rdataLength);
  let at = 11;
  for (const option of options) {
    view.setUint16(at, option.code);
    view.setUint16(at + 2, option.data.length);
    record.set(option.data, at + 4);
    at += 4 + option.data.length;
  }
  return record;
}
