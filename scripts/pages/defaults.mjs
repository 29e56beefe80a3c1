/** A setting's default as it would be written in podns.yaml. */
import { hostname } from 'node:os';

/** '' where there is none; the host's own name is not the same everywhere. */
export function defaultText({ default: value, takes }) {
  if (value === hostname()) return "the host's name";
  if (takes === 'DURATION') return value >= 1000 ? `${value / 1000}s` : `${value}ms`;
  if (value === '' || (Array.isArray(value) && value.length === 0)) return '';
  return String(value);
}
