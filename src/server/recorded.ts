/** What was recorded, for people and machines: the last answers of clients, as they were and as they come. */
import { EDE_TEXTS } from '../answer/decide/decision.ts';
import { REASON_TEXTS } from '../answer/decide/reasons.ts';
import { FLAG_HELD, FLAG_MAIN, FLAG_OUTSIDE, FLAG_TCP } from '../answer/record/layout.ts';
import { isWanted } from '../answer/record/reader.ts';
import type { Recorded, RecordedFilter } from '../answer/record/reader.ts';
import { edeText, rcodeText, typeText } from '../dns/text.ts';
import type { Recorder } from './recorder.ts';

/** One answer; the words are those of an explanation. */
export interface LogEntry {
  /** ISO 8601, UTC. */
  time: string;
  question: { name: string; type: string; protocol: 'udp' | 'tcp' };
  client: {
    address: string;
    port: number;
    vpc: string | null;
    namespace: string | null;
    /** `namespace/name`. */
    pod: string | null;
  };
  answer: {
    /** `held`: it waited first. `forwarded`: an upstream's answer, from the cache or not. */
    outcome: 'answered' | 'held' | 'forwarded';
    rcode: string;
    ede: { code: number; purpose: string; text: string } | null;
    /** From the question to the answer; null where it was answered at once. */
    milliseconds: number | null;
  };
  reasons: { code: number; text: string }[];
  /** Serial of the client's VPC; null where that is not known. */
  revision: number | null;
  /** Id of the message. */
  id: number;
  /** Who wrote the answer. */
  thread: 'worker' | 'main';
}

export function logEntry(recorded: Recorded): LogEntry {
  const { time, address, port, id, vpc, namespace, pod, name, type, rcode, flags, duration } = recorded;
  const { ede, reasons, revision } = recorded;
  const isTcp = (flags & FLAG_TCP) !== 0;
  return {
    time: new Date(time).toISOString(),
    question: { name, type: name === '' ? '' : typeText(type), protocol: isTcp ? 'tcp' : 'udp' },
    client: {
      address,
      port,
      vpc: vpc === '' ? null : vpc,
      namespace: namespace === '' ? null : namespace,
      pod: pod === '' ? null : `${namespace}/${pod}`,
    },
    answer: {
      outcome: (flags & FLAG_OUTSIDE) !== 0 ? 'forwarded' : (flags & FLAG_HELD) !== 0 ? 'held' : 'answered',
      rcode: rcodeText(rcode),
      ede: ede < 0 ? null : { code: ede, purpose: edeText(ede), text: EDE_TEXTS[recorded.edeText] ?? '' },
      milliseconds: duration === 0 ? null : duration / 1000,
    },
    reasons: reasons.map((code) => ({ code, text: REASON_TEXTS[code] ?? '' })),
    revision: vpc === '' ? null : revision,
    id,
    thread: (flags & FLAG_MAIN) !== 0 ? 'main' : 'worker',
  };
}

/** `NXDOMAIN dbb. A from shop/web (fd00::5, aep): there is no such name`, for people. */
export function entryText({ question, client, answer, reasons }: LogEntry): string {
  const { name, type, protocol } = question;
  const { vpc, pod, address } = client;
  const what = name === '' ? '(no question)' : `${name} ${type}`;
  const who = pod === null ? address : `${pod} (${address}${vpc === null ? '' : `, ${vpc}`})`;
  const where = pod === null && vpc !== null ? ` of ${vpc}` : '';
  const notes = [
    ...(protocol === 'tcp' ? ['tcp'] : []),
    ...(answer.outcome === 'answered' ? [] : [answer.outcome]),
    ...(answer.milliseconds === null ? [] : [`${answer.milliseconds.toFixed(1)} ms`]),
  ];
  const how = notes.length === 0 ? '' : `, ${notes.join(', ')}`;
  const why = answer.ede !== null ? answer.ede.text : reasons.map(({ text }) => text).join('; ');
  return `${answer.rcode} ${what} from ${who}${where}${how}${why === '' ? '' : `: ${why}`}`;
}

/** Sets of slots that are read in one slice of work: half a thousand entries at the most. */
const SETS_A_SLICE = 8;

/** For each reader, the numbers of the first entry that counts and of the first that does not. */
interface Span {
  since: readonly number[];
  until: readonly number[];
}

/** The last `limit` answers that the filter wants, oldest first. */
export async function lastRecorded(
  recorder: Recorder,
  filter: RecordedFilter,
  limit: number,
  span?: Span,
): Promise<Recorded[]> {
  let found: Recorded[] = [];
  const prune = (): void => {
    found.sort((a, b) => a.time - b.time || (a.number - b.number) << 0);
    found = found.slice(-limit);
  };
  for (const [i, reader] of [...recorder.readers].entries()) {
    const until = span?.until[i];
    for (let set = 0; set < reader.sets; set++) {
      for (const recorded of reader.ofSet(set, span?.since[i])) {
        const isLater = until !== undefined && (recorded.number - until) << 0 >= 0;
        if (!isLater && isWanted(recorded, filter)) found.push(recorded);
      }
      if (found.length > 2 * limit + 1000) prune();
      if (set % SETS_A_SLICE === SETS_A_SLICE - 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  prune();
  return found;
}

/** Milliseconds between two looks for what is new. */
const FOLLOW_INTERVAL = 250;
/** Answers that one look passes on. */
const FOLLOWED_MAX = 2000;

/** Passes on what is recorded from now on, until the returned function is called. `isReady`: more may be taken now. */
export function followRecorded(
  recorder: Recorder,
  filter: RecordedFilter,
  take: (entries: Recorded[]) => void,
  isReady: () => boolean,
): () => void {
  let since = recorder.readers.map(({ next }) => next);
  let isLooking = false;
  const look = async (): Promise<void> => {
    if (isLooking || !isReady()) return;
    isLooking = true;
    try {
      // What comes while the sets are read is above these numbers, and left for the next look.
      const until = recorder.readers.map(({ next }) => next);
      // A thread that has started since then has recorded nothing before.
      const span = { since: until.map((_, i) => since[i] ?? 0), until };
      if (until.every((number, i) => number === span.since[i])) return;
      since = until;
      take(await lastRecorded(recorder, filter, FOLLOWED_MAX, span));
    } finally {
      isLooking = false;
    }
  };
  const timer = setInterval(() => void look(), FOLLOW_INTERVAL);
  timer.unref();
  return () => clearInterval(timer);
}
