// Owns the schema of a mapping in the configuration or in a file of its own: one expression for each field. Pure.
import { z } from 'zod';
import { compileExpression } from './expressions.ts';
import { ATTRIBUTE_TYPES, COMMON_FIELDS, DEVICE_FIELDS, USER_FIELDS } from './fields.ts';
import type { FIELDS, FieldKind } from './fields.ts';

/** A text that is an expression of the kind. The issue has the position of the problem as `params.offset`. */
function expression(kind: FieldKind, meaning: string) {
  return z
    .string()
    .min(1)
    .max(2_000)
    .superRefine((text, context) => {
      const compiled = compileExpression(text, kind);
      if ('message' in compiled)
        context.addIssue({
          code: 'custom',
          message: `is no expression that can be used: ${compiled.message}`,
          params: { offset: compiled.offset },
        });
    })
    .describe(`expression: ${meaning}`);
}

type Expressions<Fields> = { [Name in keyof Fields]: z.ZodOptional<ReturnType<typeof expression>> };

function expressions<const Fields extends typeof FIELDS>(fields: Fields): Expressions<Fields> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, { kind, meaning }]) => [name, expression(kind, meaning).optional()]),
  ) as Expressions<Fields>;
}

const MAX_ATTRIBUTES = 32;

const attributes = z
  .record(
    z.string().min(1).max(64),
    z.strictObject({
      type: z.enum(ATTRIBUTE_TYPES).default('text').describe('what it compares as in a policy'),
      value: expression('text', 'its value'),
    }),
  )
  .refine(
    (given) => Object.keys(given).length <= MAX_ATTRIBUTES,
    `must be ${MAX_ATTRIBUTES} attributes at most`,
  )
  .describe(
    'further values by name, each with `type` (text, number, boolean or date) and `value` (expression)',
  );

/** A field that does not belong to the kind of records, or a mapping without a name for them. */
function checkFields(given: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  const isUsers = given['records'] === 'users';
  for (const name of Object.keys(isUsers ? DEVICE_FIELDS : USER_FIELDS))
    if (given[name] !== undefined && (given['file'] === undefined || given['records'] !== undefined))
      context.addIssue({
        code: 'custom',
        path: [name],
        message: `is a field of ${isUsers ? 'devices' : 'users'}: this mapping is for ${isUsers ? 'users (records: users)' : 'devices (records: devices)'}`,
      });
  if (given['file'] !== undefined) return;
  const named = isUsers ? ['user'] : ['id', 'serialNumber', 'udid', 'imei', 'sourceId'];
  if (!named.some((name) => given[name] !== undefined))
    context.addIssue({
      code: 'custom',
      message: `must have ${isUsers ? 'user' : 'id, serialNumber, udid or imei'}: else no record can be told from another`,
    });
}

const ownFields = {
  records: z.enum(['devices', 'users']).optional().describe('what the records are; absent = devices'),
  where: expression('condition', 'whether a record is read; others are left out').optional(),
  ...expressions(DEVICE_FIELDS),
  ...expressions(USER_FIELDS),
  ...expressions(COMMON_FIELDS),
  attributes: attributes.optional(),
};

/** `mapping` of a feed. */
export const mappingSection = z
  .strictObject({
    file: z
      .string()
      .min(1)
      .optional()
      .describe(
        'file with a mapping, such as those of config/feeds; fields beside it replace those of the file',
      ),
    ...ownFields,
  })
  .superRefine(checkFields)
  .describe('how records of the source become ours: an expression for each field (docs/guide/mappings.md)');

/** A mapping in a file of its own. */
export const mappingFileSchema = z.strictObject(ownFields).superRefine(checkFields);

/** A mapping, as written. */
export type MappingSection = Readonly<z.infer<typeof mappingSection>>;
/** A mapping without a reference to a file. */
export type MappingDocument = Readonly<z.infer<typeof mappingFileSchema>>;
