// The program in its window, on a display that nobody sees: what only a window can show. What jobs do to files is tested
// beside them.
//
//   cargo xtask desktop
//
// builds everything and calls this. The first word is the program; words after it pick the checks whose name holds one of
// them. SHOTS names a directory for pictures.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askToClose, driven, family, pause, sockets, until, windows, world as begin } from './rig.mjs';

const [program, ...wanted] = process.argv.slice(2);
const world = await begin(program);
const folder = join(world.dir, 'pictures');
let passed = 0;
let failed = 0;
let window;

// Real files: some of them are there twice.
const contents = new Map();
function file(name, text) {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  contents.set(path, createHash('sha256').update(text).digest('hex'));
}
for (let n = 0; n < 240; n += 1) file(`2026/${n % 12}/photo-${n}.raw`, `${n}:`.repeat(9_000 + 40 * n));
for (const n of [7, 31, 118]) file(`copies/photo-${n} (1).raw`, `${n}:`.repeat(9_000 + 40 * n));
file('copies/photo-31 (2).raw', '31:'.repeat(9_000 + 40 * 31));
file('notes/<img src=x onerror="window.hacked=1">.txt', 'a name that would be more than text');

const jobs = (what = '') => world.sql('forge.db', `SELECT kind, status, claim_no, attempt, payload FROM forge_inspect_jobs ${what}`);
const unfinished = () => jobs("WHERE status NOT IN ('done', 'dead')");
const registered = () => world.sql('forge.db', 'SELECT pid FROM forge_processes WHERE ended_at IS NULL').map((row) => row.pid);

async function check(name, body) {
  if (wanted.length && !wanted.some((word) => name.includes(word))) return;
  const began = Date.now();
  try {
    await body();
    passed += 1;
    console.log(`ok      ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${String(error.stack ?? error).split('\n').slice(0, 8).join('\n        ')}`);
    if (window && process.env.SHOTS) await shot(`failed-${failed}`).catch(() => {});
  }
}

async function shot(name) {
  if (process.env.SHOTS) writeFileSync(join(process.env.SHOTS, `${name}.png`), await window.picture());
}

const invoke = (command, args) => window.wait('(c, a) => window.__TAURI_INTERNALS__.invoke(c, a)', command, args);
const request = (method, path, body, headers = []) =>
  invoke('panel_call', { request: JSON.stringify([method, path, body ? JSON.stringify(body) : null, headers]) });

// --- In a window that a script drives.

window = await driven(world).catch((error) => {
  world.close();
  throw error;
});

await check('a folder is chosen, its files are hashed, and what is there twice is shown', async () => {
  await window.seen('#choose');
  await window.type('#path', folder);
  await window.click('#choose button');
  await until('all is hashed', async () => (await window.text('#hashed')) === String(contents.size));
  await until('nothing is left to do', async () => (await window.text('#unfinished')) === '0');
  const rows = world.sql('files.db', 'SELECT path, sha256 FROM files');
  assert.deepEqual(new Map(rows.map((row) => [row.path, row.sha256])), contents);
  await until('the duplicates are shown', async () => (await window.js("() => document.querySelectorAll('#rows tr').length")) === 3);
  await shot('folder');
});

await check('the panel shows these jobs, and its address is one to come back to', async () => {
  await window.click('.bar a[href="/panel/"]');
  await window.seen('.fp-nav');
  await window.click('.fp-nav a[href="/panel/jobs"]');
  await until('jobs are shown', () => window.js("() => document.querySelectorAll('.fp-jobs .fp-row').length > 20"));
  assert.match(await window.text('.fp-main'), /file\.hash/);
  await until('it is live', () => window.there('.fp-live[data-live=on]'));
  await window.reload();
  await until('jobs are shown again', () => window.js("() => document.querySelectorAll('.fp-jobs .fp-row').length > 20"));
  assert.equal(await window.address(), 'forge://localhost/panel/jobs');
  assert.match(await window.text('.bar'), /Folder/);
});

await check('what is done in the panel is done to the queue', async () => {
  await window.click('.fp-nav a[href="/panel/queues"]');
  const paused = () => world.sql('forge.db', "SELECT paused FROM forge_queues WHERE name = 'files'")[0].paused === 1;
  const button = (words) =>
    `() => [...document.querySelectorAll('.fp-main tr')].find((tr) => /^files/.test(tr.textContent.trim()))
      ?.querySelector('button')?.textContent.trim() === '${words}'`;
  await until('the queue is shown', () => window.js(button('Pause')));
  await window.js(
    "() => [...document.querySelectorAll('.fp-main tr')].find((tr) => /^files/.test(tr.textContent.trim())).querySelector('button').click()",
  );
  await until('the queue is paused', paused);
  const [action] = world.sql('forge.db', 'SELECT * FROM forge_audit ORDER BY no DESC LIMIT 1');
  assert.equal(action.action, 'queue.pause');
  // Somebody else resumes it: the page hears of it by itself.
  await until('the page shows that it is paused', () => window.js(button('Resume')));
  const [status] = await request('POST', '/queues/files/resume');
  assert.equal(status, 200);
  await until('the page shows that it is not', () => window.js(button('Pause')));
  assert.equal(paused(), false);
});

