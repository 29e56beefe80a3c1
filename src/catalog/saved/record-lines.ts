/** Collects the lines of the saved view: those of pods and services straight from their packed records. */
import { chunkOf } from '../arena.ts';
import type { SourceRecord } from '../change.ts';
import { Printer, printEndpoint } from '../content-print.ts';
import { POD } from '../layout.ts';
import type { Moment } from '../moments.ts';
import type { Store } from '../store.ts';
import { recordLine } from './saved-lines.ts';
import type { SavedSource } from './saved-lines.ts';

export interface RecordLinesOptions {
  store: Store;
  /** The names of sources by their number in the catalog. */
  nameOf(source: number): string | undefined;
  /** A record that was reported at that moment. */
  said(moment: Moment, reference: number): SourceRecord;
}

/** Lines of one moment; `sources` are counted in them. */
export class RecordLines {
  /** How a source is counted; undefined where it is not among `sources`. */
  readonly numberOf: (name: string | undefined) => number | undefined;
  private readonly options: RecordLinesOptions;
  private readonly moment: Moment;
  /** By their number in the catalog. */
  private readonly numbers: (number | undefined)[] = [];
  private readonly out = new Printer();

  constructor(options: RecordLinesOptions, moment: Moment, sources: readonly SavedSource[]) {
    const numbers = new Map(sources.map(({ name }, number) => [name, number]));
    this.numberOf = (name) => (name === undefined ? undefined : numbers.get(name));
    this.options = options;
    this.moment = moment;
  }

  /** Octets since the last `take`. */
  get length(): number {
    return this.out.length;
  }

  /** The lines since the last call. */
  take(): Buffer {
    const { out } = this;
    const octets = Buffer.from(out.bytes.subarray(0, out.length));
    out.length = 0;
    return octets;
  }

  /** The line of a record that was reported at the moment; nothing where its source is none of `sources`. */
  record(reference: number): void {
    const { options, moment, numbers, out } = this;
    const source = options.store.source(reference);
    if (!(source in numbers)) numbers[source] = this.numberOf(options.nameOf(source));
    const number = numbers[source];
    if (number === undefined) return;
    const { length } = out;
    if (this.print(reference, number)) return;
    out.length = length;
    out.text(recordLine(options.said(moment, reference), number));
  }

  line(text: string): void {
    this.out.text(text);
  }

  /** As `recordLine`. False for what is not of the usual form. */
  private print(reference: number, number: number): boolean {
    const { store } = this.options;
    const { out, moment } = this;
    const kind = store.kind(reference);
    if (kind < POD || store.hasWords(reference)) return false;
    const scope = store.word(reference, 1);
    out.room(0);
    out.ascii(moment.hears(reference) ? '{"type":"put","revision":"' : '{"type":"shadowed","revision":"');
    out.ascii(store.revision(reference));
    out.ascii('","source":');
    out.ascii(String(number));
    out.ascii(',"object":');
    const chunk = store.arena.bytes[chunkOf(reference)]!;
    const at = store.contentAt(reference);
    const [vpc, namespace] = [store.scopes.vpc(scope), store.scopes.namespace(scope)];
    if (!printEndpoint(out, chunk, at, kind, vpc, namespace, store.overlays)) return false;
    out.ascii('}\n');
    return true;
  }
}
