// A display that nobody sees, the program in its window on it, and its files. All of it ends with `close`.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LIMIT = 120_000;
const children = new Set();

export const pause = (ms) => new Promise((go) => setTimeout(go, ms));

// Asks again until there is an answer, within a bound.
export async function until(what, question, limit = LIMIT) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${limit / 1000} s`);
    await pause(50);
  }
}

function start(program, args, options = {}) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  children.add(child);
  child.said = '';
  for (const out of [child.stdout, child.stderr]) {
    out.on('data', (text) => {
      child.said += text;
      if (process.env.VERBOSE) process.stdout.write(String(text).replace(/^/gm, '        '));
    });
  }
  child.ended = new Promise((gone) => {
    child.on('error', (error) => gone(String(error)));
    child.on('exit', (code, signal) => gone(code ?? signal));
  }).then((end) => (children.delete(child), end));
  return child;
}

async function display() {
  const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  children.add(server);
  server.on('exit', () => children.delete(server));
  const number = await new Promise((found, lost) => {
    server.stdio[3].on('data', (text) => found(Number(String(text))));
    server.on('error', lost);
    server.on('exit', (code) => lost(new Error(`Xvfb ended with ${code}`)));
  });
  return number;
}

const isFree = (port) =>
  new Promise((found) => {
    const server = createServer().on('error', () => found(false));
    server.listen(port, '127.0.0.1', () => server.close(() => found(true)));
  });

// A port on which nobody listens. It is none that the system gives to outgoing connections, of which other programs open
// many before it is taken.
let lastPort = 10_000 + (process.pid % 20_000);
async function freePort() {
  do lastPort += 1;
  while (!(await isFree(lastPort)));
  return lastPort;
}

export async function world(program, { heartbeat } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'forge-desktop-'));
  const home = join(dir, 'home');
  const number = await display();
  const env = {
    ...process.env,
    DISPLAY: `:${number}`,
    GDK_BACKEND: 'x11',
    LIBGL_ALWAYS_SOFTWARE: '1',
    WEBKIT_DISABLE_DMABUF_RENDERER: '1',
    WEBKIT_DISABLE_COMPOSITING_MODE: '1',
    GTK_THEME: 'Adwaita',
    NO_AT_BRIDGE: '1',
    XDG_CACHE_HOME: join(dir, 'cache'),
    XDG_DATA_HOME: join(dir, 'data'),
    FORGE_DESKTOP_HOME: home,
    FORGE_DESKTOP_CLOSE_MS: '500',
    FORGE_DESKTOP_HEARTBEAT_MS: heartbeat,
  };
  const sql = (file, query) => {
    const text = execFileSync('sqlite3', ['-json', '-readonly', '-cmd', '.timeout 5000', join(home, file), query], {
      encoding: 'utf8',
      timeout: 10_000,
    });
    return text.trim() ? JSON.parse(text) : [];
  };
  const run = () => start(program, [], { env });
  const close = () => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  return { dir, env, sql, run, close, number, program };
}

// The program in a window that a script drives, as a person would.
export async function driven(world) {
  const port = await freePort();
  const driver = start('WebKitWebDriver', ['--host=127.0.0.1', `--port=${port}`], {
    env: { ...world.env, TAURI_WEBVIEW_AUTOMATION: 'true' },
  });
  const ask = async (method, path, body) => {
    const text = body && JSON.stringify(body);
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: text, signal: AbortSignal.timeout(LIMIT) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${value.error}: ${value.message}`);
    return value;
  };
  await until('the driver listens', () => ask('GET', '/status').catch(() => false));
  const alwaysMatch = { 'webkitgtk:browserOptions': { binary: world.program, args: [] } };
  const { sessionId } = await ask('POST', '/session', { capabilities: { alwaysMatch } });
  const at = (method, path, body) => ask(method, `/session/${sessionId}${path}`, body);
  const js = (text, ...args) => at('POST', '/execute/sync', { script: `return (${text})(...arguments)`, args });
  // The answer of a function that takes its time; what it throws is told as `{ error }`.
  const wait = (text, ...args) =>
    at('POST', '/execute/async', {
      script: `const done = arguments[arguments.length - 1];
        (${text})(...[...arguments].slice(0, -1)).then(done, (e) => done({ error: String(e.message ?? e) }))`,
      args,
    });
  const element = async (css) => Object.values(await at('POST', '/element', { using: 'css selector', value: css }))[0];
  const there = (css) => js('(css) => document.querySelector(css) !== null', css);
  const seen = (css) => until(`${css} is there`, () => there(css));
  const text = (css) => js('(css) => document.querySelector(css)?.textContent ?? null', css);
  const click = async (css) => {
    await seen(css);
    await at('POST', `/element/${await element(css)}/click`, {});
  };
  const type = async (css, keys) => {
    const id = await element(css);
    await at('POST', `/element/${id}/clear`, {});
    await at('POST', `/element/${id}/value`, { text: keys });
  };
  // Clicks what a function of the page finds, once it finds it.
  const press = async (what, find) => {
    const found = await until(what, () => js(find));
    await at('POST', `/element/${Object.values(found)[0]}/click`, {});
  };
  const address = () => at('GET', '/url');
  const picture = async () => Buffer.from(await at('GET', '/screenshot'), 'base64');
  const reload = () => at('POST', '/refresh', {});
  // The program is told as by a session that ends; the driver may leave it running.
  const end = async (pid) => {
    process.kill(pid, 'SIGTERM');
    await until(`process ${pid} has ended`, () => [undefined, 'Z'].includes(state(pid)));
    driver.kill('SIGTERM');
    await driver.ended;
  };
  return { js, wait, there, seen, text, click, type, press, address, picture, reload, end, driver };
}

