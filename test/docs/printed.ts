/** What a page promises that a command prints, against what it printed. */
import { expect } from 'vitest';

/** Alone on a line it stands for lines, inside of one for any text. */
const LEFT_OUT = '…';

export interface Example {
  /** Without the prompt. */
  line: string;
  /** Each line with its end. */
  promised: string;
}

/** The commands of all `console` blocks, with what stands below each. */
export function examplesOf(page: string): Example[] {
  const blocks = [...page.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block]) => block!);
  return blocks
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((example) => {
      const end = example.indexOf('\n');
      return { line: example.slice(0, end), promised: example.slice(end + 1) };
    });
}

export function expectPrinted(printed: string, { line, promised }: Example): void {
  if (!patternOf(promised).test(printed)) expect(printed, line).toBe(promised);
}

/** Lines that are left out are at least one: nothing is left out where nothing is. */
function patternOf(promised: string): RegExp {
  const lines = promised
    .split('\n')
    .map((line) =>
      line === LEFT_OUT ? '[^\\n]*(?:\\n[^\\n]*)*?' : line.split(LEFT_OUT).map(escaped).join('[^\\n]*?'),
    );
  return new RegExp(`^${lines.join('\\n')}$`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
