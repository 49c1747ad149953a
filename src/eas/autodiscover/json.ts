// Owns the answers of Autodiscover version 2: which URL a protocol has. Asked without credentials, so nothing in them
// depends on who is asked about. Pure.
import type { DiscoveryTarget } from './target.ts';

/** An answer as `application/json`. */
export interface JsonAnswer {
  readonly status: 200 | 400;
  readonly body: string;
}

/** The answer about Exchange ActiveSync is `url`; other protocols are not found here. */
export function answerJson(target: DiscoveryTarget & { readonly form: 'json' }, url: string): JsonAnswer {
  if (target.email === null || !target.email.includes('@')) return missing('Email');
  if (target.protocol === null) return missing('Protocol');
  if (target.protocol.toLowerCase() !== 'activesync')
    return problem(
      'InvalidProtocol',
      "The given protocol value is invalid. Supported values are 'ActiveSync'",
    );
  return { status: 200, body: JSON.stringify({ Protocol: 'ActiveSync', Url: url }) };
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
