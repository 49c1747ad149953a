// Owns the comparison of the code pages with the table taken from MS-ASWBXML and other sources.
import { describe, expect, it } from 'vitest';
import { CODE_PAGES, findTag } from '../../src/eas/wbxml/code-pages.ts';
import { vectors } from '../support/checks/fixtures.ts';

interface SourcePage {
  readonly namespace: string;
  /** By token, two hexadecimal digits (MS-ASWBXML 2.1.2.1). */
  readonly tags: Readonly<Record<string, string>>;
  /** Seen in older clients and servers only. */
  readonly legacy?: Readonly<Record<string, string>>;
}

const source = vectors<Readonly<Record<string, SourcePage>>>('eas-codepages');

const rows = (page: number, tags: Readonly<Record<string, string>>): string[] =>
  Object.entries(tags).map(([token, name]) => `${page}/${token} ${name}`);

describe('the code pages', () => {
  it('are those of MS-ASWBXML, plus older tags', () => {
    const ours = CODE_PAGES.flatMap(({ tags }, page) =>
      Object.entries(tags).map(
        ([token, name]) => `${page}/${Number(token).toString(16).padStart(2, '0')} ${name}`,
      ),
    );
    const pages = Object.entries(source).map(([page, of]) => [Number(page), of] as const);
    const specified = pages.flatMap(([page, { tags }]) => rows(page, tags));
    const older = new Set(pages.flatMap(([page, { legacy }]) => rows(page, legacy ?? {})));
    expect(specified).toHaveLength(608);
    expect(specified.filter((row) => !ours.includes(row))).toEqual([]);
    expect(ours.filter((row) => !specified.includes(row) && !older.has(row))).toEqual([]);
  });

  it('have the names of the specification', () => {
    expect(CODE_PAGES.map(({ namespace }) => namespace)).toEqual(
      Object.values(source).map(({ namespace }) => namespace),
    );
  });

  it('map each namespace and tag name to exactly one page and token', () => {
    for (const [page, { namespace, tags }] of CODE_PAGES.entries()) {
      for (const [token, name] of Object.entries(tags)) {
        expect(findTag(namespace, name)).toEqual({ page, token: Number(token) });
        expect(Number(token)).toBeGreaterThanOrEqual(0x05);
        expect(Number(token)).toBeLessThanOrEqual(0x3f);
      }
    }
  });
});
