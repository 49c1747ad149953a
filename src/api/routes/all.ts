// Owns the list of all routes.
import type { OpenIdProvider } from '../auth/provider.ts';
import type { FleetAccounts } from '../auth/fleet-accounts.ts';
import type { SignIn } from '../auth/sign-in.ts';
import type { Overview } from '../overview/overview.ts';
import type { ApiParts } from '../api-parts.ts';
import { decisionRoutes } from './decisions.ts';
import { userRoutes } from './users.ts';
import { deviceRoutes } from './devices.ts';
import { policyRoutes } from './policy.ts';
import type { Policies } from './policy.ts';
import { journalRoutes, journalStream } from './journal.ts';
import type { HandRuns } from '../hand-runs.ts';
import { exportRoute } from './export.ts';
import { feedRoutes } from './feeds.ts';
import { reportRoutes } from './reports.ts';
import type { Route, StreamRoute } from './route.ts';
import { sessionRoutes } from './session.ts';
import { counterStream, statusRoutes } from './status.ts';
import { tokenRoutes } from './tokens.ts';

/** What routes share beyond the parts of the gateway. */
export interface Shared {
  readonly signIn: SignIn;
  readonly accounts: FleetAccounts;
  /** Null = people sign in with tokens alone. */
  readonly provider: OpenIdProvider | null;
  readonly overview: Overview;
  readonly policies: Policies;
  readonly hands: HandRuns;
}

/** Operations that answer with JSON. */
export function routesOf(
  parts: ApiParts,
  { signIn, accounts, provider, overview, policies, hands }: Shared,
): Route[] {
  return [
    ...sessionRoutes(parts, { signIn, accounts }, provider),
    ...tokenRoutes(parts, accounts),
    ...statusRoutes(parts, overview),
    ...deviceRoutes(parts),
    ...decisionRoutes(parts),
    ...userRoutes(parts),
    ...journalRoutes(parts),
    ...policyRoutes(parts, policies),
    ...reportRoutes(parts, policies),
    ...feedRoutes(parts, hands),
  ];
}

/** Operations that answer with events or files. */
export function streamRoutesOf(parts: ApiParts, { overview }: Shared): StreamRoute[] {
  return [counterStream(overview), journalStream(parts), exportRoute(parts)];
}
