// Owns what is shown: the page of the address in its frame, or sign-in, or set-up.
import { Component, useEffect, useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { PageLoadError } from './client/lazy-page.ts';
import { ApiError, networkError } from './client/problem.ts';
import { readSession } from './client/session.ts';
import { signedIn } from './client/signed-in.ts';
import { useValue } from './client/value.ts';
import { Frame } from './frame/frame.tsx';
import { PAGES } from './pages.ts';
import { NotFoundPage } from './pages/not-found.tsx';
import { SetUpPage } from './pages/set-up.tsx';
import { SignInPage } from './pages/sign-in.tsx';
import { Blank, LoadTrouble } from './parts/trouble.tsx';
import { t } from './texts/texts.ts';

/** Keeps the frame when a page throws. Its key is the address: another page gets a new one. */
class ErrorBoundary extends Component<
  { readonly children: ReactNode },
  { readonly failed: 'page' | 'file' | null }
> {
  override state = { failed: null };

  static getDerivedStateFromError(error: unknown): { failed: 'page' | 'file' } {
    return { failed: error instanceof PageLoadError ? 'file' : 'page' };
  }

  override render(): ReactNode {
    const { failed } = this.state;
    if (failed === null) return this.props.children;
    const isGone = failed === 'file';
    return (
      <section className="panel">
        <Blank
          icon="warn"
          title={isGone ? t.trouble.goneTitle : t.trouble.crashTitle}
          actions={
            <button className="btn" type="button" onClick={() => window.location.reload()}>
              {t.trouble.reload}
            </button>
          }
        >
          {isGone ? t.trouble.goneText : t.trouble.crashText}
        </Blank>
      </section>
    );
  }
}

function SignedInPages(): ReactElement {
  const [location] = useLocation();
  return (
    <Frame>
      <ErrorBoundary key={location}>
        <Switch>
          {PAGES.map(({ path, View }) => (
            <Route key={path} path={path}>
              <View />
            </Route>
          ))}
          <Route>
            <NotFoundPage />
          </Route>
        </Switch>
      </ErrorBoundary>
    </Frame>
  );
}

/** The whole dashboard. */
export function App(): ReactElement | null {
  const session = useValue(signedIn);
  const [location] = useLocation();
  const [error, setError] = useState<ApiError | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let stale = false;
    setError(null);
    readSession().catch((thrown: unknown) => {
      if (!stale) setError(thrown instanceof ApiError ? thrown : networkError());
    });
    return () => {
      stale = true;
    };
  }, [turn]);

  if (location === '/setup') return <SetUpPage />;
  if (session === 'unknown')
    return error === null ? null : (
      <div className="solo">
        <main id="main">
          <div className="card">
            <LoadTrouble error={error} operation="showSession" retry={() => setTurn(turn + 1)} />
          </div>
        </main>
      </div>
    );
  return typeof session === 'string' ? <SignInPage ended={session === 'ended'} /> : <SignedInPages />;
}
