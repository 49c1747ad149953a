// Owns looking up tags in the table of WBXML code pages, and the types of their names.
import { PAGES } from './code-page-table.ts';
import type { CodePage } from './code-page-table.ts';

/** All pages, by number. */
export const CODE_PAGES: readonly CodePage[] = PAGES;

type Page = (typeof PAGES)[number];

/** Namespace of a page, e.g. `AirSync`. */
export type Namespace = Page['namespace'];

type Names = { readonly [P in Page as P['namespace']]: P['tags'][keyof P['tags']] & string };

/** Tag of a namespace, e.g. `Sync` of `AirSync`: a misspelt one does not compile. */
export type TagName<N extends Namespace> = Names[N];

interface TagPlace {
  readonly page: number;
  readonly token: number;
}

const PLACES: ReadonlyMap<string, ReadonlyMap<string, TagPlace>> = new Map(
  CODE_PAGES.map((page, number) => [
    page.namespace,
    new Map(Object.entries(page.tags).map(([token, name]) => [name, { page: number, token: Number(token) }])),
  ]),
);

/** Page and token of a tag, or undefined. */
export function findTag(namespace: string, name: string): TagPlace | undefined {
  return PLACES.get(namespace)?.get(name);
}