await check('errors are those of the API, and nothing else can be called', async () => {
  const code = (answer) => [answer[0], JSON.parse(answer[1]).error.code];
  assert.deepEqual(code(await request('GET', '/queues/none')), [404, 'not_found']);
  assert.deepEqual(code(await request('PATCH', '/queues/files', { workers: 2 }, [['If-Match', '"999"']])), [412, 'precondition_failed']);
  assert.deepEqual(code(await request('GET', '/jobs', null, [['Cookie', 'a=b']])), [400, 'malformed']);
  for (const command of ['plugin:app|version', 'plugin:window|close', 'plugin:event|listen', 'nothing']) {
    const answer = await invoke(command, {});
    assert.match(answer?.error ?? '', /not allowed|not found/, command);
  }
  const refused = `() => { try { return new Function('return 1')() } catch (e) { return e.name } }`;
  assert.equal(await window.js(refused), 'EvalError');
  const inline = `() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 2'; document.body.append(s); s.remove(); return window.hacked ?? null }`;
  assert.equal(await window.js(inline), null);
});

await check('copies become hard links once it is confirmed, and not before', async () => {
  await window.click('.bar a[href="/"]');
  const inode = (name) => statSync(join(folder, name)).ino;
  const [kept, copy] = ['2026/7/photo-31.raw', 'copies/photo-31 (1).raw'];
  await window.seen('#rows button');
  const first = await window.text('#rows tr td.path');
  assert.match(first, /photo-31/);
  await window.click('#rows button');
  assert.match(await window.text('#question'), /Replace 2 copies/);
  await window.click('#sure button[value=no]');
  assert.equal(jobs("WHERE kind = 'file.link'").length, 0);
  await window.click('#rows button');
  await window.click('#yes');
  await until('the group is gone', async () => (await window.js("() => document.querySelectorAll('#rows tr').length")) === 2);
  assert.equal(inode(kept), inode(copy));
  assert.equal(inode(kept), inode('copies/photo-31 (2).raw'));
  assert.equal(jobs("WHERE kind = 'file.link' AND status = 'done'").length, 2);
  assert.equal(await window.js('() => window.hacked ?? null'), null);
});

if (process.env.SHOTS) {
  // A picture with work in it: some minutes of it, and files that are large enough to be seen running.
  await window.click('.bar a[href="/panel/"]');
  await window.seen('.fp-nav');
  for (let round = 0; round < 30; round += 1) {
    for (let n = 0; n < 20 + ((round * 37) % 90); n += 1) file(`new/${round}/scan-${n}.tif`, `${round}/${n} `.repeat(20_000));
    if (round % 6 === 3) {
      for (const n of [1, 2, 3]) {
        file(`films/${round}-${n}.mov`, '');
        truncateSync(join(folder, `films/${round}-${n}.mov`), 6e9 + n);
      }
    }
    await invoke('folder_scan');
    await pause(5_000);
  }
  file('films/last.mov', '');
  truncateSync(join(folder, 'films/last.mov'), 20e9);
  await invoke('folder_scan');
  await until('it runs', () => jobs("WHERE status = 'running'").length > 0);
  await pause(2_500);
  await shot('desktop');
  await until('all is done', () => unfinished().length === 0, 180_000);
}

const [driver] = registered();
await window.end();
await until('the driver has ended the program', () => !existsSync(`/proc/${driver}`));
window = null;

// --- As a person starts it: nobody drives it.

await check('it listens on nothing, and neither does what it has started', async () => {
  const first = world.run();
  await until('the window is there', () => windows(world).length === 1);
  await until('it works', () => registered().includes(first.pid));
  await until('the page is loaded', () => family(first.pid).length >= 3);
  assert.deepEqual(sockets(family(first.pid)), []);

  // A second start shows the first one's window, and ends.
  const second = world.run();
  assert.equal(await second.ended, 0, second.said);
  assert.match(second.said, /it runs already/);
  assert.equal(jobs("WHERE kind = 'window.show' AND status = 'done'").length > 0, true);
  // Whoever was ended without a word before is found to be gone.
  await until('it is the only one', () => String(registered()) === String(first.pid));
  assert.equal(windows(world).length, 1);

  first.kill('SIGTERM');
  assert.equal(await first.ended, 0, first.said);
  assert.deepEqual(registered(), []);
});

await check('neither a sleep nor the end of the window loses a job', async () => {
  // Nothing on the disk, and longer to read than anybody waits.
  const large = join(folder, 'large.iso');
  file('large.iso', '');
  truncateSync(large, 400e9);
  const running = () => jobs("WHERE status = 'running' AND kind = 'file.hash'")[0];
  const first = world.run();
  const before = await until('the large file is read', running);
  const count = jobs().length;

  // Asleep for longer than the others would wait for it; awake, it has the job still, under another claim.
  first.kill('SIGSTOP');
  await pause(2_000);
  first.kill('SIGCONT');
  const after = await until('the job runs again', () => {
    const now = running();
    return now && now.claim_no > before.claim_no && now;
  });
  assert.equal(after.payload, before.payload);
  assert.equal(windows(world).length, 1);

  await askToClose(world, windows(world)[0]);
  assert.equal(await first.ended, 0, first.said);
  const [left, ...others] = unfinished();
  assert.deepEqual([left.status, left.payload, others], ['pending', before.payload, []]);
  assert.ok(jobs().length >= count);
  assert.deepEqual(registered(), []);

  // The next start goes on with it.
  file('large.iso', 'short by now');
  const second = world.run();
  await until('nothing is left to do', () => unfinished().length === 0);
  await until('it is hashed', () => {
    const [row] = world.sql('files.db', `SELECT sha256 FROM files WHERE path = '${large}'`);
    return row?.sha256 === contents.get(large);
  });
  assert.deepEqual(jobs("WHERE status = 'dead'"), []);
  second.kill('SIGTERM');
  assert.equal(await second.ended, 0, second.said);
});

world.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
