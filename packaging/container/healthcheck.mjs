/** The container's health: `healthcheck.mjs [/readyz | /healthz [URL]]` ends with 0 when the admin listener answers 200, else 1. */
import { get } from 'node:http';

const [path = '/readyz', base = 'http://127.0.0.1:9153'] = process.argv.slice(2);
const url = base + path;
const asked = get(url, { timeout: 2000 }, (answer) => {
  answer.setEncoding('utf8').on('data', (text) => process.stdout.write(text));
  answer.on('end', () => process.exit(answer.statusCode === 200 ? 0 : 1));
});
asked.on('timeout', () => asked.destroy(new Error(`${url} does not answer within 2 s`)));
asked.on('error', (error) => {
  console.log(error.message);
  process.exit(1);
});
