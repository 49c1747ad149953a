// Threat: a token or session that is revoked while its request is under way goes on all the same: a file that is read slowly, a body
// that is sent slowly, an open stream (CWE-613).
import { once } from 'node:events';
import { request as send } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SignIn } from '../../src/api/auth/sign-in.ts';
import type { ModelQuestions } from '../../src/api/questions/model-questions.ts';
import { openOfficeToday } from '../app/office.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { clientQuestions } from '../support/servers/client-questions.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';

checkLeaks();

const TIMES = { heartbeatMs: 600_000, checkMs: 1, slowMs: 600_000 };

/** Begins a request; its body follows by hand. */
function begin(
  api: TestApi,
  token: string,
  path: string,
  method: string,
  type: string,
  length: number,
): ClientRequest {
  const begun = send(`${api.url}/api/v1${path}`, {
    method,
    agent: false,
    headers: { authorization: `Bearer ${token}`, 'content-type': type, 'content-length': length },
  });
  begun.flushHeaders();
  onTestFinished(() => void begun.destroy());
  return begun;
}

/** Resolves once a request with the only token was let in. */
async function letIn(api: TestApi): Promise<void> {
  await until(() => api.admin.tokens()[0]?.lastUsedAt !== null, 'the head to be let in');
}

function revoke(api: TestApi): void {
  for (const { id } of api.admin.tokens()) api.admin.removeToken(id);
}

async function answerOf(begun: ClientRequest): Promise<{ readonly status: number; readonly text: string }> {
  const [answer] = (await once(begun, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of answer.setEncoding('utf8')) text += part as string;
  return { status: answer.statusCode ?? 0, text };
}

describe('a token that is revoked', () => {
  it('between the head and the body of a change makes no change', async () => {
    const api = await openTestApi({ store: await openOfficeToday() });
    const body = JSON.stringify({ action: 'allow' });
    const token = api.token('operator');
    const begun = begin(api, token, '/devices/GOOD1/decision', 'PUT', 'application/json', body.length);
    await letIn(api);
    revoke(api);
    begun.end(body);
    expect(await answerOf(begun)).toMatchObject({
      status: 401,
      text: expect.stringContaining('EASGATE_API_UNAUTHENTICATED') as string,
    });
    expect(api.audited).toEqual([]);
  });

  it('while a file is sent imports nothing of it', async () => {
    const api = await openTestApi();
    const file = '{"type":"device","id":"LATE1","compliant":true}\n';
    const token = api.token('operator');
    const begun = begin(
      api,
      token,
      '/import?format=ndjson&source=test',
      'POST',
      'application/octet-stream',
      file.length,
    );
    begun.write(file.slice(0, 10));
    await letIn(api);
    revoke(api);
    begun.end(file.slice(10));
    expect((await answerOf(begun)).status).toBe(401);
    expect((await api.store.getDevice('late1' as never))?.record ?? null).toBeNull();
  });

  it('while an export is read ends the export', async () => {
    const page = Promise.withResolvers<undefined>();
    let pages = 0;
    const model = clientQuestions((async () => {
      pages += 1;
      if (pages > 1) await page.promise;
      // Timers have their turn between two pages, of which there is no last one.
      await turn();
      return { rows: [], next: 'more' };
    }) as ModelQuestions['ask']);
    const api = await openTestApi({ parts: { model: () => model, streamTimes: TIMES } });
    const begun = send(`${api.url}/api/v1/export/devices`, {
      agent: false,
      headers: { authorization: `Bearer ${api.token('viewer')}` },
    }).end();
    const [answer] = (await once(begun, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    const ended = once(answer.resume(), 'end');
    await until(() => pages === 2, 'the second page');
    revoke(api);
    page.resolve(undefined);
    await expect(ended).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('a session', () => {
  it('whose owner only left a stream open ends as idle', async () => {
    const api = await openTestApi({ admin: { idleMinutes: 10 }, parts: { streamTimes: TIMES } });
    const signedIn = await api.send(null, '/api/v1/session', {
      method: 'POST',
      body: { token: api.token('viewer') },
      headers: { origin: api.url },
    });
    const cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    const begun = send(`${api.url}/api/v1/journal/stream`, { agent: false, headers: { cookie } }).end();
    onTestFinished(() => void begun.destroy());
    const [answer] = (await once(begun, 'response')) as [IncomingMessage];
    answer.resume();
    const [session] = api.admin.sessions(Date.now());
    // As after five minutes: a request would count as a use now.
    const usedAt = Date.now() - 300_000;
    api.admin.useSession(session?.id ?? '', usedAt);
    const looked = Promise.withResolvers<undefined>();
    const read = api.admin.session.bind(api.admin);
    let looks = 0;
    Object.assign(api.admin, {
      session: (hash: string) => {
        looks += 1;
        if (looks === 3) looked.resolve(undefined);
        return read(hash);
      },
    });
    await looked.promise;
    expect(api.admin.sessions(Date.now())[0]?.lastUsedAt).toBe(usedAt);
    api.admin.useSession(session?.id ?? '', Date.now() - 601_000);
    await once(answer, 'end');
  });
});

it('a token that is only looked at is not used', async () => {
  const api = await openTestApi();
  const signIn = new SignIn(api.admin, { idleMs: 60_000, longestMs: 600_000 }, () => undefined);
  expect(signIn.bearer(api.token('viewer'), Date.now(), false)?.role).toBe('viewer');
  expect(api.admin.tokens()[0]?.lastUsedAt).toBeNull();
});
