// A real `forge serve` on a fresh database, the command line on the same database, and a browser. All of it ends with
// `close`, and with this process.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const FORGE = process.env.FORGE ?? '../../../../target/debug/forge';

export function world() {
  const dir = mkdtempSync(join(tmpdir(), 'forge-panel-'));
  const database = process.env.FORGE_PANEL_DATABASE || `sqlite:${join(dir, 'forge.db')}`;
  const servers = new Set();
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
    return { url, port: new URL(url).port, stop };
  };
  const close = async () => {
    for (const child of servers) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  return { dir, database, cli, bulk, serve, close };
}

export const browser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage'],
  });
