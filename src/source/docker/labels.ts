/** The labels `podns.*` of a container: what its author wants podns to say of it. */
import type { Port, Protocol } from '../../model.ts';
import { foldPortName, whyNotPortName } from '../validate/field-parsers.ts';
import { shown } from '../validate/bounds.ts';
import { excerpt } from '../../model-text.ts';
import {
  foldLabel,
  foldNamespace,
  foldPodName,
  whyNotLabel,
  whyNotNamespace,
  whyNotPodName,
} from '../validate/names.ts';

export interface PodnsLabels {
  name?: string;
  namespace?: string;
  vpc?: string | undefined;
  names?: string[];
  ports?: Port[];
  ignore: boolean;
  /** One text for each label that cannot be read: `label podns.x: reason; remedy`. */
  faults: string[];
}

const PREFIX = 'podns.';
const KNOWN = ['name', 'namespace', 'vpc', 'names', 'ports', 'ignore'];

/** Reads the labels of a container; the other labels of it are ignored. */
export function podnsLabels(labels: Readonly<Record<string, string>>): PodnsLabels {
  const read: PodnsLabels = { ignore: false, faults: [] };
  for (const [key, value] of Object.entries(labels)) {
    if (!key.startsWith(PREFIX)) continue;
    const fault = readLabel(read, key.slice(PREFIX.length), value.trim());
    if (fault !== undefined) read.faults.push(`label ${excerpt(key, 80)}: ${fault}`);
  }
  return read;
}

/** The reason and the remedy where the label cannot be read. */
function readLabel(read: PodnsLabels, key: string, value: string): string | undefined {
  switch (key) {
    case 'name':
      read.name = foldPodName(value);
      return read.name === undefined ? `${whyNotPodName(value)}; write a name such as db` : undefined;
    case 'namespace':
      read.namespace = foldNamespace(value);
      return read.namespace === undefined
        ? `${whyNotNamespace(value)}; write a label such as shop`
        : undefined;
    case 'vpc':
      read.vpc = foldLabel(value);
      return read.vpc === undefined ? `${whyNotLabel(value)}; write a label such as docker` : undefined;
    case 'names': {
      const names: string[] = [];
      for (const part of partsOf(value)) {
        const name = foldPodName(part);
        if (name === undefined) return `${whyNotPodName(part)}; write names with commas between`;
        names.push(name);
      }
      read.names = names;
      return undefined;
    }
    case 'ports': {
      const ports: Port[] = [];
      for (const part of partsOf(value)) {
        const port = readPort(part);
        if (typeof port === 'string') return `${port}; write http=8080/tcp, with commas between`;
        ports.push(port);
      }
      read.ports = ports;
      return undefined;
    }
    case 'ignore':
      if (/^(true|yes|on|1)$/i.test(value)) read.ignore = true;
      else if (!/^(false|no|off|0|)$/i.test(value))
        return `${shown(value)} is no switch; write true or false`;
      return undefined;
    default:
      return `podns knows no such label; its labels are ${KNOWN.map((known) => PREFIX + known).join(', ')}`;
  }
}

function partsOf(value: string): string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** `http=8080/tcp`, or `http=8080` for TCP; the reason where it is neither. */
function readPort(text: string): Port | string {
  const match = /^([^=]*)=(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text);
  if (match === null) return `${shown(text)} is not a port`;
  const name = foldPortName(match[1]!);
  if (name === undefined) return whyNotPortName(match[1]!);
  const port = Number(match[2]);
  if (port < 1 || port > 65_535) return `${shown(text)}: a port is from 1 to 65535`;
  return { name, protocol: (match[3]?.toLowerCase() ?? 'tcp') as Protocol, port };
}
