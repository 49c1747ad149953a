// Owns the promises of the container image, read from its Dockerfile: one configuration, which the image does not contain,
// commands that exist, nothing downloaded twice; and of the documentation that shows how the image is run.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { healthEndpoint } from '../src/config/health.ts';
import { loadConfig, parseConfig } from '../src/config/load.ts';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

/** Instructions of the last stage and of the ones before it, line continuations joined. */
function stages(): { readonly build: string[]; readonly image: string[] } {
  const lines = read('Dockerfile')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line !== '');
  const last = lines.findLastIndex((line) => line.startsWith('FROM '));
  return { build: lines.slice(0, last), image: lines.slice(last) };
}

const { build, image } = stages();
const of = (instruction: string, lines = image): string[] =>
  lines.flatMap((line) => (line.startsWith(`${instruction} `) ? [line.slice(instruction.length + 1)] : []));
const words = (json: string | undefined): string[] => JSON.parse(json ?? '[]') as string[];
const variables = new Map(
  of('ENV')
    .flatMap((line) => line.split(/\s+/))
    .map((pair): [string, string] => [pair.split('=')[0] ?? '', pair.split('=')[1] ?? '']),
);
const container = read('docs/guide/operations.md').split('## Container')[1] ?? '';

afterEach(() => vi.unstubAllEnvs());

describe('the container image', () => {
  it('copies only files that exist', () => {
    const sources = [...of('COPY'), ...of('COPY', build)]
      .filter((line) => !line.startsWith('--from'))
      .flatMap((line) => line.split(' ').slice(0, -1));
    expect(sources.length).toBeGreaterThan(4);
    expect(sources.filter((source) => !existsSync(new URL(source, root)))).toEqual([]);
  });

  it('contains no configuration, but the mappings that its documentation names', () => {
    expect(of('COPY').filter((line) => /config|\.ya?ml/.test(line))).toEqual(['config/feeds ./config/feeds']);
    expect(of('WORKDIR')).toEqual(['/app']);
    const [, named = ''] =
      /`\/app\/(config\/feeds\/[a-z-]+\.yaml)`/.exec(read('docs/guide/mappings.md')) ?? [];
    expect(named !== '' && existsSync(new URL(named, root))).toBe(true);
  });

  it('reads the configuration that the documentation mounts, in every command', () => {
    const path = variables.get('EASGATE_CONFIG');
    expect(words(of('CMD')[0])).toEqual(['serve', '--config', path]);
    expect(/\$PWD\/easgate\.yaml:([^:"]+):ro/.exec(container)?.[1]).toBe(path);
  });

  it('writes only to its volume, so that its root may be read-only', () => {
    const data = variables.get('EASGATE_DATA') ?? '';
    expect(of('VOLUME')).toEqual([data]);
    expect(of('RUN').join()).toContain(`chown node:node ${data}`);
    expect(container).toContain(`:${data} easgate`);
    vi.stubEnv('EASGATE_DATA', data);
    const config = parseConfig('upstream: { url: "http://mail" }', variables.get('EASGATE_CONFIG') ?? '');
    expect(config.store).toMatchObject({ path: join(data, 'easgate.db') });
    expect(config.workers.pidFile).toBe(join(data, 'easgate.pid'));
  });

  it('resolves paths that do not begin with data/ against the folder of the configuration', () => {
    vi.stubEnv('EASGATE_DATA', '/var/lib/easgate');
    const text = 'store: { kind: embedded, path: ../database/x.db }\nlog: { destination: data/log/x.log }';
    const config = parseConfig(text, '/etc/easgate/easgate.yaml');
    expect(config.store).toMatchObject({ path: '/etc/database/x.db' });
    expect(config.log.destination).toBe('/var/lib/easgate/log/x.log');
  });

  it('checks its health with a command that works with any configuration', () => {
    expect(of('HEALTHCHECK')[0]).toMatch(/CMD \["easgate", "health"\]$/);
    vi.stubEnv('EASGATE_HEALTH_LISTEN', variables.get('EASGATE_HEALTH_LISTEN') ?? '');
    const endpoint = (text: string) => healthEndpoint(parseConfig(text, 'x.yaml'));
    expect(endpoint('')).toEqual({ address: '127.0.0.1', port: 8782 });
    expect(endpoint('health: { listen: "[::1]:9000" }')).toEqual({ address: '::1', port: 9000 });
  });

  it('contains the command that it starts and that the documentation shows', () => {
    expect(words(of('ENTRYPOINT')[0])).toEqual(['easgate']);
    expect(of('RUN').join()).toMatch(
      /chmod \+x dist\/main\.js && ln -s \/app\/dist\/main\.js \/usr\/local\/bin\/easgate/,
    );
    expect(read('src/main.ts')).toMatch(/^#!\/usr\/bin\/env node\n/);
    const shown = [...container.matchAll(/docker exec easgate (\S+) (\S+)/g)].map(([, program, command]) => [
      program,
      command,
    ]);
    expect(shown).toEqual([
      ['easgate', 'devices'],
      ['easgate', 'check'],
    ]);
  });

  it('exposes the default port', () => {
    expect(of('EXPOSE')).toEqual([String(parseConfig('', 'x.yaml').listen.port)]);
    expect(container).toContain('-p 8780:8780');
  });

  it('runs as an unprivileged user', () => {
    expect(of('USER')).toEqual(['node']);
  });

  it('downloads no second Node.js', () => {
    const installs = of('RUN', build).filter((line) => /npm (ci|install|prune)/.test(line));
    expect(installs.length).toBeGreaterThan(0);
    for (const line of installs) expect(line).toContain('--ignore-scripts');
    // npm scripts would look for the Node.js that was not downloaded.
    expect(of('RUN', build).join()).not.toMatch(/npm (run|test|start)/);
    expect(existsSync(new URL('node_modules/typescript/bin/tsc', root))).toBe(true);
  });
});

describe('a configuration that is not there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-container-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is reported with what to do, also when the container engine created a folder in its place', () => {
    expect(() => loadConfig(join(folder, 'easgate.yaml'))).toThrow(
      /there is no .*easgate\.yaml; .*mount it there/,
    );
    writeFileSync(join(folder, 'x'), '');
    expect(() => loadConfig(folder)).toThrow(/is a folder; container engines make one/);
  });
});
