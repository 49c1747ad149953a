// Owns the sign-in page: with the provider of the organisation, or with a token.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { ThemeButton } from '../frame/theme-button.tsx';
import { ApiError, networkError } from '../client/problem.ts';
import { signIn } from '../client/session.ts';
import { signedIn } from '../client/signed-in.ts';
import { useQuery } from '../client/use-query.ts';
import { Field } from '../parts/field.tsx';
import { Icon, Mark } from '../parts/icon.tsx';
import { useTitle } from '../parts/page-head.tsx';
import { length } from '../texts/format.ts';
import { t } from '../texts/texts.ts';

function wrongToken(error: ApiError): string {
  if (error.trouble === 'network') return `${t.trouble.silentTitle}. ${t.trouble.retry}.`;
  if (error.status === 429) return t.signIn.wait(length((error.retryAfterSeconds ?? 60) * 1_000));
  return error.message;
}

function TokenForm(): ReactElement {
  const [token, setToken] = useState('');
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (): Promise<void> => {
    if (token.trim() === '') {
      setError(t.signIn.tokenMissing);
      return;
    }
    setBusy(true);
    setError(null);
    try {
      signedIn.set(await signIn({ token: token.trim() }));
    } catch (thrown) {
      setError(wrongToken(thrown instanceof ApiError ? thrown : networkError()));
      setBusy(false);
    }
  };
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Field label={t.signIn.token} error={error}>
        <input
          className="input mono"
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={token}
          maxLength={200}
          onChange={(event) => setToken(event.target.value)}
        />
      </Field>
      <button className="btn wide" type="submit" disabled={busy}>
        {t.signIn.submit}
      </button>
    </form>
  );
}

/** `ended` = a session ended a moment ago. */
export function SignInPage({ ended }: { ended: boolean }): ReactElement {
  useTitle(t.signIn.title);
  const { data } = useQuery('signInWays');
  return (
    <div className="solo">
      <main id="main">
        <span className="brand">
          <Mark />
          <span>easgate</span>
        </span>
        <div className="card">
          <div>
            <h1>{t.signIn.title}</h1>
            {data === null ? null : <p className="t2">{t.signIn.gateway(data.gateway)}</p>}
          </div>
          {ended ? (
            <div className="callout" role="status">
              <Icon name="info" />
              <div>
                <b>{t.signIn.endedTitle}</b> {t.signIn.endedText}
              </div>
            </div>
          ) : null}
          {data?.needsSetUp === true ? (
            <div className="callout hold">
              <Icon name="warn" />
              <div>
                <b>{t.signIn.needsSetUpTitle}</b> {t.signIn.needsSetUpText}
                <br />
                <code>easgate admin setup</code>
              </div>
            </div>
          ) : null}
          {data?.provider === null || data === null ? null : (
            <>
              <a className="btn primary wide" href={data.provider.url}>
                {t.signIn.with(data.provider.name)}
              </a>
              <div className="or">{t.signIn.or}</div>
            </>
          )}
          <TokenForm />
          <p className="hint">{t.signIn.tries}</p>
        </div>
      </main>
      <footer>
        {data === null ? null : <span>easgate {data.version}</span>}
        <ThemeButton small />
      </footer>
    </div>
  );
}
