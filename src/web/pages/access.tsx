// Owns the page of access: tokens with their roles and ends, and who is signed in.
import { useState } from 'react';
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { useChange } from '../client/use-change.ts';
import { useQuery } from '../client/use-query.ts';
import { Icon } from '../parts/icon.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Panel } from '../parts/panel.tsx';
import { TableHead } from '../parts/table-head.tsx';
import { Time, readTime } from '../parts/time.tsx';
import { RevokeForm, TokenForm } from '../parts/token-form.tsx';
import type { Token } from '../parts/token-form.tsx';
import { ChangeTrouble, LoadTrouble, Skeleton } from '../parts/trouble.tsx';
import { day, moment } from '../texts/format.ts';
import { t } from '../texts/texts.ts';

type Session = AnswerOf<'listSessions'>['rows'][number];

const EVERY_MS = 15_000;

function Ends({ iso }: { iso: string | null }): ReactElement {
  const at = readTime(iso);
  if (at === null) return <span className="t2">{t.access.tokens.noEnd}</span>;
  if (at > Date.now()) return <Time iso={iso} form={day} />;
  return (
    <span className="age stale">
      <Icon name="warn" />
      {t.access.tokens.ended} <Time iso={iso} form={day} />
    </span>
  );
}

function Tokens({
  rows,
  onRevoke,
}: {
  rows: readonly Token[];
  onRevoke: (token: Token) => void;
}): ReactElement {
  const { column } = t.access.tokens;
  if (rows.length === 0) return <p className="body t2">{t.access.tokens.none}</p>;
  return (
    <div className="tw">
      <table className="plain cards">
        <TableHead
          titles={[column.name, column.role, column.by, column.made, column.ends, column.used]}
          actions={t.list.actions}
        />
        <tbody>
          {rows.map((token) => (
            <tr key={token.id}>
              <th scope="row" className="full break">
                <b>{token.name}</b>
              </th>
              <td>{token.role}</td>
              <td className="t2 break" data-l={column.by}>
                {token.createdBy}
              </td>
              <td className="t2" data-l={column.made}>
                <Time iso={token.createdAt} form={day} />
              </td>
              <td data-l={column.ends}>
                <Ends iso={token.expiresAt} />
              </td>
              <td className="t2" data-l={column.used}>
                {token.lastUsedAt === null ? t.access.tokens.never : <Time iso={token.lastUsedAt} ago />}
              </td>
              <td className="act full">
                <button
                  className="btn small"
                  type="button"
                  aria-label={t.access.tokens.revokeFor(token.name)}
                  onClick={() => onRevoke(token)}
                >
                  {t.access.tokens.revoke}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Sessions({ rows, changed }: { rows: readonly Session[]; changed: () => void }): ReactElement {
  const { column } = t.access.sessions;
  const change = useChange('endSession');
  const end = async (session: Session): Promise<void> => {
    if ((await change.send({ params: { session: session.id } })) !== null) changed();
  };
  if (rows.length === 0) return <p className="body t2">{t.access.sessions.none}</p>;
  return (
    <>
      <ChangeTrouble error={change.error} />
      <div className="tw">
        <table className="plain cards">
          <TableHead
            titles={[column.name, column.role, column.by, column.began, column.used, column.ends]}
            actions={t.list.actions}
          />
          <tbody>
            {rows.map((session) => (
              <tr key={session.id}>
                <th scope="row" className="full break">
                  <b>{session.name}</b>{' '}
                  {session.isOwn ? <span className="tag">{t.access.sessions.own}</span> : null}
                </th>
                <td>{session.role}</td>
                <td className="t2" data-l={column.by}>
                  {t.access.sessions.by[session.by]}
                </td>
                <td className="t2" data-l={column.began}>
                  <Time iso={session.createdAt} ago />
                </td>
                <td className="t2" data-l={column.used}>
                  <Time iso={session.lastUsedAt} ago />
                </td>
                <td className="t2" data-l={column.ends}>
                  <Time iso={session.expiresAt} form={moment} />
                </td>
                <td className="act full">
                  {session.isOwn ? null : (
                    <button
                      className="btn small"
                      type="button"
                      aria-label={t.access.sessions.endFor(session.name)}
                      disabled={change.busy}
                      onClick={() => void end(session)}
                    >
                      {t.access.sessions.end}
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** The page. */
export function AccessPage(): ReactElement {
  const tokens = useQuery('listTokens', {}, { everyMs: EVERY_MS });
  const sessions = useQuery('listSessions', {}, { everyMs: EVERY_MS });
  const [isMaking, setMaking] = useState(false);
  const [revoked, setRevoked] = useState<Token | null>(null);
  const reload = (): void => {
    tokens.reload();
    sessions.reload();
  };
  const tools = (
    <button className="btn primary" type="button" onClick={() => setMaking(true)}>
      <Icon name="plus" />
      {t.access.create}
    </button>
  );
  return (
    <>
      <PageHead title={t.pages.access} tools={tools}>
        {t.access.lead}
      </PageHead>
      <div className="stack">
        <Panel title={t.access.tokens.title}>
          {tokens.data === null ? (
            tokens.error === null ? (
              <Skeleton rows={4} />
            ) : (
              <LoadTrouble error={tokens.error} operation="listTokens" retry={reload} />
            )
          ) : (
            <Tokens rows={tokens.data.rows} onRevoke={setRevoked} />
          )}
        </Panel>
        <Panel title={t.access.sessions.title}>
          {sessions.data === null ? (
            sessions.error === null ? (
              <Skeleton rows={4} />
            ) : (
              <LoadTrouble error={sessions.error} operation="listSessions" retry={reload} />
            )
          ) : (
            <Sessions rows={sessions.data.rows} changed={reload} />
          )}
        </Panel>
      </div>
      {isMaking ? <TokenForm close={() => setMaking(false)} changed={reload} /> : null}
      {revoked === null ? null : (
        <RevokeForm token={revoked} close={() => setRevoked(null)} changed={reload} />
      )}
    </>
  );
}
