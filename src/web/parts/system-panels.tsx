// Owns the panels of the system below its processes: directory and lists, mail servers, certificates, metrics.
import type { ReactElement, ReactNode } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { OLD_STATE_MS } from '../../api/contract/state-age.ts';
import { number, size } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { extentText } from './extent-fields.tsx';
import type { Extent } from './extent-fields.tsx';
import { Icon } from './icon.tsx';
import { Pair } from './pair.tsx';
import { Panel } from './panel.tsx';
import { Age, Dash, Time } from './time.tsx';

type Status = AnswerOf<'showStatus'>;

const DAY_MS = 86_400_000;
const SOON_DAYS = 30;

const there = ({ workers }: Status): NonNullable<Status['workers'][number]>[] =>
  workers.filter((worker) => worker !== null);

function storeText(status: Status): ReactNode {
  const texts = t.system.directory;
  const workers = there(status);
  const [first] = workers;
  if (first === undefined) return texts.unknown;
  const away = workers.filter(({ health }) => !health.store).length;
  const name = texts.stores[first.store] ?? first.store;
  const refuses = workers.some(({ health }) => typeof health.storeRefusal === 'string');
  if (away === 0 && !refuses) return `${name}, ${texts.answers}`;
  return (
    <span className="age stale">
      <Icon name="warn" />
      {name}, {away === 0 ? texts.noChanges : texts.away(texts.workers(away, number(away)))}
    </span>
  );
}

interface InUse {
  readonly version: number;
  readonly name: string | null;
}

function policyText(status: Status): string {
  const texts = t.system.directory;
  const { policy } = status;
  if (policy !== null && policy.file !== null)
    return texts.policyFile(policy.name ?? texts.noName, policy.file);
  const policies = there(status)[0]?.['policies'] as
    | { readonly live: InUse | null; readonly rollout?: (InUse & Extent) | null }
    | undefined;
  const { live = null, rollout = null } = policies ?? {};
  const everybody =
    live === null ? texts.policyNone : texts.policyStored(number(live.version), live.name ?? texts.noName);
  if (rollout === null) return everybody;
  return `${everybody}; ${texts.policyRollout(number(rollout.version), extentText(rollout))}`;
}

/** Store, policy, lists, leader. */
export function DirectoryPanel({ status }: { status: Status }): ReactElement {
  const texts = t.system.directory;
  const { readModel, leader } = status.control;
  const position = there(status)[0]?.position ?? null;
  return (
    <Panel title={texts.title}>
      <dl className="kv body">
        <Pair title={texts.store}>{storeText(status)}</Pair>
        <Pair title={texts.position}>
          <span className="mono">{position ?? <Dash />}</span>
        </Pair>
        <Pair title={texts.policy}>{policyText(status)}</Pair>
        <Pair title={texts.model}>
          {texts.phases[readModel.phase] ?? readModel.phase}
          {readModel.trouble === null ? null : (
            <span className="age stale wraps">
              <Icon name="warn" />
              {readModel.trouble}
            </span>
          )}
        </Pair>
        <Pair title={texts.rows}>{number(readModel.rows)}</Pair>
        <Pair title={texts.size}>{readModel.bytes === null ? <Dash /> : size(readModel.bytes)}</Pair>
        <Pair title={texts.age}>
          {readModel.ageMs === null ? (
            <Dash />
          ) : (
            <Age ms={readModel.ageMs} stale={readModel.ageMs > OLD_STATE_MS} />
          )}
          {readModel.position === null ? null : (
            <span className="t3">
              {', '}
              {texts.position} <span className="mono">{readModel.position}</span>
            </span>
          )}
        </Pair>
        <Pair title={texts.seenAge}>
          {readModel.seenAgeMs === null ? <Dash /> : <Age ms={readModel.seenAgeMs} />}
        </Pair>
        <Pair title={texts.leader}>
          {leader.isLeader ? texts.isLeader : (leader.holder ?? texts.noLeader)}
          {leader.fence === null ? null : <span className="t3">, {texts.fence(number(leader.fence))}</span>}
        </Pair>
      </dl>
    </Panel>
  );
}

/** The servers of the configuration, and how many of them each worker uses. */
export function MailPanel({ status }: { status: Status }): ReactElement {
  const texts = t.system.mail;
  const { mailServers } = status;
  return (
    <Panel title={texts.title}>
      <div className="body stack">
        {mailServers.length === 0 ? (
          <p className="t2 sm">{texts.none}</p>
        ) : (
          <p className="sm break">{mailServers.join(', ')}</p>
        )}
        <dl className="kv">
          {status.workers.map((worker, place) => {
            const usable = worker?.counters['mailServersUsable'] ?? null;
            const isBad =
              worker === null ||
              !worker.health.mailServer ||
              (usable !== null && usable < mailServers.length);
            return (
              <Pair
                key={worker?.pid ?? `silent ${place}`}
                title={t.system.processes.worker(number(place + 1))}
              >
                <span className={isBad ? 'age stale' : undefined}>
                  {isBad ? <Icon name="warn" /> : null}
                  {worker === null
                    ? t.system.processes.silent
                    : usable === null
                      ? t.system.unknown
                      : texts.usable(number(usable), number(mailServers.length))}
                </span>
              </Pair>
            );
          })}
        </dl>
        <p className="hint">{texts.each}</p>
      </div>
    </Panel>
  );
}

/** The next to end first, with the days that are left. */
export function CertificatePanel({ certificates }: Pick<Status, 'certificates'>): ReactElement {
  const texts = t.system.certificates;
  const now = Date.now();
  return (
    <Panel title={texts.title}>
      {certificates.length === 0 ? <p className="body t2 sm">{texts.none}</p> : null}
      <ul className="list certs">
        {certificates.map(({ place, name, endsAt }, index) => {
          const days = Math.floor((Date.parse(endsAt) - now) / DAY_MS);
          const text = days < 0 ? texts.ended : texts.left(texts.days(days, number(days)));
          return (
            <li key={`${place} ${index}`}>
              <span className="break">
                <b>{name}</b> <span className="t3 sm">{place}</span>
              </span>
              <span className={days < SOON_DAYS ? 'age stale' : 'age'} title={endsAt}>
                {days < SOON_DAYS ? <Icon name="warn" /> : null}
                {text}, <Time iso={endsAt} />
              </span>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

/** Where numbers for Prometheus are. */
export function MetricsPanel({ metrics }: Pick<Status, 'metrics'>): ReactElement {
  const texts = t.system.metrics;
  return (
    <Panel title={texts.title}>
      <p className="body sm break">{metrics === null ? texts.off : texts.at(metrics)}</p>
    </Panel>
  );
}
