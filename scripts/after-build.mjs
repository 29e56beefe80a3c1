// Makes the built command executable, so that `npx podns` and a symbolic link to it run.
import { chmodSync, existsSync } from 'node:fs';

const command = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(command)) chmodSync(command, 0o755);
