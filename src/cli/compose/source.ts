/** Reads the values of compose files as text, lists and maps, and collects what is wrong with them. */
import type { Place, Problem } from '../../model.ts';
import { foldPodName, whyNotPodName } from '../../source/validate/names.ts';
import type { Value } from './values.ts';

/** The place of a value. */
export interface Spot {
  place: Place;
  path: string;
}

const PROBLEMS_MAX = 200;

/** The maximum of problems that are listed per project. */
export class ComposeSource {
  readonly #problems: Problem[] = [];
  readonly #said = new Set<string>();
  readonly #unset = new Set<string>();
  #more = 0;
  failed = false;

  get problems(): Problem[] {
    if (this.#more === 0) return this.#problems;
    return [...this.#problems, { severity: 'warning', reason: `${this.#more} more are not listed` }];
  }

  fail({ place, path }: Spot, reason: string): undefined {
    this.failed = true;
    this.add('error', place, path === '' ? reason : `${path}: ${reason}`);
  }

  warn({ place, path }: Spot, reason: string): void {
    this.add('warning', place, path === '' ? reason : `${path}: ${reason}`);
  }

  /** Adds each problem once: the value of an anchor may be read many times. */
  add(severity: Problem['severity'], place: Place | undefined, reason: string): void {
    if (severity === 'error') this.failed = true;
    const text = `${place?.file}:${place?.line}:${place?.column} ${reason}`;
    if (this.#said.has(text)) return;
    if (this.#problems.length >= PROBLEMS_MAX && severity === 'warning') this.#more++;
    else {
      this.#said.add(text);
      this.#problems.push({ severity, ...(place === undefined ? {} : { place }), reason });
    }
  }

  unset(name: string, spot: Spot): void {
    if (this.#unset.has(name)) return;
    this.#unset.add(name);
    this.warn(spot, `variable ${name} is not set and counts as empty`);
  }

  /** The entries of a map; empty if the value is absent, or not a map, which is reported. */
  entries(value: Value | undefined): [string, Value][] {
    if (value === undefined || value.kind === 'null') return [];
    if (value.kind === 'map') return [...value.entries];
    this.fail(value, 'a map is expected');
    return [];
  }

  items(value: Value | undefined): readonly Value[] {
    if (value === undefined || value.kind === 'null') return [];
    if (value.kind === 'list') return value.items;
    this.fail(value, 'a list is expected');
    return [];
  }

  /** One text, or a list of texts. */
  texts(value: Value | undefined): string[] {
    const items = value?.kind === 'text' ? [value] : this.items(value);
    return items.flatMap((item) => this.text(item) ?? []);
  }

  /** The text as written; undefined if it is absent or empty, or not text, which is reported. */
  text(value: Value | undefined): string | undefined {
    if (value === undefined || value.kind === 'null') return undefined;
    if (value.kind === 'text') return value.text === '' ? undefined : value.text;
    return this.fail(value, 'text is expected');
  }

  truth(value: Value | undefined): boolean {
    const text = this.text(value)?.toLowerCase() ?? 'false';
    if (/^(false|no|off|n|f|0)$/.test(text)) return false;
    if (/^(true|yes|on|y|t|1)$/.test(text)) return true;
    this.fail(value!, 'true or false is expected');
    return false;
  }

  /** A pod's name; a name that compose allows and DNS does not is left out with a warning. */
  name(text: string, spot: Spot): string | undefined {
    const name = foldPodName(text);
    if (name === undefined) this.warn(spot, `left out: ${whyNotPodName(text)}`);
    return name;
  }
}
