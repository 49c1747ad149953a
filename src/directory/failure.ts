// Owns the code and the message of a failure while a directory is used. Errors of Redis arrive as its library throws them: without a code, and
// without what to do. Pure.
import { codeOf, messageOf, withoutArguments } from '../caught-error.ts';

/** For people and scripts. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** What to do, by the first word of a reply (redis.io, and the text of errors within scripts, which Redis before 7 puts behind other words). */
const REMEDIES: readonly (readonly [reply: RegExp, words: string])[] = [
  [/\bLOADING\b/, 'it still loads its data: try again later'],
  [/\bMASTERDOWN\b/, 'it is a replica that lost its primary: repair it, or set store.url to the primary'],
  [/\bREADONLY\b/, 'it is a replica: set store.url to the primary, or name the Sentinels (store.sentinels)'],
  [/\bNOREPLICAS\b/, 'too few of its replicas are connected (min-replicas-to-write): start them'],
  [/\bOOM\b/, 'its memory is used up (maxmemory): give it more, or remove what does not belong there'],
  [/\bMISCONF\b/, 'it cannot save its data: free space on its disk, and look at its log'],
  [/\b(NOAUTH|WRONGPASS)\b/, 'it requires another password: check store.url or store.password'],
  [/\bNOPERM\b/, 'its user lacks a permission (ACL): SECURITY.md lists what easgate needs'],
  [/\bCLUSTERDOWN\b/, 'some slots have no node: look at `redis-cli --cluster check HOST:PORT`'],
  [
    /\b(TRYAGAIN|ASK|redirections)\b/,
    'a slot is being moved: try again when it has arrived (`redis-cli --cluster check HOST:PORT`)',
  ],
  [/\bMOVED\b/, 'it is a node of a Redis Cluster: name its nodes in store.cluster, without store.url'],
  [/\bBUSY\b/, 'a script of another program keeps it busy: try again later'],
  [
    /\bWRONGTYPE\b/,
    'another program wrote over a key of the directory: `easgate check --store` lists such records',
  ],
  [/unknown command/i, 'it is older than Redis 6.2, or its commands are renamed'],
];

/** Of the library, for a command that got no answer, or was never sent (ioredis 6). */
const UNANSWERED =
  /^(Command timed out|Connection is closed\.|Stream isn't writeable|Reached the max retries per request limit|Cluster isn't ready|Cluster is disconnect|None of startup nodes|Node is disconnected|Socket timeout\. Expecting data|Failed to refresh slots cache|no node of the Redis Cluster answers)/;

const MAY_HAVE_CHANGED = '. A change may have been made: look before you repeat it';

/** The message of a failure of work that only reads. */
export function withoutChange(message: string): string {
  return message.replace(MAY_HAVE_CHANGED, '');
}

/** The text of a reply, with what to do where that is known, and without the arguments of the command. */
export function withRemedy(written: string): string {
  const reply = withoutArguments(written);
  const words = REMEDIES.find(([pattern]) => pattern.test(reply))?.[1];
  return words === undefined ? reply : `${reply.replace(/\.$/, '')}; ${words}`;
}

/** An error that Redis replied, and no failure of the connection. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Of any error; `EASGATE_FAILED` = it has no code. */
export function failureOf(error: unknown): Failure {
  return redisFailure(error) ?? { code: codeOf(error, 'EASGATE_FAILED'), message: messageOf(error) };
}

/** Of an error as the library of Redis throws it; null = another one. */
export function redisFailure(error: unknown): Failure | null {
  if (!(error instanceof Error)) return null;
  const { message } = error;
  if (isReply(error))
    return {
      code: 'EASGATE_STORE_REFUSED',
      message: `Redis refused the command: ${withRemedy(message)}`,
    };
  if (message.startsWith('Too many Cluster redirections'))
    return { code: 'EASGATE_REDIS', message: withRemedy(message) };
  if (!UNANSWERED.test(message)) return null;
  return {
    code: 'EASGATE_REDIS',
    message: `Redis gave no answer (${messageOf(error)}): check that it runs and is not stuck${MAY_HAVE_CHANGED}`,
  };
}
