// Threat: a password that leaked and was changed is still accepted by the gateway.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { phoneOf } from '../support/servers/openings.ts';
import { guarded, openQuarantine } from '../support/servers/quarantine.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';

checkLeaks();

describe('a password that was accepted on a connection', () => {
  it('is checked again after a while, however often the connection is used', async () => {
    let changed = false;
    const world = await openQuarantine(
      ({ connection, ...rest }) => {
        if (changed) connection.socket.write('HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n');
        else guarded()({ connection, ...rest });
      },
      { client: { keepAliveTimeoutMs: 600_000 } },
    );
    const phone = await phoneOf(world.gateway);
    const ask = async (): Promise<number> => {
      phone.send(request('FolderSync', FOLDER_SYNC, [], 'PHONE1'));
      return (await phone.response()).status;
    };
    expect(await ask()).toBe(200);
    changed = true;
    // Accepted credentials are remembered for a minute across connections, and for half a minute by their own connection.
    const statuses: number[] = [];
    for (let seconds = 0; seconds < 100; seconds += 20) {
      await world.gateway.time.advance(20_000);
      statuses.push(await ask());
    }
    expect(statuses.at(-1)).toBe(401);
  });
});
