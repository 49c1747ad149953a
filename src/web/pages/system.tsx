// Owns the page of the system: health, warnings, processes, directory and lists, mail servers, certificates; with its age.
import type { ReactElement } from 'react';
import { useQuery } from '../client/use-query.ts';
import { FailurePanel } from '../parts/failures.tsx';
import { Health } from '../parts/health.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Panel } from '../parts/panel.tsx';
import { Processes } from '../parts/processes.tsx';
import { CertificatePanel, DirectoryPanel, MailPanel, MetricsPanel } from '../parts/system-panels.tsx';
import { Time } from '../parts/time.tsx';
import { LoadTrouble, Skeleton } from '../parts/trouble.tsx';
import { Warnings } from '../parts/warnings.tsx';
import { clockTime } from '../texts/format.ts';
import { t } from '../texts/texts.ts';

const EVERY_MS = 5_000;

/** The page. */
export function SystemPage(): ReactElement {
  const { data, error, reload, receivedAt } = useQuery('showStatus', {}, { everyMs: EVERY_MS });
  const overview = useQuery('showOverview', {}, { everyMs: 15_000 }).data;
  const asOf = receivedAt === null ? null : new Date(receivedAt).toISOString();
  return (
    <>
      <PageHead title={t.pages.system}>
        {data === null ? null : (
          <>
            {t.system.lead(data.gateway, data.version)}, {t.system.started} <Time iso={data.startedAt} ago />
          </>
        )}
      </PageHead>
      <div className="stack">
        {overview === null ? null : <Health health={overview.health} />}
        {overview === null ? null : <Warnings warnings={overview.warnings} />}
        {data === null ? (
          <section className="panel">
            {error === null ? (
              <Skeleton />
            ) : (
              <LoadTrouble error={error} operation="showStatus" retry={reload} />
            )}
          </section>
        ) : (
          <>
            <Panel
              title={t.system.processes.title}
              mark={
                <span className="age">
                  {t.system.asOf} <Time iso={asOf} form={clockTime} />
                </span>
              }
            >
              <Processes status={data} />
            </Panel>
            <FailurePanel status={data} />
            <div className="cols c-11">
              <div className="stack">
                <DirectoryPanel status={data} />
                <MetricsPanel metrics={data.metrics} />
              </div>
              <div className="stack">
                <MailPanel status={data} />
                <CertificatePanel certificates={data.certificates} />
              </div>
            </div>
          </>
        )}
      </div>
    </>
  );
}
