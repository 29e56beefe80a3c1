/** A compose project as one tree: merges its files with their variables, and the files that they extend and include. */
import { dirname } from 'node:path';
import { ComposeDocuments, DocumentFault, type Fill } from './document.ts';
import { readDotenv } from './dotenv.ts';
import { within, type ComposeFiles } from './files.ts';
import { interpolate, type Variables } from './interpolate.ts';
import type { ComposeSource, Spot } from './source.ts';
import { Merging, TooMuch, valueAt, type MapValue, type Value } from './values.ts';

/** The maximum depth of files that include or extend one another. */
const CHAIN_MAX = 32;
/** The maximum of characters of all texts after the replacement of variables. */
const FILLED_MAX = 64 << 20;
const REMOTE = /^(?:[a-z][a-z0-9+.-]*:\/\/|git@|oci:|github\.com\/)/i;
const ROOMS = ['services', 'networks'];

/** Services that may extend one another, and the results. */
interface Scope {
  services: Value | undefined;
  file: string;
  /** The folder to which `extends: { file }` is relative. */
  folder: string;
  variables: Variables;
  done: Map<string, Value>;
  underWay: Set<string>;
}

/** The context of an include: the files around it, the project's folder, its variables. */
interface Around {
  chain: readonly string[];
  folder: string;
  variables: Variables;
}

/** Throws nothing: `source` collects what is wrong. */
export class ComposeProject {
  readonly #source: ComposeSource;
  readonly #files: ComposeFiles;
  readonly #merging = new Merging();
  readonly #bases = new WeakMap<Variables, Map<string, Scope>>();
  #filled = 0;

  constructor(source: ComposeSource, files: ComposeFiles) {
    this.#source = source;
    this.#files = files;
  }

  /** The variables of files, of which later ones win; the environment wins over all. */
  environment(paths: readonly string[], environment: Variables, spot?: Spot): Map<string, string> {
    const variables = new Map<string, string>();
    for (const path of paths) {
      const text = this.#text(path, spot);
      if (text === undefined) continue;
      let line = 1;
      let begin = 0;
      // The offsets of successive calls only grow.
      const at = (offset: number): Spot => {
        for (let end = text.indexOf('\n', begin); end >= 0 && end < offset; end = text.indexOf('\n', begin)) {
          line++;
          begin = end + 1;
        }
        return { path: '', place: { file: path, line, column: offset - begin + 1 } };
      };
      readDotenv(text, environment, variables, {
        fault: (offset, reason) => this.#source.warn(at(offset), reason),
        unset: (name, offset) => this.#source.unset(name, at(offset)),
      });
    }
    return variables;
  }

