// Prints what Node gives for a name: by c-ares (`resolve`) or by getaddrinfo (`lookup`), one address a line.
import dns from 'node:dns/promises';

const [how, name] = process.argv.slice(2);
const NONE = ['ENOTFOUND', 'ENODATA'];

async function resolveBoth() {
  const both = await Promise.allSettled([dns.resolve6(name), dns.resolve4(name)]);
  const found = both.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  const other = both.find((one) => one.status === 'rejected' && !NONE.includes(one.reason.code));
  if (other !== undefined) throw other.reason;
  if (found.length === 0) throw both[0].reason;
  return found;
}

try {
  const found =
    how === 'resolve'
      ? await resolveBoth()
      : (await dns.lookup(name, { all: true })).map(({ address }) => address);
  console.log(found.join('\n'));
} catch (error) {
  console.log(`error ${NONE.includes(error.code) ? 'none' : `again ${error.code}`}`);
  process.exitCode = 1;
}
