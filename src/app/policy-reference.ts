// Owns the documents made from the policy schema: the JSON Schema, and the page of all fields.
import { REASONS } from '../model/reason.ts';
import { FIELDS, EXCHANGE_REASONS, FIELD_NAMES } from '../policy/document/vocabulary.ts';
import type { FieldInfo } from '../policy/document/vocabulary.ts';
import { policyJsonSchema } from '../policy/document/schema.ts';

/** The part of JSON Schema that zod emits for a policy. */
interface Node {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

/** The JSON Schema, as text (docs/reference/policy.schema.json). */
export function policySchemaText(): string {
  return JSON.stringify(policyJsonSchema(), null, 2) + '\n';
}

/** All fields, conditions and reasons, as Markdown (docs/reference/policy.md). */
export function policyReference(): string {
  const root = policyJsonSchema() as Node;
  return [
    '# Policy document: reference',
    '',
    'One YAML (or JSON) document. Every field is optional unless it says *required*; an unknown field is an error.',
    '`easgate policy check FILE` lists all problems at once. How to write one: ../guide/policy.md. Details of its',
    'meaning: policy-readings.md.',
    '',
    'This page is generated from the schema (`easgate policy check --fields`); for editors there is policy.schema.json',
    '(`easgate policy check --schema`): put `# yaml-language-server: $schema=…/policy.schema.json` on the first line.',
    '',
    '## Fields',
    '',
    '| field | meaning | values |',
    '| --- | --- | --- |',
    ...rowsBelow('', root),
    '',
    '## Conditions',
    '',
    'Fields of `match` and `except`. *Per request* fields change from request to request: a rule with `network` or `command` must',
    'not quarantine, and compliance policies must not use any of them.',
    '',
    '| condition | meaning | compares as | per request |',
    '| --- | --- | --- | --- |',
    ...FIELD_NAMES.map((name) => conditionRow(name, FIELDS[name])),
    '',
    '## Reasons',
    '',
    "The vocabulary of verdicts, with Microsoft Graph's exchangeAccessStateReason for each.",
    '',
    '| reason | exchangeAccessStateReason |',
    '| --- | --- |',
    ...REASONS.map((reason) => `| \`${reason}\` | \`${EXCHANGE_REASONS[reason]}\` |`),
    '',
  ].join('\n');
}

function conditionRow(name: string, info: FieldInfo): string {
  const kinds: Readonly<Record<FieldInfo['kind'], string>> = {
    text: 'text, without regard to case; `*` and `?`',
    version: 'version, number by number',
    number: 'number',
    boolean: '`true`, `false`',
    age: 'duration since then, or a date',
    network: 'address or block (CIDR)',
    attribute: 'map of attributes: text, number, boolean, date or age',
  };
  return `| \`${name}\` | ${info.meaning} | ${kinds[info.kind]} | ${info.perRequest === true ? 'yes' : ''} |`;
}

function rowsBelow(path: string, node: Node): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, field]) =>
    rowsOf(path === '' ? name : `${path}.${name}`, field, (node.required ?? []).includes(name)),
  );
}

function rowsOf(path: string, node: Node, required: boolean): string[] {
  if (path === '$schema') return [];
  const meaning = `${required ? '*required*; ' : ''}${node.description ?? ''}`;
  const row = `| \`${path}\` | ${meaning} | ${values(node)} |`;
  if (node.properties !== undefined) return [row, ...rowsBelow(path, node)];
  const item = node.items;
  return item?.properties === undefined ? [row] : [row, ...rowsBelow(`${path}[]`, item)];
}

function values(node: Node): string {
  if (node.const !== undefined) return code(node.const);
  if (node.enum !== undefined) return node.enum.length > 6 ? 'a reason' : node.enum.map(code).join(', ');
  if (node.$ref !== undefined) return node.$ref.endsWith('conditions') ? 'conditions' : 'value';
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(branch))].join(', or ');
  if (node.properties !== undefined) return 'fields below';
  if (node.type === 'array') return node.items === undefined ? 'list' : `list of ${values(node.items)}`;
  if (node.type === 'object')
    return typeof node.additionalProperties === 'object'
      ? `map of ${values(node.additionalProperties)}`
      : 'map';
  if (node.type === 'integer' || node.type === 'number') return 'number';
  return node.type === 'boolean' ? '`true`, `false`' : 'text';
}

/** One of several forms, on one line. */
function branch(node: Node): string {
  const names = Object.keys(node.properties ?? {});
  return names.length === 0 ? values(node) : `\`{ ${names.join(', ')} }\``;
}

function code(value: unknown): string {
  return `\`${String(value)}\``;
}
