// Owns the navigation: side bar, rail in narrow windows, tab bar on phones with More.
import type { ReactElement } from 'react';
import { Link, useLocation } from 'wouter';
import { roleMay, useSession } from '../client/signed-in.ts';
import { Icon } from '../parts/icon.tsx';
import { Menu, MenuItem } from '../parts/menu.tsx';
import { PAGES } from '../pages.ts';
import type { Page } from '../pages.ts';
import { t } from '../texts/texts.ts';

type Shown = Page & { readonly nav: NonNullable<Page['nav']> };

const isCurrent = (path: string, location: string): boolean =>
  path === '/' ? location === '/' : location === path || location.startsWith(`${path}/`);

function Entry({ page, location }: { page: Shown; location: string }): ReactElement {
  return (
    <li className={page.nav.rare === true ? 'rare' : undefined}>
      <Link
        href={page.path}
        title={page.title}
        aria-current={isCurrent(page.path, location) ? 'page' : undefined}
      >
        <Icon name={page.nav.icon} />
        <span>{page.title}</span>
      </Link>
    </li>
  );
}

/** The pages that the role may use. */
export function usePages(): readonly Shown[] {
  const session = useSession();
  return PAGES.filter(
    (page): page is Shown =>
      page.nav !== undefined && session !== null && roleMay(session.role, page.nav.needs),
  );
}

/** Links to the pages. */
export function Nav(): ReactElement {
  const [location, go] = useLocation();
  const pages = usePages();
  const group = (name: Shown['nav']['group']): readonly Shown[] =>
    pages.filter(({ nav }) => nav.group === name);
  const rare = pages.filter(({ nav }) => nav.rare === true);
  const entries = (of: readonly Shown[]): ReactElement[] =>
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
            {rare.map(({ path, title, nav }) => (
              <MenuItem key={path} onPick={() => go(path)}>
                <Icon name={nav.icon} />
                {title}
              </MenuItem>
            ))}
          </Menu>
        </div>
      )}
    </nav>
  );
}
