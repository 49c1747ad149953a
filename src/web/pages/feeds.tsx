// Owns the page of feeds: how each is, runs by hand, what brakes hold; and the import and export of files.
import type { ReactElement } from 'react';
import { Link, useLocation } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { addressOf } from '../client/call.ts';
import { useMay } from '../client/signed-in.ts';
import { useQuery } from '../client/use-query.ts';
import { FeedPanel, isSent } from '../parts/feed-panel.tsx';
import { Icon } from '../parts/icon.tsx';
import { ImportFile } from '../parts/import-file.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Panel } from '../parts/panel.tsx';
import { Blank, LoadTrouble, Skeleton } from '../parts/trouble.tsx';
import { t } from '../texts/texts.ts';

const EVERY_MS = 5_000;
const FILES = '/feeds/files';
const texts = t.feeds;

function FeedList({ list, changed }: { list: AnswerOf<'listFeeds'>; changed: () => void }): ReactElement {
  if (list.rows.length === 0)
    return (
      <section className="panel">
        <Blank
          icon="feed"
          title={texts.noneTitle}
          actions={
            <Link className="btn" href={FILES}>
              {texts.noneButton}
            </Link>
          }
        >
          {texts.noneText}
        </Blank>
      </section>
    );
  return (
    <div className="stack">
      {list.runsHere || list.rows.every(isSent) ? null : (
        <div className="callout hold" role="status">
          <Icon name="info" />
          <div>{list.leader === null ? texts.nowhere : texts.elsewhere(list.leader)}</div>
        </div>
      )}
      <div className="cols c-11 even">
        {list.rows.map((feed) => (
          <FeedPanel key={feed.name} feed={feed} runsHere={list.runsHere} changed={changed} />
        ))}
      </div>
    </div>
  );
}

const EXPORTS = ['devices', 'users', 'decisions', 'journal', 'audit'] as const;

function Exports(): ReactElement {
  const mayAudit = useMay('queryAudit');
  const words = texts.export;
  return (
    <Panel title={words.title}>
      <p className="body t2 sm">{words.lead}</p>
      <ul className="list exports">
        {EXPORTS.map((what) => (
          <li key={what}>
            <span>
              <b>{words.what[what]}</b> <span className="t2">{words.text[what]}</span>
            </span>
            {what === 'audit' && !mayAudit ? null : (
              <span className="row">
                {(['csv', 'ndjson'] as const).map((format) => (
                  <a
                    key={format}
                    className="btn small"
                    download
                    href={addressOf('exportRows', { what }, { format })}
                    aria-label={words.as(words.what[what], words[format])}
                  >
                    <Icon name="save" />
                    {words[format]}
                  </a>
                ))}
              </span>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Feeds(): ReactElement {
  const { data, error, reload } = useQuery('listFeeds', {}, { everyMs: EVERY_MS });
  if (data !== null) return <FeedList list={data} changed={reload} />;
  return (
    <section className="panel">
      {error === null ? <Skeleton /> : <LoadTrouble error={error} operation="listFeeds" retry={reload} />}
    </section>
  );
}

/** The page; at /feeds/files it shows import and export. */
export function FeedsPage(): ReactElement {
  const [location] = useLocation();
  const isFiles = location === FILES;
  return (
    <>
      <PageHead title={t.pages.feeds}>{texts.lead}</PageHead>
      <nav className="tabs" aria-label={t.pages.feeds}>
        <Link href="/feeds" aria-current={isFiles ? undefined : 'page'}>
          {texts.tabs.feeds}
        </Link>
        <Link href={FILES} aria-current={isFiles ? 'page' : undefined}>
          {texts.tabs.files}
        </Link>
      </nav>
      {isFiles ? (
        <div className="cols c-21">
          <ImportFile />
          <Exports />
        </div>
      ) : (
        <Feeds />
      )}
    </>
  );
}
