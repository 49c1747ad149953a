// Owns the promises of the threads that answer questions to the read model: the same answers, two lanes, limits, a new file.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type {
  Asker,
  ModelQuestions,
  QuestionName,
  QuestionOf,
} from '../../src/api/questions/model-questions.ts';
import { ThreadedQuestions } from '../../src/api/questions/threaded-questions.ts';
import type { QuestionLimits } from '../../src/api/questions/threaded-questions.ts';
import { ModelFile } from '../../src/directory/read-model/model-file.ts';
import { ModelKeeper } from '../../src/directory/read-model/model-keeper.ts';
import { ModelReader } from '../../src/directory/read-model/model-reader.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { NOW, openOffice } from '../app/office.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { PATIENCE_MS } from '../support/checks/until.ts';
import { DirectQuestions } from '../support/servers/direct-questions.ts';
import { clientQuestions } from '../support/servers/client-questions.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-questions-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function officeStore(): Promise<DirectoryStore> {
  const store = await openOffice();
  onTestFinished(() => store.close());
  return store;
}

/** A file of the read model, kept as by a control process. */
async function keepModel(path: string, store: DirectoryStore, id = 'one'): Promise<ModelFile> {
  const file = ModelFile.open(path, { store: id, epoch: 1 });
  onTestFinished(() => file.close());
  await new ModelKeeper(store, file).build();
  return file;
}

const PATIENT = { waiting: 100, waitingOfOne: 30, deadlineMs: PATIENCE_MS };

function openThreads(path: string): ThreadedQuestions {
  const questions = new ThreadedQuestions({ path, domains: [] }, { quick: PATIENT, slow: PATIENT });
  onTestFinished(() => questions.close());
  return questions;
}

const FIRST = { sort: [], limit: 50, after: null };
const ASKED = { now: NOW, unseenSince: NOW, endsBefore: null };

const QUESTIONS: { readonly [Name in QuestionName]: QuestionOf<Name> } = {
  devices: { filter: { model: 'iphone*', reasons: ['*'] }, request: FIRST },
  users: { filter: {}, request: FIRST },
  decisions: { filter: {}, request: FIRST, now: NOW },
  confirmedAt: null,
  reportRows: { name: 'inventory', asked: ASKED, limit: 3, after: null },
  attributes: null,
  seenPhones: null,
  phoneKinds: [
    { device: 'none', user: null },
    { device: null, user: null },
  ],
  namesLike: ['anna' as UserKey],
  devicesOf: ['anna' as UserKey],
  deviceCounts: { filter: {}, now: NOW },
  tiles: { now: NOW },
  reportCounts: { name: 'inventory', asked: ASKED },
  pairReport: { name: 'duplicates', now: NOW, limit: 1 },
  pairFile: { name: 'near-misses', now: NOW },
  matchedDevices: { filter: { states: ['allowed'] } },
};

describe('questions in threads', () => {
  it('are answered as in the calling thread', async () => {
    const path = join(folder, 'model.db');
    const store = await officeStore();
    const file = await keepModel(path, store);
    const direct: ModelQuestions = new DirectQuestions(new ModelReader(file.database, store.names));
    const threads: ModelQuestions = openThreads(path);
    for (const name of Object.keys(QUESTIONS) as QuestionName[])
      expect([name, await threads.ask(name, QUESTIONS[name])]).toEqual([
        name,
        await direct.ask(name, QUESTIONS[name]),
      ]);
    expect((await threads.ask('devices', { filter: {}, request: FIRST })).rows).not.toEqual([]);
  });

  it('fail with the codes of use cases', async () => {
    const path = join(folder, 'model.db');
    await keepModel(path, await officeStore());
    const threads = openThreads(path);
    await expect(
      threads.ask('devices', { filter: { states: ['no such state'] }, request: FIRST }),
    ).rejects.toMatchObject({ code: 'EASGATE_FILTER' });
  });

  it('fail while there is no model, and read the new file once it is whole', async () => {
    const path = join(folder, 'model.db');
    const threads = openThreads(path);
    await expect(threads.ask('seenPhones', null)).rejects.toMatchObject({ code: 'EASGATE_NO_READ_MODEL' });
    const store = await officeStore();
    const first = await keepModel(path, store);
    expect(await threads.ask('seenPhones', null)).toBeGreaterThan(0);
    first.close();
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
    await expect(threads.ask('seenPhones', null)).rejects.toMatchObject({ code: 'EASGATE_NO_READ_MODEL' });
    await keepModel(path, store, 'two');
    expect(await threads.ask('seenPhones', null)).toBeGreaterThan(0);
  });
});

