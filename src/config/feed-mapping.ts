// Owns reading the mapping of a feed: its own expressions, and those of the file that it names.
import { readFileSync } from 'node:fs';
import { celMapping } from '../feeds/cel/cel-mapping.ts';
import { mappingFileSchema } from '../feeds/cel/document.ts';
import type { MappingDocument, MappingSection } from '../feeds/cel/document.ts';
import type { Mapping } from '../feeds/mapping.ts';
import { fileTrouble } from '../file-words.ts';
import { didYouMean } from '../suggest.ts';
import { ConfigError } from './problems.ts';
import { readYaml } from './yaml-source.ts';
import type { Place } from './yaml-source.ts';

/** The mapping of a section; null = there is none. `name`: the field, for errors. @throws ConfigError */
export function feedMapping(section: MappingSection | undefined, name: string): Mapping | null {
  if (section === undefined) return null;
  const { file, ...own } = section;
  if (file === undefined) return celMapping(own);
  const whole = { ...readMapping(mappingText(file), file), ...defined(own) };
  const parsed = mappingFileSchema.safeParse(whole);
  if (parsed.success) return celMapping(parsed.data);
  throw new ConfigError(
    name,
    parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim()),
  );
}

/** Longest text of a mapping in characters: 32 attributes and every field, each as long as it may be. */
const MAX_MAPPING = 256 * 1_024;

/** The text of a mapping file. @throws ConfigError */
export function mappingText(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(path, [`cannot be read: ${fileTrouble(error, path)}`]);
  }
  if (text.length <= MAX_MAPPING) return text;
  throw new ConfigError(path, [`is longer than ${MAX_MAPPING} characters: it is no mapping`]);
}

/** A mapping that was checked: plain data, which another thread can send. */
export interface CheckedMapping {
  /** Null = it has problems. */
  readonly document: MappingDocument | null;
  readonly problems: readonly string[];
}

/** Checks the text of a mapping, in the calling thread, which a hostile text may keep busy for many seconds. */
export function checkMapping(text: string): CheckedMapping {
  try {
    return { document: readMapping(text, 'mapping'), problems: [] };
  } catch (error) {
    if (error instanceof ConfigError) return { document: null, problems: error.problems };
    throw error;
  }
}

/** The mapping of a document that was checked. */
export function mappingOfDocument(document: MappingDocument): Mapping {
  return celMapping(document);
}

/** The mapping of a text. `name`: the file, for errors. @throws ConfigError with every problem and its place */
export function mappingOfText(text: string, name: string): Mapping {
  return celMapping(readMapping(text, name));
}

function readMapping(text: string, path: string): MappingDocument {
  const { value, errors, source } = readYaml(text);
  if (errors.length > 0)
    throw new ConfigError(
      path,
      errors.map(({ message, place }) => at(place, message)),
    );
  const parsed = mappingFileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    path,
    parsed.error.issues.flatMap((issue) => {
      if (issue.code === 'unrecognized_keys')
        return issue.keys.map((key) => {
          const names = issue.path.length === 0 ? Object.keys(mappingFileSchema.shape) : ['type', 'value'];
          const place = source.placeOf([...issue.path, key], { atKey: true });
          return at(place, `there is no field ${key}${didYouMean(key, names)}`);
        });
      const offset: unknown = issue.code === 'custom' ? issue.params?.['offset'] : undefined;
      const place = source.placeOf(issue.path, typeof offset === 'number' ? { offset } : {});
      return [at(place, `${issue.path.join('.')} ${issue.message}`.trim())];
    }),
  );
}

function at(place: Place | null, text: string): string {
  return place === null ? text : `line ${place.line}, column ${place.column}: ${text}`;
}

function defined<Values extends object>(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Values;
}
