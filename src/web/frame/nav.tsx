// Owns the navigation: side bar, rail in narrow windows, tab bar on phones with More.
import type { ReactElement } from 'react';
import { Link, useLocation } from 'wouter';
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

function Entry({ page, location }: { page: ShownPage; location: string }): ReactElement {
  return (
    <li className={page.nav.rare === true ? 'rare' : undefined}>
      <Link
        href={hrefOf(page)}
        title={page.title}
        aria-current={isCurrent(hrefOf(page), location) ? 'page' : undefined}
      >
        <Icon name={page.nav.icon} />
        <span>{page.title}</span>
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
export function Nav(): ReactElement {
  const [location, go] = useLocation();
  const pages = usePages();
  const group = (name: ShownPage['nav']['group']): readonly ShownPage[] =>
    pages.filter(({ nav }) => nav.group === name);
  const rare = pages.filter(({ nav }) => nav.rare === true);
  const entries = (of: readonly ShownPage[]): ReactElement[] =>
    of.map((page) => <Entry key={page.path} page={page} location={location} />);
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
              </>
            }
          >
            {rare.map((page) => (
              <MenuItem key={page.path} onPick={() => go(hrefOf(page))}>
                <Icon name={page.nav.icon} />
                {page.title}
              </MenuItem>
            ))}
          </Menu>
        </div>
      )}
    </nav>
  );
}
