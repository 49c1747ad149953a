// Owns the promises of the list of open sockets: it has the sockets and the labels that a Map would have.
import { Socket } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OpenSockets } from '../../../src/gateway/listener/open-sockets.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

const SOCKETS = 8;

it('keeps the sockets that were added and not removed, each with its own label', () => {
  const step = fc.record({
    kind: fc.constantFrom('add', 'label', 'remove'),
    at: fc.nat(SOCKETS - 1),
    label: fc.string({ maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const all = Array.from({ length: SOCKETS }, () => new Socket());
      const open = new OpenSockets();
      const expected = new Map<Socket, string>();
      for (const { kind, at, label } of steps) {
        const socket = all[at] as Socket;
        if (kind === 'add' && !expected.has(socket)) {
          open.add(socket);
          expected.set(socket, '');
        } else if (kind === 'label') {
          open.label(socket, label);
          if (expected.has(socket)) expected.set(socket, label);
        } else if (kind === 'remove') {
          expect(open.remove(socket)).toBe(expected.get(socket) ?? '');
          expected.delete(socket);
        }
        expect(open.size).toBe(expected.size);
        expect(new Set(open)).toEqual(new Set(expected.keys()));
      }
      for (const socket of all) expect(open.remove(socket)).toBe(expected.get(socket) ?? '');
    }),
  );
});

it('visits each socket once, also where each is removed when it is visited', () => {
  const all = Array.from({ length: SOCKETS }, () => new Socket());
  const open = new OpenSockets();
  for (const socket of all) open.add(socket);
  const visited: Socket[] = [];
  for (const socket of open) {
    visited.push(socket);
    open.remove(socket);
  }
  expect(new Set(visited)).toEqual(new Set(all));
  expect(visited).toHaveLength(SOCKETS);
  expect(open.size).toBe(0);
});
