// Owns the answers of Autodiscover version 2: the URL of a protocol. The request needs no credentials, so the answer
// does not depend on the user. Pure.
import type { AutodiscoverTarget } from './target.ts';

/** An answer as `application/json`. */
export interface JsonAnswer {
  readonly status: 200 | 400;
  readonly body: string;
}

/** The XML service of version 1 at this gateway (src/eas/autodiscover/target.ts). */
const XML_PATH = '/autodiscover/autodiscover.xml';

/**
 * The answer for Exchange ActiveSync is `url`; for AutodiscoverV1 it is the XML service on the same host; other
 * protocols are not found.
 */
export function answerJson(target: AutodiscoverTarget & { readonly form: 'json' }, url: string): JsonAnswer {
  if (target.email === null || !target.email.includes('@')) return missing('Email');
  if (target.protocol === null) return missing('Protocol');
  switch (target.protocol.toLowerCase()) {
    case 'activesync':
      return found('ActiveSync', url);
    case 'autodiscoverv1':
      return found('AutodiscoverV1', new URL(XML_PATH, url).href);
    default:
      return problem(
        'InvalidProtocol',
        "The given protocol value is invalid. Supported values are 'ActiveSync,AutodiscoverV1'",
      );
  }
}

function found(Protocol: string, Url: string): JsonAnswer {
  return { status: 200, body: JSON.stringify({ Protocol, Url }) };
}

function missing(name: string): JsonAnswer {
  return problem(
    'MandatoryParameterMissing',
    `A valid value must be provided for the query parameter '${name}'`,
  );
}

function problem(ErrorCode: string, ErrorMessage: string): JsonAnswer {
  return { status: 400, body: JSON.stringify({ ErrorCode, ErrorMessage }) };
}
