// Owns the promises of what a started gateway prints: commands that can be run as they stand, and no secret.
import { describe, expect, it } from 'vitest';
import { announcement } from '../../src/cli/announcement.ts';
import { parseConfig } from '../../src/config/load.ts';

const sample = (password: string, address = '127.0.0.1'): string =>
  `listen: { address: "${address}" }\nsample: { users: [{ name: alice, password: ${password} }], devices: [{ id: GOOD1 }] }`;

function printed(text: string, program = '/x/src/main.ts', path = 'config/easgate.yaml'): string {
  const config = parseConfig(text, '/etc/easgate.yaml');
  const sampleUrl = config.upstream.url === 'sample' ? 'http://127.0.0.1:1' : null;
  return announcement(config, { path, port: 8780, workers: 2, sampleUrl }, program);
}

describe('announcement', () => {
  it('prints user and password of a gateway with the sample mail server on this host', () => {
    expect(printed(sample('alice-pw'))).toContain(
      'curl -i -u alice:alice-pw -X OPTIONS http://127.0.0.1:8780/Microsoft-Server-ActiveSync\n',
    );
  });

  it('quotes user and password for a shell', () => {
    expect(printed(sample(`"a b'c"`))).toContain(`-u 'alice:a b'\\''c' `);
  });

  it.each([sample('{ env: SECRET }'), sample('{ file: secret }'), sample('hunter2', '0.0.0.0')])(
    'leaves any other password to the prompt of curl: %s',
    (text) => {
      expect(printed(text)).toMatch(/ -u alice -X OPTIONS http:\/\/127\.0\.0\.1:8780\//);
      expect(printed(text)).not.toContain('hunter2');
    },
  );

  it.each([
    ['/x/src/main.ts', 'config/easgate.yaml', 'npm run -s easgate -- devices list\n'],
    ['/x/src/main.ts', 'my file.yaml', "npm run -s easgate -- devices list --config 'my file.yaml'\n"],
    ['/usr/local/bin/easgate', '/etc/e.yaml', 'easgate devices list --config /etc/e.yaml\n'],
    [`${process.cwd()}/dist/main.js`, 'config/easgate.yaml', 'node dist/main.js devices list\n'],
  ])('shows the commands of %s as they are started with %s', (program, path, line) => {
    expect(printed(sample('x'), program, path)).toContain(`  ${line}`);
  });

  it('is short for a gateway with a real mail server', () => {
    expect(printed('upstream: { url: "http://mail:80" }')).toBe(
      'easgate listens on http://0.0.0.0:8780 (2 workers)\nmail server: http://mail:80\ndirectory: /etc/data/easgate.db\n',
    );
  });
});
