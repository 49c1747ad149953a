// Owns the connections for the gateway's own requests to one mail server (undici). Loaded with the first of them.
import { Pool } from 'undici';
import type { UpstreamServerSettings } from '../settings.ts';
import { undiciOptions } from './undici-options.ts';
import { undiciOrigin } from './undici-origin.ts';

/** The pool of a server. */
export function openPool(server: UpstreamServerSettings, connections: number): Pool {
  return new Pool(undiciOrigin(server), { ...undiciOptions(server), connections });
}