  /** The project's name comes from the environment, else from the last file that has one, else from the folder. */
  load(
    paths: readonly string[],
    folder: string,
    variables: Map<string, string>,
    folderName: string,
  ): Value | undefined {
    try {
      const parsed = paths.map((path) => this.#parsed(path));
      if (variables.get('COMPOSE_PROJECT_NAME') === undefined) {
        const given = parsed.map((file) => file?.topLevel('name')).findLast((name) => name !== undefined);
        variables.set('COMPOSE_PROJECT_NAME', this.#name(given, variables) ?? normalized(folderName));
      }
      let root: Value | undefined;
      for (const [index, file] of parsed.entries()) {
        const around = { chain: [paths[index]!], folder, variables };
        if (file !== undefined) root = this.#file(file, around, root);
      }
      return root === undefined ? undefined : this.#merging.settled(root);
    } catch (error) {
      return this.#caught(error);
    }
  }

  #name(given: string | undefined, variables: Variables): string | undefined {
    try {
      return given === undefined ? undefined : normalized(interpolate(given, variables, () => {}));
    } catch {
      // The same text is read again as a value, which reports the fault.
      return undefined;
    }
  }

  /** Merges the documents of one file over `base`. */
  #file(file: ComposeDocuments, around: Around, over?: Value): Value | undefined {
    let root = over;
    for (const map of file.values(this.#fill(around.variables))) {
      const scope = { ...around, services: map.entries.get('services'), file: file.file };
      const extended = this.#extended(map, { ...scope, done: new Map(), underWay: new Set() });
      root = this.#merging.merge(root, this.#included(extended, around));
    }
    return root;
  }

  #extended(map: MapValue, scope: Scope): MapValue {
    const { services } = scope;
    if (services?.kind !== 'map') return map;
    const entries = new Map<string, Value>();
    for (const name of services.entries.keys()) entries.set(name, this.#service(scope, name, 0)!);
    return { ...map, entries: new Map(map.entries).set('services', { ...services, entries }) };
  }

  /** A service merged over what it extends. */
  #service(scope: Scope, name: string, depth: number): Value | undefined {
    const value = valueAt(scope.services, name);
    const given = valueAt(value, 'extends');
    if (value?.kind !== 'map' || given === undefined)
      return scope.services?.kind === 'map' ? scope.services.entries.get(name) : undefined;
    const done = scope.done.get(name);
    if (done !== undefined) return done;
    const rest = new Map(value.entries);
    rest.delete('extends');
    const own: Value = { ...value, entries: rest };
    if (scope.underWay.has(name) || depth > CHAIN_MAX) {
      const chain = [...scope.underWay, name].slice(-5).join(' extends ');
      this.#source.fail(given, depth > CHAIN_MAX ? 'is nested too deeply' : `goes in a circle: ${chain}`);
      return own;
    }
    scope.underWay.add(name);
    const base = this.#base(scope, given, depth);
    scope.underWay.delete(name);
    const whole =
      base === undefined ? own : this.#merging.merge(this.#merging.settled(base), own, ['services', name]);
    scope.done.set(name, whole);
    return whole;
  }

