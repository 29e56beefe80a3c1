/** A control plane in thirty lines: PUT or DELETE an object, and every podns that watches sees it. */
import http from 'node:http';
const objects = new Map();
const history = []; // One line per revision; the first is revision 1 of this run.
const readers = new Set();
const epoch = Date.now() * 1000; // Keeps the revisions of earlier runs apart.
const line = (type, count, more) => JSON.stringify({ type, revision: String(epoch + count), ...more }) + '\n';
function change(type, object) {
  const key = ['kind', 'vpc', 'namespace', 'name'].map((field) => object[field]).join();
  const count = history.push(line(type, history.length + 1, { at: new Date().toISOString(), object }));
  type === 'put' ? objects.set(key, [count, object]) : objects.delete(key); // An edit keeps its place in the list.
  for (const reader of readers) reader.write(history.at(-1));
}
function watch(revision, response) {
  const count = history.length;
  const from = revision === null ? count : Number(revision) - epoch;
  if (!(from >= 0 && from <= count)) return response.writeHead(410).end();
  const list = [...objects.values()].map(([own, object]) => line('put', own, { object }));
  const whole = [line('snapshot', count), ...list, line('synced', count)];
  response.write((revision === null ? whole : history.slice(from)).join('') + line('bookmark', count));
  return readers.add(response.on('close', () => readers.delete(response)));
}
const server = http.createServer(async (request, response) => {
  const { searchParams } = new URL(request.url, 'http://host');
  if (request.method === 'GET') return watch(searchParams.get('revision'), response);
  change(request.method.toLowerCase(), JSON.parse(Buffer.concat(await request.toArray())));
  return response.end();
});
setInterval(() => readers.forEach((reader) => reader.write(line('bookmark', history.length))), 10_000);
server.listen(process.argv[2], '127.0.0.1', () => console.log(server.address().port));
