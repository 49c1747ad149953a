// Owns the choice of the language. Another language is a file beside en.ts with the same keys, and a line in CATALOGUES.
import { EN } from './en.ts';

/** Every text of the dashboard. */
export type Texts = typeof EN;

const CATALOGUES: Readonly<Record<string, Texts>> = { en: EN };

const wanted = (globalThis.navigator?.languages ?? []).map((tag) => tag.split('-')[0] ?? '');

/** The texts in the first language of the browser that there is. */
export const t: Texts = CATALOGUES[wanted.find((tag) => CATALOGUES[tag] !== undefined) ?? 'en'] ?? EN;
