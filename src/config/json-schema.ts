// Owns look-ups in the JSON Schema of the configuration: the schema at a path, and the known names.
import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The part of JSON Schema that zod emits for the configuration. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  /** The values of a map with names of the operator. */
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
}

/** The JSON Schema of the configuration file. */
export function schemaDocument(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(configSchema, { io: 'input' });
}

let root: JsonSchema | null = null;

/** The schema of the field at a path; null = there is no such field. */
export function schemaAt(path: readonly PropertyKey[]): JsonSchema | null {
  root ??= schemaDocument() as JsonSchema;
  let at: JsonSchema | null = root;
  for (const step of path) at = at === null ? null : below(at, step);
  return at;
}

function below(schema: JsonSchema, step: PropertyKey): JsonSchema | null {
  if (typeof step === 'number') return schema.items ?? firstOf(schema, (one) => below(one, step));
  const values = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : null;
  return schema.properties?.[String(step)] ?? values ?? firstOf(schema, (one) => below(one, step));
}

function firstOf(schema: JsonSchema, find: (one: JsonSchema) => JsonSchema | null): JsonSchema | null {
  const variants = [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])];
  const found = variants.map(find).filter((one) => one !== null);
  // The field that distinguishes the variants has one constant in each.
  const kinds = found.flatMap((one) => (one.const === undefined ? [] : [one.const]));
  if (kinds.length > 1 && kinds.length === found.length) return { enum: kinds };
  return found[0] ?? null;
}

/** The names in a group of settings. */
export function namesIn(schema: JsonSchema | null): string[] {
  if (schema === null) return [];
  const variants = [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])];
  return [...new Set([...Object.keys(schema.properties ?? {}), ...variants.flatMap(namesIn)])];
}

/** Every place of a name, as dotted paths; a list entry is written `[]`. */
export function placesOf(name: string): string[] {
  const places: string[] = [];
  const visit = (schema: JsonSchema, path: string): void => {
    for (const [key, field] of Object.entries(schema.properties ?? {})) {
      const at = path === '' ? key : `${path}.${key}`;
      if (key === name && !places.includes(at)) places.push(at);
      visit(field, at);
    }
    if (schema.items !== undefined) visit(schema.items, `${path}[]`);
    for (const one of [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]) visit(one, path);
  };
  const whole = schemaAt([]);
  if (whole !== null) visit(whole, '');
  return places;
}

/** Whether the field holds a secret: text, `{ env: NAME }` or `{ file: PATH }`. */
export function isSecret(schema: JsonSchema): boolean {
  return schema.anyOf?.some((one) => one.properties?.['env'] !== undefined) ?? false;
}
