/** What `explain` and `query --from` ask of the admin listener, as parameters of a URL. */
import type { ExplainAsk } from '../index.ts';
import { EXIT_NEGATIVE, EXIT_USAGE } from './exit.ts';

/** How the commands end where the question is none, or there is no such pod. */
export const ASK_CODES = { 400: EXIT_USAGE, 404: EXIT_NEGATIVE };

export function askQuery(ask: ExplainAsk): string {
  const query = new URLSearchParams();
  for (const [word, value] of Object.entries(ask)) {
    if (value === undefined || value === false) continue;
    query.set(word, value === true ? '1' : String(value));
  }
  return query.toString();
}