describe('threads that stand in a long query', () => {
  const shared = new Int32Array(new SharedArrayBuffer(12));
  beforeEach(() => {
    shared.fill(0);
  });

  function openHeld(limits: Partial<QuestionLimits> = {}): ThreadedQuestions {
    const data = { path: '', domains: [], shared };
    const usual = { waiting: 9, waitingOfOne: 9, deadlineMs: 1e8 };
    const all = { quick: usual, slow: usual, ...limits };
    const questions = new ThreadedQuestions(data, all, new URL('held-thread.ts', import.meta.url));
    onTestFinished(async () => {
      release();
      await questions.close();
    });
    return questions;
  }

  /** Until so many questions were begun; `place`: which of them count, see HeldThreadData. */
  async function begun(count: number, place = 1): Promise<void> {
    for (let seen = Atomics.load(shared, place); seen < count; seen = Atomics.load(shared, place))
      await Atomics.waitAsync(shared, place, seen).value;
  }

  const begunQuick = (count: number): Promise<void> => begun(count, 2);

  function release(): void {
    Atomics.store(shared, 0, 1);
    Atomics.notify(shared, 0);
  }

  const count = (questions: ThreadedQuestions, asker?: Asker): Promise<unknown> =>
    questions.ask('deviceCounts', QUESTIONS.deviceCounts, asker);

  it('leave a thread free for quick questions, whatever waits', async () => {
    const questions = openHeld();
    const slow = [count(questions), count(questions), count(questions)];
    await begun(1);
    const quick = questions.ask('seenPhones', null);
    // The other thread begins it, and not the next count.
    await begunQuick(1);
    release();
    expect(await quick).toBe('seenPhones');
    expect(await Promise.all(slow)).toEqual(['deviceCounts', 'deviceCounts', 'deviceCounts']);
  });

  it('answer quick questions in both threads while no slow one waits', async () => {
    const questions = openHeld();
    const quick = [questions.ask('seenPhones', null), questions.ask('confirmedAt', null)];
    await begun(2);
    release();
    expect(await Promise.all(quick)).toEqual(['seenPhones', 'confirmedAt']);
  });

  it('refuse more questions than may wait', async () => {
    const questions = openHeld({ slow: { waiting: 1, waitingOfOne: 9, deadlineMs: 1e8 } });
    const first = count(questions);
    const second = count(questions);
    await expect(count(questions)).rejects.toMatchObject({ code: 'EASGATE_API_LISTS_BUSY', retryAfter: 5 });
    release();
    await Promise.all([first, second]);
  });

  it('do not answer a question whose client left', async () => {
    const questions = openHeld();
    const first = count(questions);
    await begun(1);
    const leaving = new AbortController();
    const [waiting, running] = [count(questions, leaving), questions.ask('seenPhones', null, leaving)];
    await begun(2);
    leaving.abort();
    await expect(waiting).rejects.toThrow('aborted');
    await expect(running).rejects.toThrow('aborted');
    await expect(count(questions, leaving)).rejects.toThrow('aborted');
    release();
    await first;
    // The one that waited was not begun.
    expect(await count(questions)).toBe('deviceCounts');
    expect(Atomics.load(shared, 1)).toBe(3);
  });

  it('end at the deadline, and others take their place', async () => {
    const questions = openHeld({ slow: { waiting: 9, waitingOfOne: 9, deadlineMs: 20 } });
    await expect(count(questions)).rejects.toMatchObject({ code: 'EASGATE_API_LISTS_BUSY' });
    const quick = [questions.ask('seenPhones', null), questions.ask('seenPhones', null)];
    await begunQuick(2);
    release();
    expect(await Promise.all(quick)).toEqual(['seenPhones', 'seenPhones']);
  });

  it('fail their question when they end by themselves, and the next one starts another', async () => {
    const questions = openHeld();
    release();
    await expect(questions.ask('tiles', { now: 0 })).rejects.toMatchObject({
      code: 'EASGATE_API_UNAVAILABLE',
      cause: { message: 'out of memory' },
    });
    expect(await count(questions)).toBe('deviceCounts');
  });

  it('end with the API: what has no answer fails', async () => {
    const questions = openHeld();
    const open = [count(questions), count(questions)];
    const outcomes = Promise.allSettled(open);
    await begun(1);
    await questions.close();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'EASGATE_API_UNAVAILABLE' } });
    await expect(count(questions)).rejects.toMatchObject({ code: 'EASGATE_API_UNAVAILABLE' });
  });

  it('are 503 with Retry-After when too many wait', async () => {
    const questions = openHeld({ quick: { waiting: 0, waitingOfOne: 9, deadlineMs: 1e8 } });
    const api = await openTestApi({ parts: { model: () => questions } });
    const answer = await api.send('viewer', '/api/v1/devices');
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.json).toMatchObject({ code: 'EASGATE_API_LISTS_BUSY' });
  });
});

describe('a client that leaves', () => {
  it.each(['/api/v1/devices', '/api/v1/export/devices', '/api/v1/reports/duplicates'])(
    'ends what it asked for: %s',
    async (path) => {
      const asked = Promise.withResolvers<AbortSignal | undefined>();
      const still = clientQuestions((_name, _question, { signal } = {}) => {
        asked.resolve(signal);
        return new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason)),
        );
      });
      const api = await openTestApi({ parts: { model: () => still } });
      const leaving = new AbortController();
      const answer = fetch(api.url + path, {
        headers: { authorization: `Bearer ${api.token('viewer')}` },
        signal: leaving.signal,
      });
      const signal = await asked.promise;
      const left = once(signal ?? leaving.signal, 'abort');
      expect(signal?.aborted).toBe(false);
      leaving.abort();
      await expect(answer).rejects.toThrow('aborted');
      await left;
    },
  );

  it('ends the pages of its file', async () => {
    const asked = Promise.withResolvers<AbortSignal | undefined>();
    let pages = 0;
    const endless = clientQuestions(async (_name, _question, { signal } = {}) => {
      pages++;
      if (pages === 1) return { rows: [], next: 'more', confirmedAt: NOW } as never;
      asked.resolve(signal);
      return new Promise((_resolve, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason)),
      );
    });
    const api = await openTestApi({ parts: { model: () => endless } });
    const leaving = new AbortController();
    const answer = await fetch(`${api.url}/api/v1/export/devices`, {
      headers: { authorization: `Bearer ${api.token('viewer')}` },
      signal: leaving.signal,
    });
    const signal = await asked.promise;
    const left = once(signal ?? leaving.signal, 'abort');
    leaving.abort();
    await expect(answer.text()).rejects.toThrow('aborted');
    await left;
    expect(pages).toBe(2);
  });
});
