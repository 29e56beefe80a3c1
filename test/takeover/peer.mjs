/** One end of a takeover that is another user's: `ask PATH` connects, `listen PATH` waits for one connection. */
import { chmodSync } from 'node:fs';
import { connect, createServer } from 'node:net';

const [mode, path] = process.argv.slice(2);

function tell(socket) {
  let octets = 0;
  socket.on('data', (chunk) => (octets += chunk.length));
  socket.on('error', () => {});
  socket.on('close', () => {
    console.log(`closed after ${octets} octets`);
    process.exit(0);
  });
}

if (mode === 'ask') {
  const socket = connect(path);
  tell(socket);
  const hello = Buffer.from(
    JSON.stringify({ type: 'hello', protocol: 1, version: '0.1.0', pid: process.pid }),
  );
  socket.write(Buffer.concat([Buffer.of(0x4a, 0, 0, 0, hello.length), hello]));
} else {
  createServer(tell).listen(path, () => chmodSync(path, 0o666));
}
