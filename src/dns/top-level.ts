/** The public top-level domains: what a name that goes out to the internet may end in. */
import { createRequire } from 'node:module';
import { domainToASCII } from 'node:url';

/** The package is one JSON file, which Node 20 imports only with a warning. */
const unicode = createRequire(import.meta.url)('tlds') as string[];

/** In lower case, as queries carry them: `xn--` for those that are not ASCII. */
export const topLevelDomains: readonly string[] = unicode.map((name) => domainToASCII(name));
