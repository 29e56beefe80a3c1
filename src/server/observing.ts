/** What watches the server itself: its problems, what people are told of them, and readiness. */
import type { Problem } from '../model.ts';
import type { Change } from '../catalog/change.ts';
import type { Logger } from './logger.ts';
import { Problems, type ProblemEvent, type StandingProblem } from './problems.ts';
import { ProblemWatch, type Watched } from './problem-watch.ts';
import { quietLogger } from './quiet-log.ts';
import { Reports } from './reports.ts';
import type { SourceStatus } from './source-status.ts';
import type { Readiness } from './staleness.ts';

export interface ObservingOptions {
  logger: Logger;
  /** Milliseconds since 1970, and milliseconds that only go on. */
  wallClock: () => number;
  elapsed: () => number;
  /** Told of each problem that begins or ends. */
  event(event: ProblemEvent): void;
}

/** Problems that `/readyz` names. */
const NAMED = 20;

export class Observing {
  /** Says the same line again only at growing distance. */
  readonly logger: Required<Logger>;
  readonly problems: Problems;
  readonly reports: Reports;
  /** Milliseconds since 1970 of the last reload that found all sources delivering, 0 for none. */
  reloadedAt = 0;
  private readonly options: ObservingOptions;
  private watch: ProblemWatch | undefined;

  constructor(options: ObservingOptions) {
    this.options = options;
    this.logger = quietLogger(options.logger, options.elapsed);
    this.reports = new Reports(this.logger, options.wallClock);
    this.problems = new Problems(
      options.wallClock,
      (event, isOneOfMany) => {
        this.reports.problem(event, isOneOfMany);
        options.event(event);
      },
      (owner, count) => this.reports.manyProblems(owner, count),
    );
  }

  /** Begins to look at the parts of a server. */
  begin(watched: Watched): void {
    this.watch = new ProblemWatch(this.problems, watched);
  }

  /** All problems of a scope of a source. */
  sourceProblems(source: string, scope: string, problems: readonly Problem[]): void {
    const found = problems.map((one) =>
      one.key === undefined && one.place === undefined ? { ...one, subject: source } : one,
    );
    this.problems.replace(`${source} ${scope}`, found);
  }

  sourceState(status: Readonly<SourceStatus>): void {
    this.reports.source(status);
    this.watch?.soon();
  }

  change(change: Change): void {
    this.reports.change(change);
  }

  recordsChanged(): void {
    this.watch?.recordsChanged();
  }

  /** Something that may be turned away, or may fail, has been asked for. */
  asked(): void {
    this.watch?.soon();
  }

  /** All that stands wrong now, looked at anew. */
  async list(): Promise<StandingProblem[]> {
    await this.watch?.searched();
    this.watch?.look();
    return this.problems.list();
  }

  /** As `list`, without the search through all records. */
  look(): void {
    this.watch?.look();
  }

  reloaded(sources: number): void {
    this.reloadedAt = this.options.wallClock();
    this.look();
    this.reports.reloaded(sources, this.problems.count);
  }

  /** What sources have delivered, and the problems that spoil answers. */
  readiness({ ready, reasons }: Readiness): Readiness {
    this.look();
    const spoiling = this.problems
      .list()
      .filter(({ kind, impact }) => kind !== 'source' && impact !== 'none');
    const missing = spoiling.some(({ impact }) => impact === 'missing');
    const texts = spoiling
      .slice(0, NAMED)
      .map(({ impact, text }) => (impact === 'missing' ? `not served: ${text}` : `degraded: ${text}`));
    if (spoiling.length > NAMED)
      texts.push(`degraded: ${spoiling.length - NAMED} more problems; see podns problems`);
    return { ready: ready && !missing, reasons: [...reasons, ...texts] };
  }

  close(): void {
    this.watch?.close();
  }
}
