/** The default of a setting, as help and documentation show it. */
import { hostname } from 'node:os';
import { SETTINGS, type Key } from './table.ts';

/** As podns.yaml would have it; '' without one. The name of the host differs from machine to machine. */
export function defaultText(key: Key): string {
  const { default: value, takes } = SETTINGS[key];
  if (value === hostname()) return "the host's name";
  if (takes === 'DURATION') return durationText(value as number);
  if (takes === 'SIZE') return `${(value as number) / 2 ** 20}MiB`;
  if (value === '' || (typeof value === 'object' && Object.keys(value).length === 0)) return '';
  return String(value as string | number | boolean);
}

function durationText(milliseconds: number): string {
  if (milliseconds % 3_600_000 === 0) return `${milliseconds / 3_600_000}h`;
  return milliseconds >= 1_000 ? `${milliseconds / 1_000}s` : `${milliseconds}ms`;
}
