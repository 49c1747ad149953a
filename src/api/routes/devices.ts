// Owns the routes of devices: lists, details, manual decisions, wipes.
import { createHash } from 'node:crypto';
import { monotonicNow } from '../../clock.ts';
import { clearDecision, decide } from '../../app/decide.ts';
import { decidedOn } from '../../app/write-decision.ts';
import { explainAccess } from '../../app/explain-access.ts';
import { explainedDocument } from '../../app/explain-access-json.ts';
import { showDevice } from '../../app/device-details.ts';
import { parseSort } from '../../app/list-pages.ts';
import { parseDevice } from '../../app/names.ts';
import { policiesInUse } from '../../app/policy-versions.ts';
import { exactIsoTime, parseIsoMomentToCome } from '../../app/times.ts';
import { orderWipe, planWipe } from '../../app/wipe.ts';
import type { WipePlan } from '../../app/wipe.ts';
import { standingOfDevice } from '../../app/standing.ts';
import { successionAt } from '../../app/successors.ts';
import type { DirectoryStore } from '../../directory/store.ts';
import { isWipe } from '../../model/wipe.ts';
import { hasRole } from '../auth/principal.ts';
import { OPERATIONS } from '../contract/paths.ts';
import type { ApiParts } from '../api-parts.ts';
import { ApiError } from '../problems.ts';
import { AnswerCache } from '../answer-cache.ts';
import { deviceFilterOf } from './filters.ts';
import { route } from './route.ts';
import type { Call, Route } from './route.ts';

/** The routes. */
export function deviceRoutes(parts: ApiParts): Route[] {
  const counted = new AnswerCache<object>(monotonicNow);
  return [
    route('listDevices', async ({ query }, { now, asker }) => {
      const { sort, limit, after, ...filter } = query;
      const request = { sort: parseSort(sort), limit, after: after ?? null };
      const { rows, next, confirmedAt } = await parts
        .model()
        .ask('devices', { filter: deviceFilterOf(filter, now), request }, asker);
      return { rows, next, asOf: exactIsoTime(confirmedAt) };
    }),
    route('countDevices', async ({ query }, { now, principal: { id } }) => {
      const model = parts.model();
      const filter = deviceFilterOf(query, now);
      return counted.answer(JSON.stringify(query), () => model.ask('deviceCounts', { filter, now }, { id }));
    }),
    route('showDevice', async ({ params }, { tag, now }) => {
      const store = parts.store();
      const details = await showDevice(store, params.device);
      tag(await decisionTag(store, params.device));
      const standing = await standingOfDevice(store, parts.config, details, now);
      return { ...details, ...(await successionAt(store, details.key)), ...standing };
    }),
    route('explainAccess', async ({ params, query }, { now }) => {
      const store = parts.store();
      const active = await policiesInUse(store, parts.config);
      return explainedDocument(
        await explainAccess(store, active, { device: params.device, user: query.user }, now),
        parts.config,
      );
    }),
    route('decide', async ({ params, body }, call) => {
      const store = parts.store();
      const { action, reason, user, expiresAt, dryRun } = body;
      const { now } = call;
      const origin = { ...call.origin, dryRun };
      const decision = {
        action,
        owner: origin.by,
        reason,
        decidedAt: now,
        expiresAt: parseIsoMomentToCome(expiresAt, now),
      };
      const result = await decide(store, { device: params.device, user }, decision, origin, parts.audit, () =>
        mayChange(store, params.device, call),
      );
      call.tag(await decisionTag(store, params.device));
      return result;
    }),
    route('clearDecision', async ({ params, query }, call) => {
      const store = parts.store();
      const { user, force = false } = query;
      const subject = { device: params.device, user };
      const result = await clearDecision(store, subject, { ...call.origin, force }, parts.audit, () =>
        mayChange(store, params.device, call),
      );
      call.tag(await decisionTag(store, params.device));
      return result;
    }),
    route('planWipe', async ({ params, query }) => {
      const { user, allUsers = false, accountOnly = false } = query;
      const request = { device: params.device, user, allUsers, accountOnly, reason: 'preview' };
      return planView(await planWipe(parts.store(), request));
    }),
    route('orderWipe', async ({ params, body }, call) => {
      const store = parts.store();
      const { confirm, ...request } = body;
      const plan = await planWipe(store, { ...request, device: params.device });
      // After the plan: a decision that changes later is EASGATE_CHANGED.
      await mustMatch(store, params.device, call);
      const by = { owner: call.principal.name, via: 'api', confirmation: confirm };
      return { user: plan.user, decision: await orderWipe(store, plan, by, parts.audit) };
    }),
  ];
}

/** What a wipe would do. */
function planView({ named, reason: _reason, ...plan }: WipePlan): object {
  return { ...plan, users: named.map(({ record }) => record.user) };
}

/** ETag of the decisions on a device: it is another one after each change of them (RFC 9110 8.8.3). */
async function decisionTag(store: DirectoryStore, device: string): Promise<string> {
  const decided = await decidedOn(store, parseDevice(device));
  const hash = createHash('sha256').update(JSON.stringify(decided)).digest('base64url');
  return `"${hash.slice(0, 22)}"`;
}

/** A wipe is taken back by those who may order one. @throws ApiError */
async function mayChange(store: DirectoryStore, device: string, call: Call): Promise<void> {
  await mustMatch(store, device, call);
  const role = OPERATIONS.orderWipe.role ?? 'admin';
  if (hasRole(call.principal.role, role)) return;
  const decided = await decidedOn(store, parseDevice(device));
  if (decided.some(({ decision }) => isWipe(decision)))
    throw new ApiError(
      'EASGATE_API_FORBIDDEN',
      `a wipe of the device was ordered: to take it back needs the role ${role}`,
    );
}

async function mustMatch(store: DirectoryStore, device: string, call: Call): Promise<void> {
  call.mustMatch(await decisionTag(store, device));
}
