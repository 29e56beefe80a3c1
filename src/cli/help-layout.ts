/** How help is laid out: within the width of the terminal, also where a flag is longer than its column. */
import type { Command, Help } from 'commander';

/** The widest column of terms; the description of a longer term begins on the next line. */
const TERM_MOST = 26;
const INDENT = 2;
const GAP = 2;
/** Commander's own, where the output is no terminal. */
const WIDTH = 80;

export const HELP_LAYOUT: Partial<Help> = {
  minWidthToWrap: 16,

  padWidth(command: Command, helper: Help): number {
    const longest = Math.max(
      helper.longestOptionTermLength(command, helper),
      helper.longestSubcommandTermLength(command, helper),
      helper.longestArgumentTermLength(command, helper),
    );
    return Math.min(longest, TERM_MOST);
  },

  formatItem(term: string, termWidth: number, description: string, helper: Help): string {
    const before = ' '.repeat(INDENT);
    if (description === '') return before + term;
    const column = INDENT + termWidth + GAP;
    const lines = helper.boxWrap(description, (helper.helpWidth ?? WIDTH) - column).split('\n');
    const first =
      term.length > termWidth ? `\n${' '.repeat(column)}` : ' '.repeat(termWidth - term.length + GAP);
    return `${before}${term}${first}${lines.join(`\n${' '.repeat(column)}`)}`;
  },
};
