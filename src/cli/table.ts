/** Columns for people: left-aligned, two spaces between, nothing after the last. */
import { plainText } from '../model-text.ts';

/** `-` stands for an empty cell, so that columns can be counted by tools. */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows.map((row) => row.map((cell) => (cell === '' ? '-' : plainText(cell))))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map(
      (row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd() + '\n',
    )
    .join('');
}
