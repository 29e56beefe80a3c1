/** The flag `-o` of the commands that print facts, and the JSON that it prints. */
import { Option, type Command } from 'commander';

/** `plain` is the form for people: a table, or text. */
export function addOutput<Plain extends 'table' | 'text'>(command: Command, plain: Plain): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'output format').choices([plain, 'json']).default(plain),
  );
}

/** A whole document, for a program to read. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
