// Threat: somebody who is not let in holds connections of the admin API with bodies that never end (slow POST, CWE-400).
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

it.each([
  ['import', 'application/x-ndjson', null],
  ['session', 'application/json', null],
  ['decisions', 'application/json', 'operator'],
] as const)(
  'a body for /%s of type %s, as %s, that does not come in ends the connection',
  async (path, type, role) => {
    const api = await openTestApi({ parts: { bodyTimeoutMs: 50 } });
    const { hostname, port, host } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    let isClosed = false;
    socket.on('close', () => (isClosed = true));
    socket.on('error', () => (isClosed = true));
    socket.resume();
    const token = role === null ? '' : `Authorization: Bearer ${api.token(role)}\r\n`;
    socket.write(
      `POST /api/v1/${path} HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${api.url}\r\n${token}Content-Type: ${type}\r\nContent-Length: 100\r\n\r\n{`,
    );
    await until(() => isClosed);
    expect(isClosed).toBe(true);
  },
);
