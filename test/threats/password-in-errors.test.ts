// Threat: a server that does not know a command of the directory repeats its arguments in the error, such as the password in AUTH. The text
// reaches logs, the journal, answers of the admin API and terminals (CWE-532).
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { messageOf } from '../../src/caught-error.ts';
import { failureOf } from '../../src/directory/failure.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { RedisStoreOptions } from '../../src/directory/redis/redis-connection.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

/** A server that knows no command, and says so as Redis does. */
async function strange(): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      // Commands of the handshake come whole.
      for (const [, words = ''] of text.matchAll(/\*\d+\r\n((?:\$\d+\r\n[^\r]*\r\n)+)/g)) {
        const [name = '', ...args] = words
          .split('\r\n')
          .filter((word) => word !== '' && !/^\$\d+$/.test(word));
        const shown = args.map((one) => `'${one}' `).join('');
        socket.write(`-ERR unknown command '${name}', with args beginning with: ${shown}\r\n`);
      }
      text = '';
    });
    onTestFinished(() => void socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(async () => {
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

const SECRET = 'hunter2-hunter2';

it.each(['server', 'Sentinel'] as const)(
  'a %s that does not know AUTH does not bring the password into the error',
  async (kind) => {
    const port = await strange();
    const node = { host: '127.0.0.1', port };
    const options: RedisStoreOptions = {
      url: kind === 'server' ? `redis://:${SECRET}@127.0.0.1:${port}` : 'redis://ignored',
      keyPrefix: 'easgate:',
      commandTimeoutMs: 1_000,
      ...(kind === 'Sentinel' && { sentinel: { nodes: [node], name: 'mymaster', password: SECRET } }),
    };
    const error: unknown = await RedisStore.open(options).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Error);
    expect(`${String(error)} ${failureOf(error).message}`).not.toContain(SECRET);
  },
);

it.each([
  `ERR unknown command 'AUTH', with args beginning with: 'default' '${SECRET}' `,
  `ERR unknown command \`HELLO\`, with args beginning with: \`3\`, \`AUTH\`, \`default\`, \`${SECRET}\`, `,
  `All sentinels are unreachable. Last error: ERR unknown command 'AUTH', with args beginning with: '${SECRET}' `,
])('%s: what the arguments were is not told', (text) => {
  for (const name of ['ReplyError', 'Error']) {
    const error = Object.assign(new Error(text), { name });
    expect(messageOf(error)).toMatch(/unknown command .(?:AUTH|HELLO).$/);
    expect(failureOf(error).message).toContain('unknown command');
    expect(failureOf(error).message).not.toContain(SECRET);
  }
});