const words = (...args) => execFileSync(args[0], args.slice(1), { encoding: 'utf8', timeout: 10_000 }).trim().split('\n');

// The numbers of the program's windows that can be seen.
export function windows(world) {
  try {
    return words('env', `DISPLAY=:${world.number}`, 'xdotool', 'search', '--onlyvisible', '--name', '^Forge Desktop$').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

// Asks a window to close, as the cross in its corner does: in the words of X11, since no window manager is there.
export function askToClose(world, window) {
  const socket = createConnection(`/tmp/.X11-unix/X${world.number}`);
  const hello = Buffer.alloc(12);
  hello.write('l', 0);
  hello.writeUInt16LE(11, 2);
  const atom = (name) => {
    const request = Buffer.alloc(8 + Math.ceil(name.length / 4) * 4);
    request.writeUInt8(16, 0);
    request.writeUInt16LE(request.length / 4, 2);
    request.writeUInt16LE(name.length, 4);
    request.write(name, 8);
    return request;
  };
  const message = (protocols, remove) => {
    const request = Buffer.alloc(44);
    request.writeUInt8(25, 0);
    request.writeUInt16LE(11, 2);
    request.writeUInt32LE(window, 4);
    request.writeUInt8(33, 12);
    request.writeUInt8(32, 13);
    request.writeUInt32LE(window, 16);
    request.writeUInt32LE(protocols, 20);
    request.writeUInt32LE(remove, 24);
    return request;
  };
  return new Promise((done, lost) => {
    let got = Buffer.alloc(0);
    let greeted = false;
    socket.on('error', lost);
    socket.on('connect', () => socket.write(hello));
    socket.on('data', (more) => {
      got = Buffer.concat([got, more]);
      if (!greeted && got.length >= 8 && got.length >= 8 + got.readUInt16LE(6) * 4) {
        if (got[0] !== 1) return lost(new Error('the display refuses'));
        got = got.subarray(8 + got.readUInt16LE(6) * 4);
        greeted = true;
        socket.write(Buffer.concat([atom('WM_PROTOCOLS'), atom('WM_DELETE_WINDOW')]));
      }
      if (greeted && got.length >= 64) {
        socket.end(message(got.readUInt32LE(8), got.readUInt32LE(40)), done);
      }
    });
  });
}

// What the kernel says of a process, behind its name: its state, its parent. Nothing when it is gone.
function stat(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  } catch {
    return [];
  }
}

// A letter; T is stopped.
export const state = (pid) => stat(pid)[0];

// A process and all that it has started.
export function family(pid) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parent = (name) => Number(stat(name)[1] ?? 0);
  const found = [pid];
  for (const one of found) found.push(...all.map(Number).filter((name) => parent(name) === one));
  return found;
}

// The port through which the driver looks into the program: connections with it are the only ones while it does.
export function driversPort(pid) {
  const said = readFileSync(`/proc/${pid}/environ`, 'utf8').match(/(?:^|\0)WEBKIT_INSPECTOR_SERVER=[^\0]*:(\d+)(?:\0|$)/);
  if (!said) throw new Error(`the driver has named no port to process ${pid}`);
  return Number(said[1]);
}

// What a process has open; nothing when it has ended.
function files(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch (error) {
    if ([undefined, 'Z'].includes(state(pid))) return [];
    throw error;
  }
}

// The internet sockets of processes, except those with one port at either end: lines of the kernel's tables that belong to
// one of their files.
export function sockets(pids, except = 0) {
  const own = new Set();
  for (const pid of pids) {
    for (const file of files(pid)) {
      try {
        const inode = readlinkSync(`/proc/${pid}/fd/${file}`).match(/^socket:\[(\d+)\]$/);
        if (inode) own.add(inode[1]);
      } catch {
        // Closed meanwhile.
      }
    }
  }
  const tables = ['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6'];
  return tables.flatMap((table) => {
    const lines = readFileSync(`/proc/${pids[0]}/net/${table}`, 'utf8').trim().split('\n').slice(1);
    return lines
      .map((line) => line.trim().split(/\s+/))
      .filter((words) => own.has(words[9]) && ![words[1], words[2]].some((end) => Number(`0x${end.split(':')[1]}`) === except))
      .map((words) => `${table}: ${words.join(' ')}`);
  });
}
