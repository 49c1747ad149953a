// Owns the bytes of the responses that the gateway writes itself. Pure.
import { ERRORS } from '../errors/request-errors.ts';
import type { HttpErrorCode } from '../errors/request-errors.ts';

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
};

/** `100 Continue` (RFC 9110 15.2.1). */
export const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** A whole response with an optional WBXML body, as latin1 text ready for one write. */
export function wbxmlReply(body: Buffer, keepAlive: boolean): string {
  const type = body.length === 0 ? '' : 'Content-Type: application/vnd.ms-sync.wbxml\r\n';
  return (
    'HTTP/1.1 200 OK\r\nCache-Control: private\r\n' +
    type +
    'Content-Length: ' +
    body.length +
    connectionLine(keepAlive) +
    body.toString('latin1')
  );
}

/** A whole response with a text body in UTF-8, as latin1 text ready for one write; it forbids caching. */
export function textReply(status: number, type: string, text: string, keepAlive: boolean): string {
  const body = Buffer.from(text, 'utf8');
  const headers = `Cache-Control: private, no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Type: ${type}\r\n`;
  return answerReply({ status, reason: REASONS[status] ?? 'Error', headers, body }, keepAlive);
}

/** A whole response apart from framing and connection headers. */
export interface LocalAnswer {
  readonly status: number;
  readonly reason: string;
  /** Complete header lines. */
  readonly headers: string;
  readonly body: Buffer | null;
}

/** A whole response, as latin1 text ready for one write; `withBody` false for HEAD (RFC 9110 9.3.2). */
export function answerReply(answer: LocalAnswer, keepAlive: boolean, withBody = true): string {
  const { status, reason, headers, body } = answer;
  const head = `HTTP/1.1 ${status} ${reason}\r\n${headers}Content-Length: ${body?.length ?? 0}`;
  return head + connectionLine(keepAlive) + (withBody ? (body?.toString('latin1') ?? '') : '');
}

/** A response without a body; `extra` holds complete header lines. */
export function emptyReply(status: number, keepAlive: boolean, extra = ''): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\n${extra}Content-Length: 0${connectionLine(keepAlive)}`;
}

/** The refusal for an error code: its status, without internal names or details. */
export function errorReply(code: HttpErrorCode, keepAlive: boolean, retryAfterSeconds: number): string {
  const { status } = ERRORS[code];
  let extra = '';
  if (status === 503) extra = `Retry-After: ${retryAfterSeconds}\r\n`;
  else if (status === 405) extra = 'Allow: OPTIONS, POST\r\n';
  return emptyReply(status, keepAlive, extra);
}

function connectionLine(keepAlive: boolean): string {
  return keepAlive ? '\r\n\r\n' : '\r\nConnection: close\r\n\r\n';
}
