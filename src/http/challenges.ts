// Owns reading the list of challenges in WWW-Authenticate (RFC 9110 11.6.1). Pure.

/** Schemes that authenticate a connection and not a request. */
const CONNECTION_SCHEMES = ['ntlm', 'negotiate'];

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/**
 * A scheme, alone or followed by a token68 or a parameter; `name = value` is a parameter of the challenge before. What
 * follows the spaces is none of them, so that many are not looked at again from each one on.
 */
const CHALLENGE = new RegExp(`^(${TOKEN})(?:$|[ \\t]+[^ \\t=])`);
/** Up to the next comma outside a quoted string; a quote that never ends goes to the end. */
const ELEMENT = /(?:[^",]|"(?:[^"\\]|\\.)*(?:"|\\?$))+/g;

/**
 * The challenges of `value` whose scheme is none of `schemes` (lower-case), each with its parameters; '' when none is
 * left. A value without such a scheme comes back as it is.
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

/** Header lines, each ended by CRLF, without the offers to authenticate the connection: phones then use Basic or Bearer. */
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
