// Owns the required version of Node.js. Written so that any version with ES modules can load it.

/** The oldest supported version, as in `engines` of package.json. */
export const NEEDED_NODE = '26.4';

/** Advice when this Node.js is too old; null = it is new enough. */
export function nodeTrouble(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = NEEDED_NODE.split('.').map(Number);
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return null;
  return [
    `this is Node.js ${version}; easgate needs ${NEEDED_NODE} or later.`,
    '  In a checkout `npm ci` brings one, which npm scripts use: npm run -s easgate -- ARGUMENTS',
    '  and which runs the compiled program too: node_modules/.bin/node dist/main.js ARGUMENTS',
    '  Elsewhere install Node.js 26 (https://nodejs.org/en/download), or use the container image.',
  ].join('\n');
}
