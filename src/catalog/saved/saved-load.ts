/** Reads what was saved: the whole file, then the journals that go on from it, as far as they can be relied on. */
import { open, readdir, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Problem } from '../../model.ts';
import type { Catalog, Transaction } from '../catalog.ts';
import { checkJournal, journalNumbers, journalPath, readJournal, removeJournals } from './journal.ts';
import { reasonOf, stageLine } from './saved-lines.ts';
import type { SavedHead, SavedSource } from './saved-lines.ts';
import { readHead, readSnapshot } from './snapshot.ts';

/** What has been read. Everything is staged; the owner commits the transactions, or rolls them back. */
export interface LoadedView {
  /** ms since 1970. */
  savedAt: number;
  /** The sources that the catalog has and that have reported nothing yet; each with its transaction. */
  sources: SavedSource[];
  transactions: Transaction[];
  /** Lines of records. */
  records: number;
}

/** What the next journal goes on from. */
export interface Chain {
  /** Octets of the whole file. */
  octets: number;
  saved: string;
  journals: { number: number; octets: number }[];
}

export interface Loaded {
  view?: LoadedView;
  problem?: Problem;
  /** Undefined where the view has to be written whole before anything is appended. */
  chain?: Chain;
  /** The next journal has a greater one. */
  number: number;
}

/**
 * Reads what was saved and stages it. Records of sources that the catalog does not have are left out. No file is no
 * problem. A whole file that is damaged, or of another format, is renamed to `NAME.damaged-TIME` and reported;
 * nothing is used then. Of a damaged journal, what comes before the damage is used. `isAbandoned`: asked between records;
 * once it is true, nothing is read any more, as if there were no file. Never rejects.
 */
export async function loadView(
  catalog: Catalog,
  path: string,
  now: () => number,
  isAbandoned: () => boolean = () => false,
): Promise<Loaded> {
  const transactions = new Map<string, Transaction>();
  const number = Math.max(0, ...(await journalNumbers(path)));
  let file: FileHandle | undefined;
  try {
    await removeRemains(path);
    file = await open(path, 'r');
    return await readAll(catalog, path, file, transactions, number, isAbandoned);
  } catch (error) {
    for (const transaction of transactions.values()) transaction.rollback();
    if (error === abandoned) return { number };
    if (file !== undefined) return { number, problem: await putAside(path, reasonOf(error), now) };
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { number };
    return { number, problem: problemOf(path, `the snapshot cannot be read: ${reasonOf(error)}`) };
  } finally {
    await file?.close();
  }
}

const abandoned = new Error('the process ends');

export function problemOf(file: string, reason: string): Problem {
  return { severity: 'error', place: { file }, reason };
}

async function readAll(
  catalog: Catalog,
  path: string,
  file: FileHandle,
  transactions: Map<string, Transaction>,
  greatest: number,
  isAbandoned: () => boolean,
): Promise<Loaded> {
  const first = await readHead(file);
  // The last state of the sources in the journals is needed before the first record is staged.
  const { head, journals, damage } = await checkJournals(path, first.journal, first);
  // Where a source has spoken already, that is newer, and the files are no ground to go on from.
  const fresh = catalog.sources.every((name) => catalog.revision(name) === undefined);
  const sources = head.sources.filter(
    ({ name }) => catalog.sources.includes(name) && catalog.revision(name) === undefined,
  );
  if (!first.aged) for (const source of sources) delete source.proof;
  for (const { name, revision, at } of sources) {
    const transaction = catalog.begin(name, true, revision, at);
    // What is read from the files need not be written to them.
    transaction.noted = false;
    transactions.set(name, transaction);
  }
  const staged = (within: SavedHead, source: number): Transaction | undefined => {
    if (isAbandoned()) throw abandoned;
    return transactions.get(within.sources[source]?.name ?? '');
  };
  let records = await readSnapshot(file, (source) => staged(first, source));
  for (const { number, octets } of journals) {
    await readJournal(path, number, octets, (batch, line) => {
      stageLine(staged(batch, line.source), line);
      records++;
    });
  }
  const savedAt = Date.parse(head.saved);
  const view = { savedAt, sources, transactions: [...transactions.values()], records };
  if (damage !== undefined) {
    const place = journalPath(path, journals.at(-1)!.number);
    const problem = problemOf(place, `what follows in this journal is not used: ${damage}`);
    return { view, problem, number: greatest };
  }
  if (!fresh || !first.aged || first.journal === undefined) return { view, number: greatest };
  await removeJournals(path, (number) => !journals.some((journal) => journal.number === number));
  const chain = { octets: (await file.stat()).size, saved: head.saved, journals };
  return { view, chain, number: first.journal + journals.length - 1 };
}

/** Those that go on from a snapshot, one from the other, up to the first that is damaged. */
async function checkJournals(
  path: string,
  first: number | undefined,
  head: SavedHead,
): Promise<{ head: SavedHead; journals: Chain['journals']; damage: string | undefined }> {
  const journals: Chain['journals'] = [];
  let damage: string | undefined;
  for (let number = first; number !== undefined && damage === undefined; number++) {
    const read = await checkJournal(path, number, head.saved);
    if (read === undefined) break;
    journals.push({ number, octets: read.octets });
    head = read.head ?? head;
    damage = read.damage;
  }
  return { head, journals, damage };
}

async function putAside(path: string, reason: string, now: () => number): Promise<Problem> {
  const aside = `${path}.damaged-${new Date(now()).toISOString().replaceAll(/[-:]/g, '')}`;
  try {
    await rename(path, aside);
  } catch (error) {
    return problemOf(path, `the snapshot is not used: ${reason}; nor can it be renamed: ${reasonOf(error)}`);
  }
  return problemOf(path, `the snapshot is not used: ${reason}; kept as ${basename(aside)}`);
}

/** Removes files of processes that have ended. */
async function removeRemains(path: string): Promise<void> {
  const prefix = `${basename(path)}.tmp-`;
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    try {
      process.kill(Number(name.slice(prefix.length)), 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH')
        await unlink(join(dirname(path), name)).catch(() => undefined);
    }
  }
}
