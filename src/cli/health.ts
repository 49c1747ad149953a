// Owns the work of `easgate health`: queries the probes of the gateway on this host, for container engines and scripts.
import type { Command } from 'commander';
import { request } from 'undici';
import { messageOf } from '../caught-error.ts';
import { healthEndpoint } from '../config/health.ts';
import { endpointText } from '../config/endpoint.ts';
import type { Endpoint } from '../config/endpoint.ts';
import { loadConfig } from '../config/load.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { configPath } from './config-path.ts';
import { print } from './output.ts';

const TIMEOUT_MS = 3_000;
/** Most characters shown of an answer, which is a small JSON document. */
const MAX_SHOWN = 500;

/** `health`: whether the workers answer, or (`ready`) whether the gateway can serve phones. */
export async function health({ ready }: { readonly ready?: true }, command: Command): Promise<void> {
  const endpoint = healthEndpoint(loadConfig(configPath(command)));
  if (endpoint === null)
    throw new ProgramError(
      'EASGATE_HEALTH',
      'no address is configured for health probes: set health.listen, for example 127.0.0.1:8782',
    );
  print(await ask(endpoint, ready === true ? '/readyz' : '/healthz'));
}

async function ask(endpoint: Endpoint, path: string): Promise<string> {
  const url = `http://${endpointText({ ...endpoint, address: reachable(endpoint.address) })}${path}`;
  let status: number;
  let text: string;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await request(url, { signal, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
    status = response.statusCode;
    text = (await response.body.text()).slice(0, MAX_SHOWN);
  } catch (error) {
    const cause = messageOf(error);
    throw new ProgramError('EASGATE_HEALTH', `${url}: no answer; check that the gateway runs (${cause})`);
  }
  if (status !== 200) throw new ProgramError('EASGATE_HEALTH', `${url}: ${status} ${text.trim()}`);
  return text;
}

/** An address by which a server on all addresses can be reached. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}
