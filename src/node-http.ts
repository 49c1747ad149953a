// Owns Node's HTTP modules for the servers of the program. An import statement would read every export of theirs, and one of them
// (WebSocket) loads all of Node's own fetch: twice the time that Node.js itself takes to start.

/** `node:http`. */
export const http = process.getBuiltinModule('node:http');
/** `node:https`. */
export const https = process.getBuiltinModule('node:https');
