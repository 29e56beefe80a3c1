/** The dns2 server of the bench: a Map of names, one handler. */
import dns2 from 'dns2';
import { pod4, pod6, podDomain } from './pods.mjs';

const [port, pods, ...addresses] = process.argv.slice(2);
const { Packet } = dns2;
const names = new Map();
for (let i = 0; i < Number(pods); i++) names.set(podDomain(i), [pod4(i), pod6(i)]);

function handle(request, send) {
  const response = Packet.createResponseFromRequest(request);
  const [question] = request.questions;
  const found = names.get(question.name.toLowerCase());
  response.header.aa = 1;
  if (found === undefined) {
    response.header.rcode = 3;
  } else if (question.type === Packet.TYPE.AAAA || question.type === Packet.TYPE.A) {
    const address = found[question.type === Packet.TYPE.A ? 0 : 1];
    /** @type {any} */
    const record = {
      name: question.name,
      type: question.type,
      class: Packet.CLASS.IN,
      ttl: 1,
      address,
    };
    response.answers.push(record);
  }
  send(response);
}

for (const address of addresses) {
  const type = address.includes(':') ? 'udp6' : 'udp4';
  const server = dns2.createServer({ udp: { type }, handle });
  await server.listen({ udp: { port: Number(port), address } });
}
