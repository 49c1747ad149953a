// Owns the navigation: side bar, rail in narrow windows, tab bar on phones with More.
import type { ReactElement } from 'react';
import { Link, useLocation } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { roleMay, useSession } from '../client/signed-in.ts';
import { Icon } from '../parts/icon.tsx';
import { Menu, MenuItem } from '../parts/menu.tsx';
import { PAGES } from '../pages.ts';
import type { Page } from '../pages.ts';
import { t } from '../texts/texts.ts';

/** A page of the navigation. */
export type ShownPage = Page & { readonly nav: NonNullable<Page['nav']> };

const isCurrent = (path: string, location: string): boolean =>
  path === '/' ? location === '/' : location === path || location.startsWith(`${path}/`);

/** Where an entry leads. */
export function hrefOf({ path, nav }: ShownPage): string {
  return nav.href ?? path;
}

/** What is wrong with what a page is about, by its path: in words. */
export type NavMarks = Readonly<Partial<Record<string, string>>>;

/** Feeds that are late or fail, and parts of the gateway that are not well; the page says more. */
export function marksOf(overview: AnswerOf<'showOverview'> | null): NavMarks {
  if (overview === null) return {};
  const { feeds, ...parts } = overview.health;
  const isWell = ({ state }: typeof feeds): boolean => state === 'good' || state === 'off';
  const trouble = Object.values(parts).find((part) => !isWell(part));
  return {
    ...(!isWell(feeds) && { '/feeds': feeds.text }),
    ...(trouble !== undefined && { '/system': trouble.text }),
  };
}

/** The words are in the title of the link: its name stays that of the page. */
function MarkOf({ text }: { text: string | undefined }): ReactElement | null {
  if (text === undefined) return null;
  return (
    <span className="mark" aria-hidden="true" title={text}>
      <Icon name="warn" />
    </span>
  );
}

function Entry({
  page,
  location,
  mark,
}: {
  page: ShownPage;
  location: string;
  mark: string | undefined;
}): ReactElement {
  return (
    <li className={page.nav.rare === true ? 'rare' : undefined}>
      <Link
        href={hrefOf(page)}
        title={mark === undefined ? page.title : `${page.title}: ${mark}`}
        aria-current={isCurrent(hrefOf(page), location) ? 'page' : undefined}
      >
        <Icon name={page.nav.icon} />
        <span>{page.title}</span>
        <MarkOf text={mark} />
      </Link>
    </li>
  );
}

/** The pages that the role may use. */
export function usePages(): readonly ShownPage[] {
  const session = useSession();
  return PAGES.filter(
    (page): page is ShownPage =>
      page.nav !== undefined && session !== null && roleMay(session.role, page.nav.needs),
  );
}

/** Links to the pages. */
export function Nav({ marks }: { marks: NavMarks }): ReactElement {
  const [location, go] = useLocation();
  const pages = usePages();
  const group = (name: ShownPage['nav']['group']): readonly ShownPage[] =>
    pages.filter(({ nav }) => nav.group === name);
  const rare = pages.filter(({ nav }) => nav.rare === true);
  const entries = (of: readonly ShownPage[]): ReactElement[] =>
    of.map((page) => <Entry key={page.path} page={page} location={location} mark={marks[hrefOf(page)]} />);
  return (
    <nav className="nav" aria-label={t.frame.main}>
      <ul>{entries(group('top'))}</ul>
      {group('rules').length === 0 ? null : (
        <>
          <h2>{t.frame.rules}</h2>
          <ul>{entries(group('rules'))}</ul>
        </>
      )}
      {group('operation').length === 0 ? null : (
        <>
          <h2>{t.frame.operation}</h2>
          <ul>{entries(group('operation'))}</ul>
        </>
      )}
      {rare.length === 0 ? null : (
        <div className="only-phone more">
          <Menu
            className="morebtn"
            button={
              <>
                <Icon name="dots" />
                <span>{t.frame.more}</span>
                <MarkOf text={rare.map((page) => marks[hrefOf(page)]).find((mark) => mark !== undefined)} />
              </>
            }
          >
            {rare.map((page) => (
              <MenuItem key={page.path} onPick={() => go(hrefOf(page))}>
                <Icon name={page.nav.icon} />
                {page.title}
                <MarkOf text={marks[hrefOf(page)]} />
              </MenuItem>
            ))}
          </Menu>
        </div>
      )}
    </nav>
  );
}
