// Owns a reader of server-sent events for tests, over a real socket.
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';
import { until } from '../checks/until.ts';

/** An open stream. */
export interface EventReader {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** What came in so far. */
  text(): string;
  /** The events so far: id and data. */
  events(): { readonly id: string | null; readonly data: unknown }[];
  /** Whether the server ended it. */
  isEnded(): boolean;
  /** Takes nothing more. */
  pause(): void;
  close(): void;
}

/** Opens a stream; it is closed when the test ends. */
export async function readEvents(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<EventReader> {
  const outgoing = request(url, { headers, agent: false });
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
    outgoing.end();
  });
  let text = '';
  let isEnded = false;
  incoming.setEncoding('utf8');
  incoming.on('data', (part: string) => (text += part));
  incoming.on('close', () => (isEnded = true));
  incoming.on('error', () => (isEnded = true));
  outgoing.on('error', () => (isEnded = true));
  const close = (): void => void outgoing.destroy();
  onTestFinished(async () => {
    close();
    incoming.resume();
    await until(() => isEnded);
  });
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    text: () => text,
    isEnded: () => isEnded,
    pause: () => void incoming.pause(),
    close,
    events: () =>
      text
        .split('\n\n')
        .slice(0, -1)
        .flatMap((part) => {
          const data = /^data: (.*)$/m.exec(part)?.[1];
          if (data === undefined) return [];
          return [{ id: /^id: (.*)$/m.exec(part)?.[1] ?? null, data: JSON.parse(data) as unknown }];
        }),
  };
}
