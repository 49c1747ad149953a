// Owns the list of built-in languages.
import type { LanguageSource } from './source.ts';
import { GERMAN } from './text-de.ts';
import { ENGLISH } from './text-en.ts';
import { SPANISH } from './text-es.ts';
import { FRENCH } from './text-fr.ts';
import { JAPANESE } from './text-ja.ts';

/** Built-in texts by language tag. Each is complete: every reason, every key. */
export const DEFAULT_TEMPLATES: ReadonlyMap<string, LanguageSource> = new Map([
  ['en', ENGLISH],
  ['de', GERMAN],
  ['fr', FRENCH],
  ['es', SPANISH],
  ['ja', JAPANESE],
]);
