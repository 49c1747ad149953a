// Owns docs/reference/records.md: the records as their schemas describe them. `npm run records` writes it,
// test/model/reference-pages.test.ts compares it.
import { readFileSync, writeFileSync } from 'node:fs';
import type { z } from 'zod';
import {
  accessDecisionSchema,
  decisionChangeSchema,
  storedWipeDecisionSchema,
} from '../../../src/model/decision.ts';
import { deviceReportSchema } from '../../../src/model/device.ts';
import { journalEventSchema } from '../../../src/model/event.ts';
import { partnershipSchema } from '../../../src/model/partnership.ts';
import { objectIn } from '../../../src/model/read-record.ts';
import { verdictReasonSchema } from '../../../src/model/reason.ts';
import { userReportSchema } from '../../../src/model/user.ts';
import { verdictActionSchema } from '../../../src/model/verdict.ts';

const PAGE = new URL('../../../docs/reference/records.md', import.meta.url);

const HEAD = `# Records

The records of the directory, field by field. This page is generated from the schemas of src/model (\`npm run records\`); how the records
are stored and used: directory.md.

A field that is missing or null has the value of the column "if missing"; a field that is not listed is ignored. A record that
lacks a *required* field, or has a value of another kind, is not understood (directory.md, "Records that are not understood").
Times are milliseconds since the epoch. The fields of the key are not part of the stored text. How records are written into a
store, with the position of each field: directory-schema.md.
`;

type Meta = Readonly<Record<string, unknown>>;

function metaOf(field: z.ZodType): Meta {
  return field.meta() ?? {};
}

function rows(path: string, schema: z.ZodObject): string[] {
  return (Object.entries(schema.shape) as [string, z.ZodType][]).flatMap(([name, field]) => {
    const meta = metaOf(field);
    const words = meta['meanings'] as Readonly<Record<string, string>> | undefined;
    const meaning =
      words === undefined
        ? String(meta['description'])
        : `${String(meta['description'])}: ${Object.entries(words)
            .map(([word, said]) => `\`${word}\` = ${said}`)
            .join('; ')}`;
    const row = `| \`${path}${name}\` | ${meaning} | ${kindOf(field)} | ${presetOf(meta)} |`;
    const below = objectIn(field);
    const mark = field.type === 'array' ? '[]' : '';
    return below === null ? [row] : [row, ...rows(`${path}${name}${mark}.`, below)];
  });
}

function kindOf(field: z.ZodType): string {
  const { def } = field as z.ZodNullable<z.ZodType> | z.ZodArray<z.ZodType>;
  if (def.type === 'nullable') return `${kindOf(def.innerType)} or null`;
  if (def.type === 'array') {
    if (def.element.type === 'number') return 'list of numbers';
    return objectIn(def.element) === null ? 'list of texts' : 'list, fields below';
  }
  const kinds: Readonly<Record<string, string>> = {
    boolean: 'true, false',
    enum: 'one of these words',
    null: 'null',
    number: 'number',
    object: 'fields below',
    record: 'map of texts, numbers and booleans',
    string: 'text',
  };
  const kind = kinds[field.type];
  if (kind === undefined) throw new Error(`no name for fields of type ${field.type}`);
  return kind;
}

function presetOf(meta: Meta): string {
  if (typeof meta['otherwise'] === 'string') return meta['otherwise'];
  return meta['default'] === undefined ? '*required*' : `\`${JSON.stringify(meta['default'])}\``;
}

/** Records whose first fields are their key. */
function record(title: string, key: readonly string[], schema: z.ZodObject): string[] {
  const said = rows('', schema).map((row) =>
    key.some((name) => row.startsWith(`| \`${name}\` |`)) ? row.replace(/\| [^|]* \|$/, '| the key |') : row,
  );
  return [
    `## ${title}`,
    '',
    '| field | meaning | values | if missing |',
    '| --- | --- | --- | --- |',
    ...said,
    '',
  ];
}

function words(title: string, schema: z.ZodType): string[] {
  const meanings = metaOf(schema)['meanings'] as Readonly<Record<string, string>>;
  const said = Object.entries(meanings).map(([word, meaning]) => `| \`${word}\` | ${meaning} |`);
  return [`## ${title}`, '', '| word | meaning |', '| --- | --- |', ...said, ''];
}

/** A generated page as it is, and as it should be. */
export interface Page {
  readonly is: string;
  readonly shouldBe: string;
}

/** docs/reference/records.md. */
export function recordsPage(): Page {
  const parts = [
    HEAD,
    ...record('Report on a device', ['key', 'source'], deviceReportSchema),
    ...record('Report on a user', ['key', 'source'], userReportSchema),
    ...record('Partnership', ['user', 'device'], partnershipSchema),
    ...record('Decision', [], accessDecisionSchema),
    ...record('Decision to wipe', [], storedWipeDecisionSchema),
    ...record('Change of a decision', [], decisionChangeSchema),
    ...words('Verdicts', verdictActionSchema),
    ...words('Reasons of verdicts', verdictReasonSchema),
    ...words('Events of the journal', journalEventSchema),
  ];
  return { is: readFileSync(PAGE, 'utf8'), shouldBe: `${parts.join('\n').trimEnd()}\n` };
}

if (import.meta.main) writeFileSync(PAGE, recordsPage().shouldBe);
