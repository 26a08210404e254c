// A real `forge serve` on a fresh database, the command line on the same database, and a browser. All of it ends with
// `close`, and with this process.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, request as ask } from 'node:http';
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
  process.on('exit', () => {
    for (const child of servers) child.kill('SIGKILL');
  });
  // What is in the tables, past the program and its API: `{t}queues` is the table of queues of either storage.
  const rows = (sql) => JSON.parse(execFileSync(FORGE_DB, [database, 'rows', sql], { encoding: 'utf8', timeout: 30000 }));
  const one = (sql) => {
    const found = rows(sql);
    if (found.length !== 1) throw new Error(`${found.length} rows, and not one: ${sql}`);
    return found[0];
  };
  const run = (sql) => execFileSync(FORGE_DB, [database, 'run', sql], { timeout: 30000 });
  const fill = (jobs) => execFileSync(FORGE_DB, [database, 'fill', String(jobs)], { timeout: 600000 });
  // The command line, on the database itself: what the panel did is asked of somebody else.
  const cli = (...args) => {
    const text = execFileSync(FORGE, ['--database', database, '--json', ...args], { encoding: 'utf8', timeout: 30000 });
    return text.trim() ? JSON.parse(text) : null;
  };
  const bulk = (lines) =>
    execFileSync(FORGE, ['--database', database, 'enqueue', '-'], {
      input: lines.map((line) => JSON.stringify(line)).join('\n'),
      stdio: ['pipe', 'ignore', 'pipe'],
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
        if (child.exitCode !== null || child.signalCode !== null) return gone();
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
  return { dir, database, cli, rows, one, run, fill, bulk, serve, close };
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

// Before the page's own scripts: `window.memory` is that of its module.
export const watchMemory = (page) =>
  page.addInitScript(() => {
    const begin = WebAssembly.instantiateStreaming;
    WebAssembly.instantiateStreaming = async (...args) => {
      const made = await begin.apply(WebAssembly, args);
      window.memory = made.instance.exports.memory;
      return made;
    };
  });

// A world that the checks run in: a page with a queue behind it.
//
//   go(page, path)     shows a place of the panel; url(path) is its address
//   make(page, jobs)   puts jobs there, past the page
//   other(page, …)     what somebody else does meanwhile: queue, job or schedule, its name, and what of it
//   declare, limit     a schedule that a program declares, and the limit of a scope, of 60 or so many; touch(page, queue, n) does something to one
//   holds(sql, rows)   what the tables must have; rows, or a function of them. Left out where there are no tables
//   eventually(…)      the same of what a worker does meanwhile
export function real(storage) {
  const at = world();
  at.cli('migrate');
  const server = {};
  const self = { ...at, name: storage, isReal: true, server };
  self.url = (path = '/') => `${server.url}/panel${path}`;
  self.go = async (page, path = '/') => {
    await page.goto(self.url(path));
    await page.getByRole('main').getByRole('heading', { level: 1 }).first().waitFor();
  };
  self.make = async (_, jobs) => at.bulk(jobs);
  self.other = async (_, what, name, edit) => {
    const words = Object.entries(edit).flatMap(([key, value]) => [`--${key.replaceAll('_', '-')}`, typeof value === 'object' ? JSON.stringify(value) : String(value)]);
    at.cli({ queue: 'queue', job: 'job', schedule: 'cron' }[what], what === 'job' ? 'edit' : 'set', name, ...words);
  };
  self.declare = async (_, name) => {
    at.cli('cron', 'set', name, '--expression', '30 2 * * *', '--kind', 'report', '--zone', 'Europe/Berlin');
    at.run(`UPDATE {t}schedules SET owner = 0, code_expression = expression, code_zone = zone, code_spec = spec,
      code_enabled = enabled, program = 'reports', declared = (1 = 1) WHERE name = '${name}'`);
  };
  self.limit = async (_, scope, permits = 60) => at.cli('limit', 'set', scope, String(permits), '--per', '1m');
  self.touch = async (page, queue, n) => {
    const answer = await page.request.post(`${server.url}/api/v1/queues/${queue}/${n % 2 ? 'resume' : 'pause'}`);
    if (!answer.ok()) throw new Error(`${answer.status()}: ${await answer.text()}`);
  };
  self.between = () => between(server.port);
  const fits = (found, wanted) => (typeof wanted === 'function' ? wanted(found) : assert.deepEqual(found, wanted));
  self.holds = (sql, wanted) => fits(at.rows(sql), wanted);
  self.eventually = async (_, sql, wanted) => {
    for (let tries = 0; ; tries += 1) {
      try {
        return self.holds(sql, wanted);
      } catch (error) {
        if (tries === 100) throw error;
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  };
  self.restart = async (...args) => {
    Object.assign(server, await at.serve('--worker', '--test-handlers', ...args));
  };
  return self;
}

export async function madeUp(root) {
  const { url, close } = await site(root);
  const self = { name: 'mock', isReal: false, leftOut: 0, close };
  self.url = (path = '/') => url + path;
  // The queue is in the page, and lasts as long as it does: from the second time on its address is changed alone.
  self.go = async (page, path = '/') => {
    if (page.url().startsWith(url)) {
      await page.evaluate((to) => {
        history.pushState(null, '', to);
        dispatchEvent(new PopStateEvent('popstate'));
      }, self.url(path));
    } else {
      await page.goto(self.url(path));
    }
    await page.getByRole('main').getByRole('heading', { level: 1 }).first().waitFor();
  };
  const somebody = async (page, what, name, text) => {
    if (!page.url().startsWith(url)) await self.go(page);
    await page.evaluate(([what, name, text]) => window.somebody(what, name, text), [what, name, text]);
  };
  self.make = (page, jobs) => somebody(page, 'enqueue', '', JSON.stringify(jobs));
  self.other = (page, what, name, edit) => somebody(page, what, name, JSON.stringify(edit));
  self.declare = (page, name) => somebody(page, 'declare', name, '');
  self.limit = (page, scope, permits = 60) => somebody(page, 'limit', scope, JSON.stringify({ permits, window_seconds: 60 }));
  self.touch = (page, queue, n) => somebody(page, 'queue', queue, JSON.stringify({ workers: n + 1 }));
  self.holds = () => (self.leftOut += 1);
  self.eventually = async () => (self.leftOut += 1);
  return self;
}

// What stands between the page and a server: it hands everything on, and breaks the streams of events when it is told to.
async function between(port) {
  const streams = new Set();
  let lets = true;
  const server = createServer((from, to) => {
    const isStream = from.url.endsWith('/events');
    if (isStream && !lets) return to.writeHead(503).end();
    const { host: _, ...headers } = from.headers;
    const asked = ask({ host: '127.0.0.1', port, path: from.url, method: from.method, headers: { ...headers, host: `127.0.0.1:${port}` } }, (answer) => {
      to.writeHead(answer.statusCode, answer.headers);
      answer.pipe(to);
      answer.on('error', () => to.destroy());
    });
    if (isStream) {
      streams.add(to.socket);
      to.on('close', () => asked.destroy());
    }
    asked.on('error', () => to.destroy());
    from.pipe(asked);
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    breakStreams() {
      lets = false;
      for (const socket of streams) socket.destroy();
      streams.clear();
    },
    letStreamsThrough: () => (lets = true),
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
