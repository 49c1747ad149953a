// Owns the promises of the API on the status: processes, lists, leader, mail servers, certificates.
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import type { ControlStatus } from '../../src/supervisor/control-messages.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

const CONTROL: ControlStatus = {
  pid: 3,
  uptimeSeconds: 60,
  memoryBytes: 1_000,
  readModel: {
    phase: 'following',
    path: '/nowhere/lists.db',
    rows: 12,
    position: '7',
    ageMs: 400,
    seenAgeMs: 900,
    trouble: null,
  },
  leader: { isLeader: true, holder: 'gw1', fence: 2 },
  warnings: [],
  endingExceptions: ['2 exceptions end within 7 days'],
  admin: null,
};

describe('the status', () => {
  it('names lists, leader and mail servers, without what the URL of a mail server hides', async () => {
    const config = configSchema.parse({
      admin: { listen: '127.0.0.1:0', file: ':memory:' },
      store: { kind: 'embedded', path: ':memory:' },
      upstream: { servers: [{ url: 'https://mail1.example.com' }, { url: 'http://mail2.example.com:8080' }] },
      metrics: { listen: '127.0.0.1:9782', open: true },
    });
    const api = await openTestApi({ parts: { config, control: () => CONTROL } });
    const { status, json } = await api.send('viewer', '/api/v1/status');
    expect(status).toBe(200);
    expect(json).toMatchObject({
      version: '1.2.3',
      phase: 'unknown',
      warnings: ['the primary process does not answer'],
      workers: [],
      control: {
        readModel: { rows: 12, bytes: null },
        leader: { isLeader: true, holder: 'gw1', fence: 2 },
        endingExceptions: ['2 exceptions end within 7 days'],
      },
      mailServers: ['mail1.example.com', 'mail2.example.com:8080'],
      certificates: [],
      metrics: '127.0.0.1:9782',
    });
  });
});
