// Owns the two documents generated from the schema: the table of fields, and the JSON Schema for editors.
import { isSecret, schemaDocument } from './json-schema.ts';
import type { JsonSchema } from './json-schema.ts';

/** The JSON Schema of the configuration file, as text (docs/reference/easgate.schema.json). */
export function configurationSchema(): string {
  return JSON.stringify(schemaDocument(), null, 2) + '\n';
}

/** All fields with meaning, default and bounds, as Markdown (docs/reference/configuration.md). */
export function configurationTable(): string {
  const root = schemaDocument() as JsonSchema;
  const parts = [
    '# Configuration',
    '',
    'One YAML file, `--config FILE` (default: EASGATE_CONFIG, else config/easgate.yaml). Every field is optional unless it says *required*;',
    'an unknown field is an error. `easgate check FILE` lists all problems of a file at once. Relative paths are resolved against',
    'the folder of the file; paths that begin with `data/` against the folder EASGATE_DATA if that is set. A *secret* is the text itself, `{ env: NAME }` or `{ file: PATH }`.',
    '',
    'This page is generated from the schema (`easgate check --fields`); for editors there is easgate.schema.json',
    '(`easgate check --schema`): put `# yaml-language-server: $schema=…/easgate.schema.json` on the first line.',
    '',
  ];
  for (const [name, section] of Object.entries(root.properties ?? {})) {
    parts.push(`## ${name}`, '');
    if (section.oneOf === undefined && section.properties === undefined) {
      parts.push(...table(rowsOf(name, section, true)), '');
      continue;
    }
    parts.push(sentence(section.description ?? ''), '');
    for (const variant of section.oneOf ?? [section]) {
      const kind = variant.properties?.['kind']?.const;
      if (typeof kind === 'string') parts.push(`### kind: ${kind}`, '');
      parts.push(...table(rowsBelow(name, variant)), '');
    }
  }
  return parts.join('\n').trimEnd() + '\n';
}

function table(rows: readonly string[]): string[] {
  return ['| field | meaning | default | values |', '| --- | --- | --- | --- |', ...rows];
}

function rowsBelow(path: string, schema: JsonSchema): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    rowsOf(`${path}.${name}`, field, !(schema.required ?? []).includes(name)),
  );
}

function rowsOf(path: string, field: JsonSchema, optional: boolean): string[] {
  const preset =
    field.default !== undefined
      ? code(field.default)
      : optional || field.const !== undefined
        ? ''
        : '*required*';
  const row = `| \`${path}\` | ${field.description ?? ''} | ${preset} | ${values(field)} |`;
  if (field.properties !== undefined) return [row, ...rowsBelow(path, field)];
  return field.items?.properties === undefined ? [row] : [row, ...rowsBelow(`${path}[]`, field.items)];
}

function values(field: JsonSchema): string {
  if (field.const !== undefined) return code(field.const);
  if (field.enum !== undefined) return field.enum.map(code).join(', ');
  if (field.anyOf !== undefined)
    return isSecret(field) ? 'secret' : [...new Set(field.anyOf.map(values))].join(', ');
  if (field.properties !== undefined) return 'fields below';
  if (field.type === 'array') return 'list';
  if (field.type === 'boolean') return '`true`, `false`';
  if (field.type !== 'number' && field.type !== 'integer') return 'text';
  const low = field.minimum ?? (field.exclusiveMinimum === undefined ? '' : `>${field.exclusiveMinimum}`);
  const high = field.maximum === Number.MAX_SAFE_INTEGER ? '' : (field.maximum ?? '');
  return `${low}…${high}`;
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' && value !== '' ? value : JSON.stringify(value)}\``;
}

function sentence(text: string): string {
  return text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
