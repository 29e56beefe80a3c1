/** Writes zones/schema.json from the schemas that validate; run it after `npm run build`. */
import { writeFileSync } from 'node:fs';
import { zoneSchemaText } from '../dist/source/validate/json-schema.js';

writeFileSync(new URL('../zones/schema.json', import.meta.url), zoneSchemaText());
