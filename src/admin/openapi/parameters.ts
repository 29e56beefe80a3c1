/** Parameters that several URLs of the admin listener take. */
import type { Schema } from './schemas.ts';

export interface Parameter {
  name: string;
  /** `query` unless it is said. */
  in?: 'path';
  doc: string;
  required?: boolean;
  schema: Schema;
}

const TEXT: Schema = { type: 'string' };
const FLAG: Schema = { type: 'string', enum: ['0', '1'] };
const SHORT: Schema = { type: 'integer', minimum: 0, maximum: 65535 };

export const ONE_VPC: Parameter = { name: 'vpc', doc: 'only this VPC', schema: TEXT };
export const ONE_NAMESPACE: Parameter = { name: 'namespace', doc: 'only this namespace', schema: TEXT };
export const VPCS: Parameter = {
  name: 'vpc',
  doc: 'only this VPC; may come several times',
  schema: { type: 'array', items: TEXT },
};

/** Which question, and whose. */
export const QUESTION: readonly Parameter[] = [
  { name: 'name', doc: 'the name that is asked, or an address', required: true, schema: TEXT },
  {
    name: 'from',
    doc: 'whose question it is: NS/POD, VPC/NS/POD or an address',
    required: true,
    schema: TEXT,
  },
  { name: 'type', doc: 'the type that is asked, AAAA without it', schema: TEXT },
  { name: 'vpc', doc: 'the VPC of `from`, where several have such a pod', schema: TEXT },
  { name: 'listener', doc: 'ADDR:PORT[@vpc[/namespace]]', schema: TEXT },
  { name: 'tcp', doc: '1: the question comes over TCP', schema: FLAG },
  { name: 'size', doc: 'what the client takes over UDP, in octets; 0 without EDNS', schema: SHORT },
  { name: 'id', doc: 'the id of the message', schema: SHORT },
  { name: 'operator', doc: '1: other VPCs may be named', schema: FLAG },
];
