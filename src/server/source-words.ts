/** What stands beside the records of a source in a saved view, and in one that a successor is handed. */
import type { SavedSource } from '../catalog/saved/saved-lines.ts';
import type { SourceWords } from '../catalog/saved/saved-files.ts';
import type { ResumePoint } from '../model.ts';
import type { SourceStatus } from './source-status.ts';

export interface WordsOptions {
  states: () => Iterable<Readonly<SourceStatus>>;
  /** What a source needs besides its revision to continue; see `Source.proof`. */
  proofOf: (source: string, revision: string) => string | undefined;
  /**
   * Must be equal for a source to continue from the revision: another version of podns, or other rules for names,
   * may read the same stream differently.
   */
  reading: string;
}

export function sourceWords({ states, proofOf, reading }: WordsOptions): SourceWords {
  return (name, revision) => {
    const proof = proofOf(name, revision);
    let heard: number | undefined;
    for (const status of states()) {
      if (status.name === name && status.lastHeard > 0) heard = status.lastHeard;
    }
    return { heard, proof: proof === undefined ? undefined : JSON.stringify([reading, proof]) };
  };
}

/** From where a source may continue if it can prove that it has missed nothing. */
export function resumePoint(
  { revision, proof }: Pick<SavedSource, 'name' | 'revision' | 'proof'>,
  reading: string,
): ResumePoint | undefined {
  const [readAs, own] = proof === undefined ? [] : (JSON.parse(proof) as string[]);
  return readAs === reading && own !== undefined ? { revision, proof: own } : undefined;
}
