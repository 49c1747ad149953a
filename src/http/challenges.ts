// Owns reading the list of challenges in WWW-Authenticate (RFC 9110 11.6.1). Pure.

/** Schemes that authenticate a connection and not a request. */
const CONNECTION_SCHEMES = ['ntlm', 'negotiate'];

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/**
 * A scheme, alone or followed by a token68 or a parameter. `name = value` is a parameter of the challenge before it.
 * The class after the spaces excludes spaces, so that a long run of them costs linear time.
 */
const CHALLENGE = new RegExp(`^(${TOKEN})(?:$|[ \\t]+[^ \\t=])`);
/** One list element: up to the next comma outside a quoted string. An unterminated quote runs to the end. */
const ELEMENT = /(?:[^",]|"(?:[^"\\]|\\.)*(?:"|\\?$))+/g;

/**
 * Removes the challenges whose scheme is in `schemes` (lower-case), with their parameters; '' when none is left. A
 * value without such a scheme is returned unchanged.
 */
export function withoutSchemes(value: string, schemes: readonly string[]): string {
  const kept: string[] = [];
  let removed = false;
  let keeping = true;
  for (const element of value.match(ELEMENT) ?? []) {
    const text = element.trim();
    if (text === '') continue;
    const scheme = CHALLENGE.exec(text)?.[1];
    if (scheme !== undefined) keeping = !schemes.includes(scheme.toLowerCase());
    if (keeping) kept.push(text);
    else removed = true;
  }
  return removed ? kept.join(', ') : value;
}

/**
 * Removes connection-bound challenges (NTLM, Negotiate) from header lines that each end in CRLF. Phones then use Basic
 * or Bearer.
 */
export function withoutConnectionOffers(headerLines: string): string {
  let kept = '';
  for (const line of headerLines.split('\r\n')) {
    if (line === '') continue;
    const name = /^www-authenticate:[ \t]*/i.exec(line)?.[0];
    const value = name === undefined ? line : withoutSchemes(line.slice(name.length), CONNECTION_SCHEMES);
    if (value !== '') kept += (name ?? '') + value + '\r\n';
  }
  return kept;
}
