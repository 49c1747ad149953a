// Owns the standing warnings of the overview: what an operator should not forget, since when, and where one can do something.
import type { FeedHealth } from '../../app/feed-runs/schedule.ts';
import type { CertificateRemark } from '../../config/certificate-checks.ts';
import type { ControlStatus } from '../../supervisor/control-messages.ts';
import { answeringWorkers } from '../../supervisor/status-server.ts';
import type { GatewayStatus } from '../../supervisor/status-server.ts';
import { refusalWarning } from '../../supervisor/store-refusal.ts';

/** One warning. Times: milliseconds since the epoch. */
export interface StandingWarning {
  readonly code: string;
  readonly text: string;
  /** Null = not known. */
  readonly since: number | null;
  /** Of the dashboard; null = none. */
  readonly page: string | null;
}

/** Where warnings come from; null = it does not answer. */
export interface WarningSources {
  readonly status: GatewayStatus | null;
  readonly control: ControlStatus | null;
  readonly feeds: readonly FeedHealth[];
  readonly remarks: readonly CertificateRemark[];
}

const MOST = 50;

/** The warnings of one gateway: it remembers since when each is there. */
export class Warnings {
  private since = new Map<string, number>();

  list(sources: WarningSources, now: number): StandingWarning[] {
    const found = [...new Map(warningsOf(sources).map((one) => [one.text, one])).values()].slice(0, MOST);
    // Those of the first call began before it: since when is not known.
    const isFirst = this.since.size === 0;
    const since = new Map(
      found.map(({ text }) => [text, this.since.get(text) ?? (isFirst ? Number.NaN : now)]),
    );
    this.since = since;
    return found.map((one) => {
      const at = one.since ?? since.get(one.text) ?? now;
      return { ...one, since: Number.isNaN(at) ? null : at };
    });
  }
}

const of =
  (code: string, page: string | null) =>
  (text: string): StandingWarning => ({ code, text, since: null, page });

function warningsOf({ status, control, feeds, remarks }: WarningSources): StandingWarning[] {
  const workers = answeringWorkers(status);
  const refusal = refusalWarning(workers);
  const policies = new Set(
    workers.flatMap(({ policies: { live, rollout } }) => [
      ...(live?.warnings ?? []),
      ...(rollout?.warnings ?? []),
    ]),
  );
  return [
    ...(status === null ? [of('EASGATE_NO_ANSWER', 'system')('the primary process does not answer')] : []),
    ...(refusal === null ? [] : [of('EASGATE_STORE_UNWRITABLE', 'system')(refusal)]),
    ...(control?.readModel.trouble === null || control === null
      ? []
      : [
          of(
            'EASGATE_READ_MODEL',
            'system',
          )(`the lists are not kept up to date: ${control.readModel.trouble}`),
        ]),
    ...feeds.flatMap(feedWarning),
    ...remarks.map(({ place, text }) => of('EASGATE_CERTIFICATE_CHECK', 'system')(`${place}: ${text}`)),
    ...[...policies].map(of('EASGATE_POLICY_WARNING', 'policy')),
    ...(control?.warnings ?? []).map(of('EASGATE_POLICY_NAMES', 'policy')),
    ...(control?.endingExceptions ?? []).map(
      of('EASGATE_EXCEPTIONS_END', 'reports/exceptions?endsWithin=7d'),
    ),
    ...(status?.warnings ?? []).map(of('EASGATE_CONFIG_WARNING', 'system')),
  ];
}

function feedWarning({ name, state, remembered }: FeedHealth): StandingWarning[] {
  const { held, error, lastSuccessAt } = remembered;
  const page = 'feeds';
  if (held !== null)
    return [
      {
        code: 'EASGATE_HELD',
        text: `feed ${name} is held: ${held.reasons.join('; ')}`,
        since: held.at,
        page,
      },
    ];
  if (state === 'stale')
    return [
      {
        code: 'EASGATE_FEED_STALE',
        text: `feed ${name} is stale${error === null ? '' : `: ${error.message}`}`,
        since: lastSuccessAt,
        page,
      },
    ];
  if (error !== null)
    return [{ code: error.code, text: `feed ${name} fails: ${error.message}`, since: error.at, page }];
  return [];
}
