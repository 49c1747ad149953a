// Owns parsing of version numbers as phones and feeds write them: "17.4.1", "iOS 18.0.1", "18.0 22A3354", "14 (UP1A)".

/** The numbers of a version, most significant first. */
export type Version = readonly number[];

/** More parts than any operating system has. */
const MAX_PARTS = 8;

/** The first number and the dotted parts after it; null = no number. */
export function parseVersion(text: string): Version | null {
  let at = 0;
  while (at < text.length && !isDigit(text.charCodeAt(at))) at++;
  if (at === text.length) return null;
  const parts: number[] = [];
  while (parts.length < MAX_PARTS) {
    let part = 0;
    for (; at < text.length && isDigit(text.charCodeAt(at)); at++)
      part = Math.min(part * 10 + text.charCodeAt(at) - 0x30, Number.MAX_SAFE_INTEGER);
    parts.push(part);
    if (text.charCodeAt(at) !== 0x2e || !isDigit(text.charCodeAt(at + 1))) break;
    at++;
  }
  return parts;
}

/** Whether a text is only a version, as in a policy. */
export function isPlainVersion(text: string): boolean {
  return /^[0-9]{1,15}(?:\.[0-9]{1,15}){0,7}$/.test(text);
}

/** Below, equal or above 0, number by number; missing ones count as 0. */
export function compareVersions(a: Version, b: Version): number {
  const length = Math.max(a.length, b.length);
  for (let part = 0; part < length; part++) {
    const difference = (a[part] ?? 0) - (b[part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
