// Owns the list of pages: address, place in the navigation, the file that is loaded when one goes there.
import type { ComponentType } from 'react';
import type { OperationName } from '../api/contract/paths.ts';
import { lazyPage as lazy } from './client/lazy-page.ts';
import type { IconName } from './parts/icon.tsx';
import { t } from './texts/texts.ts';

/** A page within the frame. */
export interface Page {
  /** As wouter writes it: `/devices/:device`. */
  readonly path: string;
  readonly title: string;
  readonly View: ComponentType;
  /** Absent = not in the navigation. */
  readonly nav?: {
    readonly icon: IconName;
    /** Absent = the path. */
    readonly href?: string;
    readonly group: 'top' | 'rules' | 'operation';
    /** Under More on phones. */
    readonly rare?: true;
    /** Shown to roles that may use it. */
    readonly needs: OperationName;
  };
}

/** In the order of the navigation. */
export const PAGES: readonly Page[] = [
  {
    path: '/',
    title: t.pages.overview,
    View: lazy(async () => ({ default: (await import('./pages/overview.tsx')).OverviewPage })),
    nav: { icon: 'overview', group: 'top', needs: 'showOverview' },
  },
  {
    path: '/devices',
    title: t.pages.devices,
    View: lazy(async () => ({ default: (await import('./pages/devices.tsx')).DevicesPage })),
    nav: { icon: 'phone', group: 'top', needs: 'listDevices' },
  },
  {
    path: '/devices/:device',
    title: t.pages.device,
    View: lazy(async () => ({ default: (await import('./pages/device.tsx')).DevicePage })),
  },
  {
    path: '/users',
    title: t.pages.users,
    View: lazy(async () => ({ default: (await import('./pages/users.tsx')).UsersPage })),
    nav: { icon: 'users', group: 'top', rare: true, needs: 'listUsers' },
  },
  {
    path: '/users/:user',
    title: t.pages.user,
    View: lazy(async () => ({ default: (await import('./pages/user.tsx')).UserPage })),
  },
  {
    path: '/feeds/*?',
    title: t.pages.feeds,
    View: lazy(async () => ({ default: (await import('./pages/feeds.tsx')).FeedsPage })),
    nav: { icon: 'feed', group: 'operation', href: '/feeds', rare: true, needs: 'listFeeds' },
  },
  {
    path: '/policy',
    title: t.pages.policy,
    View: lazy(async () => ({ default: (await import('./pages/policy.tsx')).PolicyPage })),
    nav: { icon: 'policy', group: 'rules', needs: 'showPolicy' },
  },
  {
    path: '/reports/*?',
    title: t.pages.reports,
    View: lazy(async () => ({ default: (await import('./pages/reports.tsx')).ReportsPage })),
    nav: { icon: 'report', group: 'rules', href: '/reports', rare: true, needs: 'showReport' },
  },
  {
    path: '/journal/*?',
    title: t.pages.journal,
    View: lazy(async () => ({ default: (await import('./pages/journal.tsx')).JournalPage })),
    nav: { icon: 'journal', group: 'operation', href: '/journal', needs: 'queryJournal' },
  },
  {
    path: '/system',
    title: t.pages.system,
    View: lazy(async () => ({ default: (await import('./pages/system.tsx')).SystemPage })),
    nav: { icon: 'system', group: 'operation', rare: true, needs: 'showStatus' },
  },
  {
    path: '/access',
    title: t.pages.access,
    View: lazy(async () => ({ default: (await import('./pages/access.tsx')).AccessPage })),
    nav: { icon: 'access', group: 'operation', rare: true, needs: 'listTokens' },
  },
];
