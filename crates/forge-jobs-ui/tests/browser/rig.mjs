// A real `forge serve` on a fresh database, the command line on the same database, and a browser. All of it ends with
// `close`, and with this process.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const FORGE = process.env.FORGE ?? '../../../../target/debug/forge';
const FORGE_DB = process.env.FORGE_DB ?? '../../../../target/debug/forge-db';

// The storage: a SQLite file of its own, or a database of its own on the server that STORAGE=postgres finds.
function place(dir) {
  if (process.env.STORAGE !== 'postgres') return { database: `sqlite:${join(dir, 'forge.db')}`, leave: () => {} };
  const server = process.env.FORGE_TEST_POSTGRES_URL;
  if (!server) throw new Error('STORAGE=postgres needs a server in FORGE_TEST_POSTGRES_URL');
  const name = `forge_panel_${process.pid}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  const on = (sql) => execFileSync(FORGE_DB, [server, 'run', sql], { timeout: 30000 });
  on(`CREATE DATABASE ${name}`);
  return { database: url.href, leave: () => on(`DROP DATABASE ${name} WITH (FORCE)`) };
}

export function world() {
  const dir = mkdtempSync(join(tmpdir(), 'forge-panel-'));
  const { database, leave } = place(dir);
  const servers = new Set();
  // What is in the tables, past the program and its API: `{t}queues` is the table of queues of either storage.
  const rows = (sql) => JSON.parse(execFileSync(FORGE_DB, [database, 'rows', sql], { encoding: 'utf8', timeout: 30000 }));
  const one = (sql) => {
    const found = rows(sql);
    if (found.length !== 1) throw new Error(`${found.length} rows, and not one: ${sql}`);
    return found[0];
  };
  const fill = (jobs) => execFileSync(FORGE_DB, [database, 'fill', String(jobs)], { timeout: 600000 });
  // The command line, on the database itself: what the panel did is asked of somebody else.
  const cli = (...args) => {
    const text = execFileSync(FORGE, ['--database', database, '--json', ...args], { encoding: 'utf8', timeout: 30000 });
    return text.trim() ? JSON.parse(text) : null;
  };
  const bulk = (lines) =>
    execFileSync(FORGE, ['--database', database, 'enqueue', '-'], {
      input: lines.map((line) => JSON.stringify(line)).join('\n'),
      stdio: ['pipe', 'ignore', 'inherit'],
      timeout: 60000,
    });
  const serve = async (...args) => {
    const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
    const child = spawn(FORGE, ['--database', database, 'serve', ...listen, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    servers.add(child);
    const url = await new Promise((found, lost) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        if (process.env.VERBOSE) console.log(`        ${line}`);
        const at = line.match(/on (http:\/\/[0-9.:]+)/);
        if (at) found(at[1]);
      });
      child.on('exit', (code) => lost(new Error(`forge serve ended with ${code}`)));
    });
    const stop = () =>
      new Promise((gone) => {
        servers.delete(child);
        if (child.exitCode !== null) return gone();
        child.on('exit', gone);
        child.kill('SIGKILL');
      });
    return { url, port: new URL(url).port, pid: child.pid, stop };
  };
  const close = async () => {
    for (const child of servers) child.kill('SIGKILL');
    leave();
    rmSync(dir, { recursive: true, force: true });
  };
  return { dir, database, cli, rows, one, fill, bulk, serve, close };
}

// The made-up queue as a page: the files of a directory below /assets, and its page everywhere else.
export async function site(root) {
  const types = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.css': 'text/css' };
  const policy =
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'";
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname;
    const file = path.startsWith('/assets/') ? path.slice(8) : 'index.html';
    try {
      const body = await readFile(join(root, file));
      response.writeHead(200, { 'content-type': types[extname(file)] ?? 'text/html', 'content-security-policy': policy });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return { url: `http://127.0.0.1:${server.address().port}/ops`, close: () => server.close() };
}

export const browser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-dev-shm-usage',
      ...(process.env.CHROMIUM_ARGS ?? '').split(' ').filter(Boolean),
    ],
  });
