// Owns the first start: the one-time link makes this browser an admin; then a token, the mail servers, the policy.
import { useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'wouter';
import { ThemeButton } from '../frame/theme-button.tsx';
import { ApiError, networkError } from '../client/problem.ts';
import { signIn } from '../client/session.ts';
import { signedIn, useSession } from '../client/signed-in.ts';
import { useChange } from '../client/use-change.ts';
import { useQuery } from '../client/use-query.ts';
import { Copy } from '../parts/copy.tsx';
import { Field } from '../parts/field.tsx';
import { Health } from '../parts/health.tsx';
import { Icon, Mark } from '../parts/icon.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { ChangeTrouble } from '../parts/trouble.tsx';
import { t } from '../texts/texts.ts';

const texts = t.signIn.setUp;

/** The secret of the link is behind the #, so that no server and no log sees it; it leaves the address at once. */
function takeSecret(): string {
  const secret = window.location.hash.slice(1);
  if (secret !== '') window.history.replaceState(null, '', window.location.pathname);
  return secret;
}

function Step({
  number,
  state,
  title,
  children,
}: {
  number: number;
  state: 'done' | 'now' | 'later';
  title: string;
  children: ReactNode;
}): ReactElement {
  return (
    <li className={state} aria-current={state === 'now' ? 'step' : undefined}>
      <span className="n">{state === 'done' ? <Icon name="check" /> : number}</span>
      <div className="stack">
        <h2>{title}</h2>
        {children}
      </div>
    </li>
  );
}

function BecomeAdmin({ secret }: { secret: string }): ReactElement {
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const go = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      signedIn.set(await signIn({ setUp: secret }));
    } catch (thrown) {
      setError(thrown instanceof ApiError ? thrown : networkError());
      setBusy(false);
    }
  };
  if (secret === '' || (error !== null && error.trouble === 'status'))
    return (
      <div className="callout hold">
        <Icon name="warn" />
        <div>
          <b>{texts.failedTitle}.</b> {error?.message ?? ''}
          <br />
          {texts.again} <code>easgate admin setup</code>
          <p>
            <Link href="/">{texts.toSignIn}</Link>
          </p>
        </div>
      </div>
    );
  return (
    <>
      <p className="t2">{texts.steps.adminNow}</p>
      <ChangeTrouble error={error} />
      <div className="row">
        <button className="btn primary" type="button" disabled={busy} onClick={() => void go()}>
          {texts.steps.become}
        </button>
      </div>
    </>
  );
}

function MakeToken({ done }: { done: () => void }): ReactElement {
  const [name, setName] = useState(texts.steps.tokenDefault);
  const [secret, setSecret] = useState<string | null>(null);
  const change = useChange('createToken');
  if (secret !== null)
    return (
      <>
        <p className="t2">{texts.steps.tokenKeep}</p>
        <Copy text={secret} />
        <div className="row">
          <button className="btn primary" type="button" onClick={done}>
            {texts.steps.next}
          </button>
        </div>
      </>
    );
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void change.send({ body: { name, role: 'admin', expiresInDays: 90 } }).then((made) => {
          if (made !== null) setSecret(made.secret);
        });
      }}
    >
      <p className="t2">{texts.steps.tokenText}</p>
      <Field label={texts.steps.tokenName} error={change.error?.field('name') ?? null}>
        <input
          className="input"
          value={name}
          maxLength={100}
          onChange={(event) => setName(event.target.value)}
        />
      </Field>
      <ChangeTrouble error={change.error} />
      <div className="row">
        <button className="btn primary" type="submit" disabled={change.busy || name.trim() === ''}>
          {texts.steps.tokenMake}
        </button>
        <button className="btn ghost" type="button" onClick={done}>
          {texts.steps.skip}
        </button>
      </div>
    </form>
  );
}

function Servers(): ReactElement {
  const { data } = useQuery('showOverview', {}, { everyMs: 5_000 });
  return (
    <>
      <p className="t2">{texts.steps.serverText}</p>
      {data === null ? null : <Health health={data.health} />}
    </>
  );
}

/** Which policy decides now: a sample, or another admin, may have published one. */
function PolicyInUse(): ReactElement | null {
  const { data } = useQuery('showPolicy', {});
  if (data === null) return null;
  const { source, name, file, live } = data;
  return (
    <p className="t2">
      {source === 'directory' && live !== null
        ? texts.steps.policyPublished(name, live.version)
        : source === 'file'
          ? texts.steps.policyFile(file ?? '')
          : texts.steps.policyText}
    </p>
  );
}

/** The page behind the link of `easgate admin setup`. */
export function SetUpPage(): ReactElement {
  const [secret] = useState(takeSecret);
  const [isTokenDone, setTokenDone] = useState(false);
  const session = useSession();
  const isIn = session !== null;
  return (
    <div className="solo wide">
      <main id="main">
        <span className="brand">
          <Mark />
          <span>easgate</span>
        </span>
        <PageHead title={texts.title}>{texts.lead}</PageHead>
        <ol className="setup">
          <Step number={1} state={isIn ? 'done' : 'now'} title={texts.steps.admin}>
            {isIn ? (
              <p className="t2">{texts.steps.adminDone(session.name)}</p>
            ) : (
              <BecomeAdmin secret={secret} />
            )}
          </Step>
          <Step number={2} state={!isIn ? 'later' : isTokenDone ? 'done' : 'now'} title={texts.steps.token}>
            {isIn && !isTokenDone ? <MakeToken done={() => setTokenDone(true)} /> : null}
          </Step>
          <Step number={3} state={isIn && isTokenDone ? 'now' : 'later'} title={texts.steps.server}>
            {isIn && isTokenDone ? <Servers /> : null}
          </Step>
          <Step number={4} state={isIn && isTokenDone ? 'now' : 'later'} title={texts.steps.policy}>
            {isIn && isTokenDone ? <PolicyInUse /> : null}
            {isIn && isTokenDone ? (
              <div className="row">
                <Link className="btn primary" href="/">
                  {texts.steps.finish}
                </Link>
              </div>
            ) : null}
          </Step>
        </ol>
      </main>
      <footer>
        <ThemeButton small />
      </footer>
    </div>
  );
}
