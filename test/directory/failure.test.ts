// Owns the promise that an error of Redis, as its library throws it while a command runs, becomes a code and a message that says what to do.
import { expect, it } from 'vitest';
import { failureOf, redisFailure, withRemedy } from '../../src/directory/failure.ts';

/** As the parser of replies makes it. */
function replied(text: string): Error {
  return Object.assign(new Error(text), { name: 'ReplyError' });
}

it.each([
  ['LOADING Redis is loading the dataset in memory', 'still loads'],
  ["READONLY You can't write against a read only replica.", 'store.sentinels'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'memory is used up'],
  ['ERR Error running script (call to f_0a): @user_script:7: -OOM command not allowed', 'memory is used up'],
  ['MISCONF Redis is configured to save RDB snapshots', 'disk'],
  ['NOREPLICAS Not enough good replicas to write.', 'replicas'],
  ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'lost its primary'],
  ['NOAUTH Authentication required.', 'password'],
  ["NOPERM this user has no permissions to run the 'evalsha' command", 'SECURITY.md'],
  ['CLUSTERDOWN Hash slot not served', '--cluster check'],
  ['TRYAGAIN Multiple keys request during rehashing of slot', 'is being moved'],
  ['MOVED 3999 10.0.0.1:6379', 'store.cluster'],
  ['BUSY Redis is busy running a script.', 'try again later'],
  ['WRONGTYPE Operation against a key holding the wrong kind of value', 'check --store'],
  ["ERR unknown command 'EVALSHA'", 'older than'],
])('%s: the reply stays, and what to do follows', (text, words) => {
  const { code, message } = failureOf(replied(text));
  expect(code).toBe('EASGATE_STORE_REFUSED');
  const reply = text.replace(/\.$/, '');
  expect(message).toContain(`${reply}; `);
  expect(message.slice(message.indexOf(reply) + reply.length)).toContain(words);
});

it.each([
  'Command timed out',
  'Connection is closed.',
  "Stream isn't writeable and enableOfflineQueue options is false",
  'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
  'no node of the Redis Cluster answers',
])('%s: says that a change may have been made', (text) => {
  expect(failureOf(new Error(text))).toMatchObject({
    code: 'EASGATE_REDIS',
    message: expect.stringContaining('A change may have been made') as string,
  });
});

it('a slot that is moved for too long is no defect', () => {
  const error = new Error('Too many Cluster redirections. Last error: ReplyError: TRYAGAIN Multiple keys');
  expect(failureOf(error)).toMatchObject({
    code: 'EASGATE_REDIS',
    message: expect.stringContaining('a slot is being moved') as string,
  });
});

it('other errors keep their code and their message, also those that quote Redis', () => {
  expect(redisFailure(new Error('x: Command timed out'))).toBeNull();
  expect(redisFailure('Command timed out')).toBeNull();
  expect(failureOf(Object.assign(new Error('full'), { code: 'EASGATE_STORE_FULL' }))).toEqual({
    code: 'EASGATE_STORE_FULL',
    message: 'full',
  });
  expect(failureOf(new Error('x'))).toEqual({ code: 'EASGATE_FAILED', message: 'x' });
  expect(withRemedy('ERR something else.')).toBe('ERR something else.');
});
