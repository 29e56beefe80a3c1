/** Reads the values of compose files as text, lists and maps, and collects what is wrong with them. */
import type { Place, Problem } from '../../model.ts';
import { foldPodName, whyNotPodName } from '../../source/validate/names.ts';
import type { Value } from './values.ts';

/** Where something is written. */
export interface Spot {
  place: Place;
  path: string;
}

const PROBLEMS_MAX = 200;

/** Of one project, whatever the number of its files. */
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

  /** Each thing once: what stands behind an anchor may be read many times. */
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
    this.warn(spot, `variable ${name} is not set, it counts as empty`);
  }

  /** A map's entries; nothing where the value is absent or, which is reported, no map. */
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

  /** One text, or a list of them. */
  texts(value: Value | undefined): string[] {
    const items = value?.kind === 'text' ? [value] : this.items(value);
    return items.flatMap((item) => this.text(item) ?? []);
  }

  /** As it is written; undefined where the value is absent, empty or, which is reported, no text. */
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

  /** A name that compose takes and DNS may not: it is left out then, with a word. */
  name(text: string, spot: Spot): string | undefined {
    const name = foldPodName(text);
    if (name === undefined) this.warn(spot, `left out: ${whyNotPodName(text)}`);
    return name;
  }
}
