/**
 * All chapters of docs/benchmarks.md: the file of figures, the bench that writes it, and what makes a section of it.
 * `quick`: the options of a bench that shall give a first impression; `whole`: those of one that shall not, if its defaults
 * are others. `target`: the option that tells it the file, if nothing else does.
 */
import { existsSync } from 'node:fs';
import { coreMarkdown } from './core-report.mjs';
import { changesMarkdown, commandsMarkdown, memoryMarkdown, workersMarkdown } from './costs-report.mjs';
import { dockerMarkdown } from './docker-report.mjs';
import { forwardMarkdown } from './forward-report.mjs';
import { growthMarkdown } from './growth-report.mjs';
import { startMarkdown } from './start-figures.mjs';
import { watchMarkdown } from './watch-report.mjs';

/**
 * @typedef {{ name: string, file: string, bench: string, subject: string, markdown: (data: any) => string,
 *   quick: string[], whole?: string[], target?: string }} Chapter
 */

/** @type {Chapter[]} */
export const CHAPTERS = [
  {
    ...{ name: 'core', file: 'benchmarks.json', bench: 'run.mjs', subject: 'authoritative answers' },
    markdown: coreMarkdown,
    quick: ['--pods', '100000', '--rounds', '5', '--seconds', '0.5'],
  },
  {
    ...{ name: 'workers', file: 'benchmarks-workers.json', bench: 'workers.mjs', subject: 'two workers' },
    markdown: workersMarkdown,
    quick: ['--rounds', '5', '--seconds', '0.5'],
  },
  {
    ...{ name: 'forward', file: 'benchmarks-forward.json', bench: 'forward.mjs', subject: 'outside names' },
    markdown: forwardMarkdown,
    quick: ['--rounds', '3', '--seconds', '0.5'],
  },
  {
    ...{ name: 'watch', file: 'benchmarks-watch.json', bench: 'watch.mjs', subject: 'the watch' },
    markdown: watchMarkdown,
    quick: ['--rounds', '5', '--seconds', '2'],
  },
  {
    ...{
      name: 'changes',
      file: 'benchmarks-changes.json',
      bench: 'changes.mjs',
      subject: 'the cost of a change',
    },
    markdown: changesMarkdown,
    quick: ['--rounds', '3'],
  },
  {
    ...{ name: 'start', file: 'benchmarks-start.json', bench: 'start.mjs', subject: 'starts' },
    markdown: startMarkdown,
    quick: ['--rounds', '3', '--pods', '100,100000'],
    whole: ['--rounds', '9'],
    target: '--json',
  },
  {
    ...{ name: 'memory', file: 'benchmarks-memory.json', bench: 'memory.mjs', subject: 'memory' },
    markdown: memoryMarkdown,
    quick: ['--rounds', '3', '--only', 'idle'],
  },
  {
    ...{ name: 'commands', file: 'benchmarks-commands.json', bench: 'commands.mjs', subject: 'commands' },
    markdown: commandsMarkdown,
    quick: ['--rounds', '7'],
  },
  {
    ...{ name: 'growth', file: 'benchmarks-growth.json', bench: 'growth.mjs', subject: 'growth' },
    markdown: growthMarkdown,
    quick: ['--rounds', '1'],
  },
  {
    ...{ name: 'docker', file: 'benchmarks-docker.json', bench: 'docker.mjs', subject: 'Docker and Podman' },
    markdown: dockerMarkdown,
    quick: ['--starts', '10', '--seconds', '2', '--quiet', '10'],
  },
];

/** Whether this build of podns has the bench of a chapter. */
export const hasBench = ({ bench }) => existsSync(new URL(bench, import.meta.url));
