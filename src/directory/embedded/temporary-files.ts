// Owns where SQLite puts its temporary files.

/**
 * SQLite sorts the rows of a large index in files, for which it looks in SQLITE_TMPDIR, TMPDIR, /var/tmp and /tmp (sqlite.org/tempfiles.html, 5). A
 * container with a read-only root has none of them, and the index fails. Names a folder that is written to anyway, unless the operator did. To be
 * called in the main thread: SQLite does not see the environment of others.
 */
export function keepTemporaryFilesIn(folder: string, env: NodeJS.ProcessEnv = process.env): void {
  env['SQLITE_TMPDIR'] ??= env['TMPDIR'] ?? folder;
}
