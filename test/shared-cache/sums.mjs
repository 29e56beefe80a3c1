/** What the writer's side and the readers' side of the test compute alike. */

export function checksum(octets, from, to) {
  let sum = 17;
  for (let i = from; i < to; i++) sum = (Math.imul(sum, 31) + octets[i]) >>> 0;
  return sum;
}
