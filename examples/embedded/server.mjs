/** A program that holds its pods itself, serves them, and asks for one of them as any resolver does. */
import { Resolver } from 'node:dns/promises';
import { createServer } from 'podns';

const server = createServer({ config: { forward: 'off' } });
server.on('change', (change) => {
  if (change.type === 'put') console.log(`answerable: ${change.resource.kind} ${change.resource.name}`);
});

await server.apply({
  put: [{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'db', ip6: 'fdfd:1a8::1' }],
});

// Whoever asks there is of the namespace shop in the VPC aep.
const { port } = await server.listen('127.0.0.1:0@aep/shop');
const resolver = new Resolver();
resolver.setServers([`127.0.0.1:${port}`]);
console.log('db is', await resolver.resolve6('db'));

// One atomic change: no query ever sees the name without an address.
await server.apply({
  put: [{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'db-1', names: ['db'], ip6: 'fdfd:1a8::2' }],
  delete: [{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'db' }],
});
console.log('db is', await resolver.resolve6('db'));

await server.close();
