/** The flags that are settings, made from the table of settings. */
import { Option, type Command } from 'commander';
import { defaultText } from '../config/default-text.ts';
import { flagName, KEYS, SETTINGS, type Key } from '../config/table.ts';

/** False for settings that only a file or a variable can hold, because they are maps. */
function hasFlag(key: Key): boolean {
  const { takes, default: fallback } = SETTINGS[key];
  return takes !== undefined || typeof fallback === 'boolean';
}

/** With the default, where the text does not name it in other words. */
function docOf(key: Key): string {
  const { doc } = SETTINGS[key];
  const fallback = defaultText(key);
  return fallback === '' || doc.includes('default:') ? doc : `${doc} (default: ${fallback})`;
}

/** Adds one flag per setting, under the heading of its group. */
export function addSettings(command: Command, keys: readonly Key[] = KEYS): Command {
  for (const key of keys.filter(hasFlag)) {
    const { takes, group, many, implied } = SETTINGS[key];
    const argument = implied === undefined ? `<${takes}>` : `[${takes}]`;
    const option = new Option(
      takes === undefined ? flagName(key) : `${flagName(key)} ${argument}`,
      docOf(key),
    );
    if (implied !== undefined) option.preset(implied);
    option.helpGroup(`${group}:`);
    if (many) option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
    command.addOption(option);
  }
  return command;
}

/** The given settings, by key. Commander spells its attributes as the table does. */
export function givenSettings(options: Record<string, unknown>): Partial<Record<Key, unknown>> {
  return Object.fromEntries(
    KEYS.filter((key) => options[key] !== undefined).map((key) => [key, options[key]]),
  );
}
