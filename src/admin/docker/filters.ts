/** The `filters` of a request: `{"name":{"app":true}}`, matched as dockerd matches them. */
import { DockerFailure } from './failure.ts';
import { Pattern, PatternError, PROGRAM_MAX } from './pattern.ts';

/** Values of all filters of a request. */
const VALUES_MAX = 100;
/** Filters whose values are regular expressions, unless said otherwise. */
const PATTERNS = new Set(['name', 'id']);

export class Filters {
  private readonly values: ReadonlyMap<string, readonly string[]>;
  private readonly patterns = new Map<string, Pattern[]>();

  constructor(values: ReadonlyMap<string, readonly string[]>, patterns: ReadonlySet<string> = PATTERNS) {
    this.values = values;
    for (const [key, texts] of values) {
      if (patterns.has(key)) this.patterns.set(key, texts.map(patternOf(key)));
    }
    const size = [...this.patterns.values()].flat().reduce((sum, pattern) => sum + pattern.size, 0);
    if (size > PROGRAM_MAX) throw new DockerFailure(400, 'the filters are too large');
  }

  has(key: string): boolean {
    return this.values.has(key);
  }

  get(key: string): readonly string[] {
    return this.values.get(key) ?? [];
  }

  /** What matching one resource costs at most, in resources read. */
  cost(length: number): number {
    let cost = 0;
    for (const patterns of this.patterns.values())
      for (const pattern of patterns) cost += pattern.cost(length);
    return cost;
  }

  /** No such filter, or one of its values is one of the texts. */
  exact(key: string, ...texts: string[]): boolean {
    const values = this.values.get(key);
    return values === undefined || values.some((value) => texts.includes(value));
  }

  /** No such filter, or one of its values is, or is found as a regular expression in, one of the texts. */
  found(key: string, ...texts: string[]): boolean {
    if (this.exact(key, ...texts)) return true;
    return this.patterns.get(key)!.some((pattern) => texts.some((text) => pattern.test(text)));
  }

  /** No such filter, or one of the texts begins with one of its values. */
  begins(key: string, ...texts: string[]): boolean {
    const values = this.values.get(key);
    return values === undefined || values.some((value) => texts.some((text) => text.startsWith(value)));
  }

  /** No `label` filter, or all of them hold: `key`, or `key=value`. */
  labelled(labels: Readonly<Record<string, string>>): boolean {
    return this.get('label').every((value) => {
      const at = value.indexOf('=');
      const key = at < 0 ? value : value.slice(0, at);
      if (!Object.hasOwn(labels, key)) return false;
      return at < 0 || labels[key] === value.slice(at + 1);
    });
  }

  /** Of a filter that is true or false; undefined where it is absent. */
  flag(key: string): boolean | undefined {
    const values = this.get(key);
    if (values.length === 0) return undefined;
    const yes = values.some((value) => value === '1' || value === 'true');
    const no = values.some((value) => value === '0' || value === 'false');
    if (yes === no) throw invalidFilter(key, values[0]!);
    return yes;
  }
}

export function invalidFilter(key: string, value: string): DockerFailure {
  return new DockerFailure(400, `invalid filter '${key}=${value}'`);
}

/** Throws DockerFailure where the text is wrong, or names a filter that is not among the accepted. */
export function parseFilters(text: string | null, accepted: readonly string[]): Filters {
  if (text === null || text === '') return new Filters(new Map());
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new DockerFailure(400, `invalid filters: ${(error as Error).message}`);
  }
  if (!isObject(parsed)) throw new DockerFailure(400, 'invalid filters: an object of objects is expected');
  const values = new Map<string, string[]>();
  let count = 0;
  for (const [key, given] of Object.entries(parsed)) {
    if (!accepted.includes(key)) throw new DockerFailure(400, `invalid filter '${key}'`);
    // Clients before 1.22 write lists.
    const list = Array.isArray(given) ? given.map(String) : isObject(given) ? Object.keys(given) : [];
    if ((count += list.length) > VALUES_MAX) throw new DockerFailure(400, 'too many filters');
    if (list.length > 0) values.set(key, list);
  }
  return new Filters(values);
}

function patternOf(key: string): (text: string) => Pattern {
  return (text) => {
    try {
      return new Pattern(text);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw new DockerFailure(
        400,
        `invalid filter '${key}=${text}': no regular expression for it: ${error.message}`,
      );
    }
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
