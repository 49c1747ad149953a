// Owns the promise that commands distinguish a gateway which gives no answer from one that does not run.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askStatus } from '../../src/supervisor/ask-status.ts';
import { statusSocket } from '../../src/supervisor/status-server.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

function newPidFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-status-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'easgate.pid');
}

/** The pid file of a primary process that answers like this. */
async function primary(answer: RequestListener): Promise<string> {
  const pidFile = newPidFile();
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(statusSocket(pidFile), resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return pidFile;
}

describe('the question for the status', () => {
  it('says that a gateway runs but did not answer in time', async () => {
    const pidFile = await primary(() => undefined);
    await expect(askStatus(pidFile, 100)).rejects.toMatchObject({
      code: 'EASGATE_NO_ANSWER',
      message: expect.stringMatching(/runs, but did not answer within 0\.1 seconds: .* busy .*try again$/),
    });
  });

  it.each<readonly [string, RequestListener]>([
    ['an error', (_request, response) => void response.writeHead(503).end()],
    ['no JSON', (_request, response) => void response.end('<html>')],
    ['no end', (request) => void request.socket.destroy()],
  ])('does not call a gateway that answers with %s stopped', async (_what, answer) => {
    const pidFile = await primary(answer);
    await expect(askStatus(pidFile)).rejects.toMatchObject({ code: 'EASGATE_NO_ANSWER' });
  });

  it('says that no gateway runs where nobody listens', async () => {
    await expect(askStatus(newPidFile())).rejects.toMatchObject({ code: 'EASGATE_NOT_RUNNING' });
  });
});
