/** Converts compose files that lie in memory, or in a folder, and gives what was said about them as lines. */
import { join } from 'node:path';
import { convertCompose, type ComposeZone } from '../../src/cli/compose/convert.ts';
import { ComposeFiles } from '../../src/cli/compose/files.ts';
import { ComposeProject } from '../../src/cli/compose/project.ts';
import { ComposeSource } from '../../src/cli/compose/source.ts';
import { problemLine } from '../../src/cli/problems.ts';

export interface Read {
  zone: ComposeZone | undefined;
  problems: string[];
}

const VARIABLES = { TAG: 'x', EMPTY: '' };

/** `text` counts as `c.yaml`. */
export function convert(text: string, profiles: string[] = []): Read {
  const files = new ComposeFiles((path) => path, text);
  const { zone, problems } = read(files, ['-'], profiles);
  return { zone, problems: problems.map((line) => line.replaceAll('<stdin>', 'c.yaml')) };
}

/** Files of a folder, merged in order. */
export function convertFiles(folder: string, ...paths: string[]): Read {
  return read(new ComposeFiles((path) => join(folder, path)), paths, []);
}

function read(files: ComposeFiles, paths: string[], profiles: string[]): Read {
  const source = new ComposeSource();
  const project = new ComposeProject(source, files);
  const variables = new Map(Object.entries(VARIABLES));
  const root = project.load(paths, '.', variables, 'project');
  const name = variables.get('COMPOSE_PROJECT_NAME') ?? '';
  const zone = convertCompose(source, root, { project: name, namespace: 'shop', profiles });
  return { zone, problems: source.problems.map(problemLine) };
}
