// Owns parsing of an operator's template file: YAML text to checked texts of one language. Reads no file.
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { messageOf } from '../caught-error.ts';
import { CatalogueError, checkLanguage } from '../notices/catalogue.ts';
import type { LanguageOverride } from '../notices/catalogue.ts';
import { MESSAGE_REASONS } from '../notices/reasons.ts';
import { ConfigError } from './problems.ts';

const MAX_FILE = 262_144;

const template = z.string().max(4_096);
const words = z.string().min(1).max(200);
const reason = z.enum(MESSAGE_REASONS);

/** A template file: the keys of the built-in texts, each optional where the language is built in. */
const templateFileSchema = z.strictObject({
  headings: z
    .strictObject({
      steps: words.optional().describe('above the steps'),
      details: words.optional().describe('above the details'),
    })
    .optional()
    .describe('headings; plain text'),
  reasons: z.partialRecord(reason, words).optional().describe('each reason in a few words; plain text'),
  messages: z
    .partialRecord(
      reason,
      z.strictObject({
        subject: template.min(1).optional().describe('subject'),
        happened: template.min(1).optional().describe('what happened'),
        steps: z.array(template).max(20).optional().describe('what to do, one step each'),
        link: template.optional().describe('label of the link to enrolmentUrl; "" = no link'),
        next: template
          .optional()
          .describe('what happens at {{nextStep}}; left out without a date; "" = nothing'),
        returns: template.min(1).optional().describe('when mail comes back'),
        contact: template.min(1).optional().describe('whom to ask'),
      }),
    )
    .optional()
    .describe('the message of each reason; templates'),
  details: z.array(template).max(20).optional().describe('facts at the end, one line each; templates'),
  footer: template.min(1).optional().describe('last line; template'),
});

/**
 * Checks the text of a template file.
 *
 * @param language the tag the file is for, from its name
 * @param path named in errors
 * @returns what `buildCatalogue` takes for this language
 * @throws ConfigError with every problem and its place
 */
export function parseTemplateFile(
  text: string,
  language: string,
  path: string = `${language}.yaml`,
): LanguageOverride {
  if (text.length > MAX_FILE) throw new ConfigError(path, [`longer than ${MAX_FILE} characters`]);
  const document = parseDocument(text, { uniqueKeys: true });
  if (document.errors.length > 0) {
    throw new ConfigError(
      path,
      document.errors.map((error) => error.message.split('\n')[0] ?? error.message),
    );
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    throw new ConfigError(path, [messageOf(error)]);
  }
  const parsed = templateFileSchema.safeParse(value);
  if (!parsed.success) {
    throw new ConfigError(
      path,
      parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`),
    );
  }
  try {
    checkLanguage(language, parsed.data);
  } catch (error) {
    if (error instanceof CatalogueError) throw new ConfigError(path, error.problems);
    throw error;
  }
  return parsed.data;
}
