/** What the server tells people of what happens: ok, broken and repaired once each, and what was taken up. */
import type { Change } from '../catalog/change.ts';
import type { Logger } from './logger.ts';
import type { ProblemEvent } from './problems.ts';
import type { SourceStatus } from './source-status.ts';
import { isZones } from '../source/zones/zones.ts';

/** VPCs that went with one change and are named. */
const NAMED = 10;
/** Reasons of one loss that are told. */
const REASONS = 10;

export class Reports {
  private readonly logger: Required<Logger>;
  private readonly wallClock: () => number;
  /** By source: the state that was told last, and the reasons that were told of it. */
  private readonly told = new Map<string, { state: string; reasons: Set<string> }>();
  private gone: string[] = [];

  constructor(logger: Required<Logger>, wallClock: () => number) {
    this.logger = logger;
    this.wallClock = wallClock;
  }

  /** A problem has begun, or is over. `isOneOfMany`: the others that came with it are enough for a person. */
  problem({ type, problem }: ProblemEvent, isOneOfMany: boolean): void {
    const { kind, subject, text, severity, since } = problem;
    // A state of a source is told when it changes.
    const isState = kind === 'source' && this.told.has(subject) && text.startsWith(`${subject} `);
    const quiet = isState || isOneOfMany;
    if (type === 'begin') {
      const level = quiet ? 'debug' : severity === 'error' ? 'error' : 'warn';
      this.logger[level]({ problem: kind, subject }, text);
      return;
    }
    const seconds = Math.max(0, Math.round((this.wallClock() - since) / 1000));
    this.logger[quiet ? 'debug' : 'info']({ problem: kind, subject, seconds }, `settled: ${text}`);
  }

  manyProblems(owner: string, count: number): void {
    this.logger.error(
      { owner, count },
      `${owner}: ${count} more problems; podns problems lists what there is room for`,
    );
  }

  /** The state of a source may be another one, or its reason: each reason is said once as long as the state lasts. */
  source({ name, state, reason, synced, restored }: Readonly<SourceStatus>): void {
    const last = this.told.get(name);
    const details = { source: name, state, ...(reason === '' ? {} : { reason }) };
    if (
      last?.state === state &&
      (reason === '' || last.reasons.has(reason) || last.reasons.size >= REASONS)
    ) {
      if (reason !== '') this.logger.debug(details, `${name} is still ${state}: ${reason}`);
      return;
    }
    const reasons = last?.state === state ? last.reasons : new Set<string>();
    reasons.add(reason);
    this.told.set(name, { state, reasons });
    const why = reason === '' ? '' : `: ${reason}`;
    if (state === 'live')
      this.logger.info(details, last?.state === 'lost' ? `${name} is live again` : `${name} is live`);
    else if (state === 'starting') this.logger.info(details, `${name} has not delivered yet${why}`);
    else {
      const served = synced || restored ? '; its last view is served' : '';
      this.logger[state === 'failed' ? 'error' : 'warn'](details, `${name} is ${state}${why}${served}`);
    }
  }

  /** One effective change. */
  change(change: Change): void {
    if (change.type === 'delete' && change.key.kind === 'vpc') this.gone.push(change.key.vpc);
  }

  /** Changes of a source are answerable. Edits of files are few, and somebody waits to hear of them. */
  committed(source: string, revision: string, full: boolean, changes: number): void {
    const gone = this.gone.splice(0);
    for (const vpc of gone.slice(0, NAMED))
      this.logger.warn(
        { source, vpc },
        `vpc ${vpc} is gone with all that it held: ${source} does not give it any more`,
      );
    if (gone.length > NAMED)
      this.logger.warn({ source }, `${gone.length - NAMED} more VPCs are gone from ${source}`);
    // Streams bring thousands a second, and podns events shows each.
    if (!full && !isZones(source)) return;
    const count = `${changes} ${changes === 1 ? 'change' : 'changes'}`;
    this.logger[full ? 'debug' : 'info'](
      { source, revision, changes },
      `${source}: revision ${revision} taken up, ${count}`,
    );
  }

  reloaded(sources: number, problems: number): void {
    const found =
      problems === 0
        ? 'nothing wrong'
        : `${problems} ${problems === 1 ? 'problem stands' : 'problems stand'}`;
    this.logger.info(
      { sources, problems },
      `reload done: ${sources} ${sources === 1 ? 'source' : 'sources'}, ${found}`,
    );
  }
}