  #base(scope: Scope, given: Value, depth: number): Value | undefined {
    const file = given.kind === 'map' ? this.#source.text(valueAt(given, 'file')) : undefined;
    const name = this.#source.text(given.kind === 'map' ? valueAt(given, 'service') : given);
    if (name === undefined) return this.#source.fail(given, 'it names no service to extend');
    const other = file === undefined ? scope : this.#otherFile(scope, file, given);
    if (other === undefined) return undefined;
    if (other.services?.kind === 'map' && other.services.entries.has(name))
      return this.#service(other, name, depth + 1);
    const help =
      file === undefined ? '; a service of another file needs extends: { file: …, service: … }' : '';
    return this.#source.fail(given, `there is no service ${JSON.stringify(name)} in ${other.file}${help}`);
  }

  /** The services of a file that is only extended: its includes do not count. */
  #otherFile({ folder, variables }: Scope, file: string, given: Value): Scope | undefined {
    const path = this.#local(folder, file, given);
    if (path === undefined) return undefined;
    const bases = this.#bases.get(variables) ?? new Map<string, Scope>();
    this.#bases.set(variables, bases);
    const known = bases.get(path);
    if (known !== undefined) return known;
    const parsed = this.#parsed(path, given);
    if (parsed === undefined) return undefined;
    let root: Value | undefined;
    for (const map of parsed.values(this.#fill(variables))) root = this.#merging.merge(root, map);
    const services = valueAt(root, 'services');
    const scope = { services, file: path, folder: dirname(path), variables };
    const base: Scope = { ...scope, done: new Map(), underWay: new Set() };
    bases.set(path, base);
    return base;
  }

  /** Merges a file over the files that it includes: its own services and networks win over those of the same name. */
  #included(map: MapValue, around: Around): MapValue {
    const include = valueAt(map, 'include');
    if (include === undefined) return map;
    let base: Value | undefined;
    for (const entry of this.#source.items(include)) {
      const loaded = this.#include(entry, around);
      if (loaded === undefined) continue;
      const below: Value = {
        ...loaded,
        entries: new Map([...loaded.entries].filter(([key]) => ROOMS.includes(key))),
      };
      // As in compose, the first of two includes that describe one service wins.
      const settled = this.#merging.settled(below);
      base = base === undefined ? settled : this.#merging.merge(settled, base);
    }
    const own = new Map(map.entries);
    own.delete('include');
    const rest: MapValue = { ...map, entries: own };
    return base === undefined ? rest : (this.#merging.merge(base, rest) as MapValue);
  }

  #include(entry: Value, { chain, folder, variables }: Around): MapValue | undefined {
    const paths: string[] = [];
    const named = entry.kind === 'map' ? valueAt(entry, 'path') : entry;
    for (const path of this.#source.texts(named)) {
      const local = this.#local(folder, path, entry);
      if (local === undefined) return undefined;
      paths.push(local);
    }
    if (paths.length === 0) return this.#source.fail(entry, 'a path is expected');
    const again = paths.find((path) => chain.includes(path));
    if (again !== undefined || chain.length > CHAIN_MAX) {
      const reason =
        again === undefined
          ? 'is nested too deeply'
          : `goes in a circle: ${[...chain, again].slice(-5).join(' includes ')}`;
      return this.#source.fail(entry, reason);
    }
    const own = this.#source.text(valueAt(entry, 'project_directory'));
    const inner = own === undefined ? dirname(paths[0]!) : within(folder, own);
    const given = this.#source.texts(valueAt(entry, 'env_file')).map((path) => within(folder, path));
    const beside = within(inner, '.env');
    const environmentFiles = given.length > 0 ? given : this.#files.isFile(beside) ? [beside] : [];
    const added = this.environment(environmentFiles, variables, entry);
    const all = { get: (name: string) => variables.get(name) ?? added.get(name) };
    let root: Value | undefined;
    for (const path of paths) {
      const parsed = this.#parsed(path, entry);
      const around = { chain: [...chain, path], folder: inner, variables: all };
      if (parsed !== undefined) root = this.#file(parsed, around, root);
    }
    return root?.kind === 'map' ? root : undefined;
  }

  #local(folder: string, path: string, at: Value): string | undefined {
    if (!REMOTE.test(path)) return within(folder, path);
    return this.#source.fail(
      at,
      `${JSON.stringify(path)} is remote and not fetched: save it as a file and name that file`,
    );
  }

  #parsed(path: string, at?: Value): ComposeDocuments | undefined {
    const text = this.#text(path, at);
    try {
      return text === undefined ? undefined : new ComposeDocuments(text, path === '-' ? '<stdin>' : path);
    } catch (error) {
      return this.#caught(error);
    }
  }

  #text(path: string, at: Spot | undefined): string | undefined {
    if (path === '/dev/null') return '';
    try {
      return this.#files.read(path);
    } catch (error) {
      const reason = `${path}: ${(error as Error).message}`;
      if (at === undefined) this.#source.add('error', undefined, reason);
      else this.#source.fail(at, reason);
      return undefined;
    }
  }

  #fill(variables: Variables): Fill {
    return (text, at) => {
      if (!text.includes('$')) return text;
      try {
        const filled = interpolate(text, variables, (name) => this.#source.unset(name, at));
        this.#filled += filled.length;
        if (this.#filled > FILLED_MAX)
          throw new DocumentFault(at.place, 'its variables make the text too long');
        return filled;
      } catch (error) {
        if (error instanceof DocumentFault) throw error;
        this.#source.fail(at, (error as Error).message);
        return '';
      }
    };
  }

  #caught(error: unknown): undefined {
    if (error instanceof DocumentFault) this.#source.add('error', error.place, error.message);
    else if (error instanceof TooMuch) this.#source.add('error', undefined, error.message);
    else throw error;
  }
}

/** Turns the name of a folder into the name of a project, as compose does. */
function normalized(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, '')
    .replace(/^[-_]+/, '');
}
