/** A compose file as plain values with variables put in, and the place of every value. */
import { LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { Place, Problem } from '../../model.ts';
import { interpolate, type Variables } from './interpolate.ts';

export type Path = readonly (string | number)[];

/** Reads values by path, and collects what is wrong with them. */
export class ComposeSource {
  readonly problems: Problem[] = [];
  /** The whole file; undefined where it cannot be read. */
  readonly root: unknown;
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;
  readonly #unset = new Set<string>();

  constructor(text: string, file: string, variables: Variables) {
    this.#file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, merge: true });
    for (const error of this.#document.errors)
      this.#add('error', error.pos[0], error.message.split('\n', 1)[0]!);
    if (this.problems.length > 0) return;
    try {
      this.root = this.#filled(this.#document.toJS(), variables, []);
    } catch (error) {
      // yaml refuses aliases that would multiply without end.
      this.#add('error', 0, (error as Error).message);
    }
  }

  fail(path: Path, reason: string): undefined {
    this.#add('error', this.#offset(path), `${pathText(path)}: ${reason}`);
  }

  warn(path: Path, reason: string): void {
    this.#add('warning', this.#offset(path), `${pathText(path)}: ${reason}`);
  }

  get failed(): boolean {
    return this.problems.some((problem) => problem.severity === 'error');
  }

  /** A map's entries; nothing where the value is absent or, which is reported, no map. */
  entries(value: unknown, path: Path): [string, unknown][] {
    if (value === undefined || value === null) return [];
    if (isMap(value)) return Object.entries(value);
    this.fail(path, 'a map is expected');
    return [];
  }

  items(value: unknown, path: Path): unknown[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value as unknown[];
    this.fail(path, 'a list is expected');
    return [];
  }

  /** Text, or a number as text; undefined where the value is absent or, which is reported, neither. */
  text(value: unknown, path: Path): string | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return String(value);
    return this.fail(path, 'text is expected');
  }

  truth(value: unknown, path: Path): boolean {
    if (value === undefined || value === null || value === false || value === 'false') return false;
    if (value === true || value === 'true') return true;
    this.fail(path, 'true or false is expected');
    return false;
  }

  /** Every string of a tree with its variables put in; keys are never touched, as in compose. */
  #filled(value: unknown, variables: Variables, path: Path): unknown {
    if (typeof value === 'string') {
      try {
        return interpolate(value, variables, (name) => this.#reportUnset(name, path));
      } catch (error) {
        return this.fail(path, (error as Error).message);
      }
    }
    if (Array.isArray(value))
      return value.map((item, index) => this.#filled(item, variables, [...path, index]));
    if (!isMap(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, this.#filled(item, variables, [...path, key])]),
    );
  }

  #reportUnset(name: string, path: Path): void {
    if (this.#unset.has(name)) return;
    this.#unset.add(name);
    this.warn(path, `variable ${name} is not set, it counts as empty`);
  }

  #add(severity: Problem['severity'], offset: number, reason: string): void {
    const { line, col } = this.#lines.linePos(offset);
    const place: Place = { file: this.#file, line, column: col };
    this.problems.push({ severity, place, reason });
  }

  /** Of the value, or of the nearest thing around it that is written in the file (it may come from a merge). */
  #offset(path: Path): number {
    for (let length = path.length; length > 0; length--) {
      const node = this.#document.getIn(path.slice(0, length), true) as Node | undefined;
      if (node?.range) return node.range[0];
    }
    return 0;
  }
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** `services.web.ports[1]`. */
function pathText(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('');
}
