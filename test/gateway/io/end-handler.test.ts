// Owns the promises about the handlers of `end` that a socket keeps.
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { dropOwnEndHandler } from '../../../src/gateway/io/end-handler.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

it('a socket without the handler of Node has ours alone, also where it is dropped twice', () => {
  const socket = new Socket();
  const ours = (): void => undefined;
  dropOwnEndHandler(socket);
  socket.on('end', ours);
  dropOwnEndHandler(socket);
  expect(socket.listeners('end')).toEqual([ours]);
  socket.destroy();
});
