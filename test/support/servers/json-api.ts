// Owns a double of a JSON API with pages, of its sign-in, and of the failures that such servers have.
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SERVER_CERTIFICATE, SERVER_KEY } from '../../fixtures/tls.ts';
import { closeServer, listenLocally } from './local-server.ts';

/** A request, as it came. */
export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** An answer. `how`: `hang` = none, `cut` = the body ends early. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
  /** The body as it is, in place of `body`. */
  readonly raw?: string | Buffer;
  readonly how?: 'hang' | 'cut';
}

/** The double. */
export interface JsonApi {
  readonly url: string;
  /** Requests so far, but for those for a token. */
  readonly asked: Asked[];
  /** Forms and Authorization headers of requests for a token. */
  readonly signIns: { readonly form: URLSearchParams; readonly authorization: string | undefined }[];
  /** Answers a request; the place counts from 1. */
  answer: (request: Asked, place: number) => Answer;
  close(): Promise<void>;
}

/** Starts it on a free port, with TLS for localhost. */
export async function startJsonApi(): Promise<JsonApi> {
  const server = createServer({ cert: SERVER_CERTIFICATE, key: SERVER_KEY }, (request, response) => {
    void handle(double, request, response);
  });
  const port = await listenLocally(server);
  const double: JsonApi = {
    url: `https://localhost:${port}`,
    asked: [],
    signIns: [],
    answer: () => ({ body: [] }),
    close: () => closeServer(server),
  };
  return double;
}

async function handle(double: JsonApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const piece of request) body += String(piece);
  const { method = '', url: target = '', headers } = request;
  if (target === '/token') {
    double.signIns.push({ form: new URLSearchParams(body), authorization: headers.authorization });
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        access_token: `token-${double.signIns.length}`,
        token_type: 'Bearer',
        expires_in: 3600,
      }),
    );
    return;
  }
  const asked = { method, target, headers, body };
  double.asked.push(asked);
  const answer = double.answer(asked, double.asked.length);
  if (answer.how === 'hang') return;
  const text = answer.raw ?? JSON.stringify(answer.body ?? null);
  const bytes = Buffer.from(text);
  response.writeHead(answer.status ?? 200, {
    'content-type': 'application/json',
    'content-length': String(bytes.length),
    ...answer.headers,
  });
  if (answer.how !== 'cut') response.end(answer.status === 304 ? undefined : bytes);
  else response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
}
