/** What a bench does without, or cannot do without. */

/** Exit code of a bench that this machine cannot run. */
export const CANNOT = 77;

/** Ends the process. */
export function cannotRun(reason) {
  process.stderr.write(`cannot run here: ${reason}\n`);
  process.exit(CANNOT);
}

/** Why a program is left out, in one line: what to install, where that is it. */
export function whyMissing({ install }, error) {
  const said = error.message.split('\n')[0].replace(/; it said:$/, '');
  // Of one that did not load in time there is nothing to install.
  const isAbsent = /not found|ENOENT|failed to execute|No such file/.test(error.message);
  return isAbsent ? `${said}; to have it: ${install}` : said;
}
