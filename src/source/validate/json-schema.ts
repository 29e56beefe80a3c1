/** The JSON Schema of a zone document, for editors, made from the schemas of validation. */
import { z } from 'zod';
import { label, namespaceName, podName } from './schema-fields.ts';
import { shapesOf } from './schemas.ts';

/** The content of `zones/schema.json`, with a final newline. */
export function zoneSchemaText(): string {
  const { fields } = shapesOf(true);
  const pod = z.strictObject(fields.pod).nullable();
  const overlay = z.strictObject(fields.overlay).nullable();
  const service = z.strictObject(fields.service).nullable();
  const namespace = z.strictObject({
    ...fields.namespace,
    overlays: z.record(label, overlay).nullish().meta({ description: 'Overlay networks by name.' }),
    pods: z.record(podName, pod).nullish().meta({ description: 'Pods by name.' }),
    services: z.record(podName, service).nullish().meta({ description: 'Services by name: virtual IPs.' }),
  });
  const document = z.strictObject({
    vpc: label,
    ...fields.vpc,
    namespaces: z
      .record(namespaceName, namespace.nullable())
      .nullish()
      .meta({ description: 'Namespaces by name.' }),
  });
  const schema = z.toJSONSchema(document, { io: 'input', target: 'draft-7' });
  extend(schema);
  const titled = { ...schema, title: 'podns zone file', description: 'One VPC and all that it holds.' };
  return JSON.stringify(titled, null, 2) + '\n';
}

/** Objects that allow only known keys allow merge keys and `x-` keys too. */
function extend(schema: object): void {
  if ('additionalProperties' in schema && schema.additionalProperties === false)
    Object.assign(schema, { patternProperties: { '^(x-.*|<<)$': {} } });
  for (const part of Object.values(schema)) if (typeof part === 'object' && part !== null) extend(part);
}
