// Owns where the program of a thread is.

/** The file `name` (without its ending) beside a module: the source where that runs from source, else the compiled file. */
export function threadFile(name: string, moduleUrl: string): URL {
  return new URL(`${name}${/\.[jt]s$/.exec(moduleUrl)?.[0] ?? '.js'}`, moduleUrl);
}
