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
import { askToClose, driven, driversPort, family, sockets, state, until, windows, world as begin } from './rig.mjs';

const [program, ...wanted] = process.argv.slice(2);
// A lease of four and a half seconds: soon over, and not for want of a processor.
const world = await begin(program, { heartbeat: '1000' });
process.on('exit', world.close);
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

const jobs = (what = '') => world.sql('forge.db', `SELECT id, kind, status, claim_no, attempt, payload FROM forge_inspect_jobs ${what}`);
const hashes = (what) => jobs(`WHERE kind = 'file.hash' AND ${what}`);
const known = () => new Map(world.sql('files.db', 'SELECT path, sha256 FROM files').map((row) => [row.path, row.sha256]));
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
    console.log(`FAILED  ${name}\n        ${String(error.stack ?? error).split('\n').slice(0, 12).join('\n        ')}`);
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

window = await driven(world);

await check('a window opens, a folder is chosen, its files are hashed, and what is there twice is shown', async () => {
  await window.seen('#choose');
  await until('there is one window', () => windows(world).length === 1);
  await window.type('#path', folder);
  await window.click('#choose button');
  await until('all is hashed', async () => (await window.text('#hashed')) === String(contents.size));
  await until('nothing is left to do', async () => (await window.text('#unfinished')) === '0');
  assert.deepEqual(known(), contents);
  await until('the duplicates are shown', async () => (await window.js("() => document.querySelectorAll('#rows tr').length")) === 3);
  await shot('folder');
});

await check('the panel shows these jobs without a connection, and its address is one to come back to', async () => {
  await window.click('.bar a[href="/panel/"]');
  await window.seen('.fp-nav');
  await window.click('.fp-nav a[href="/panel/jobs"]');
  await until('jobs are shown', () => window.js("() => document.querySelectorAll('.fp-jobs .fp-row').length > 20"));
  assert.match(await window.text('.fp-main'), /file\.hash/);
  await until('it is live', () => window.there('.fp-live[data-live=on]'));
  // Whatever the panel asks from now on is written down: it goes to the program around it, which has no socket for it.
  await window.js('() => { const ask = window.fetch; window.asked = []; window.fetch = (to, ...more) => (window.asked.push(String(to)), ask(to, ...more)) }');
  await window.click('.fp-nav a[href="/panel/queues"]');
  await until('queues are shown', () => window.js("() => /files/.test(document.querySelector('.fp-main table')?.textContent ?? '')"));
  const asked = await window.js('() => window.asked');
  assert.ok(asked.includes('ipc://localhost/panel_call'), String(asked));
  assert.deepEqual(asked.filter((to) => !to.startsWith('ipc://localhost/')), []);
  const [pid] = registered();
  assert.deepEqual(sockets(family(pid), driversPort(pid)), []);
  await window.click('.fp-nav a[href="/panel/jobs"]');
  await window.reload();
  await until('jobs are shown again', () => window.js("() => document.querySelectorAll('.fp-jobs .fp-row').length > 20"));
  assert.equal(await window.address(), 'forge://localhost/panel/jobs');
  assert.match(await window.text('.bar'), /Folder/);
});

await check('what is done in the panel is done to the queue', async () => {
  await window.click('.fp-nav a[href="/panel/queues"]');
  const paused = () => world.sql('forge.db', "SELECT paused FROM forge_queues WHERE name = 'files'")[0].paused === 1;
  const button = (words) => `() => [...document.querySelectorAll('.fp-main tr button')].find((button) => button.ariaDisabled !== 'true' &&
    button.textContent.trim() === '${words}' && /^files/.test(button.closest('tr').textContent.trim())) ?? null`;
  await window.press('the queue is shown', button('Pause'));
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
  // A link is there before its job has ended.
  await until('both links are done', () => jobs("WHERE kind = 'file.link' AND status = 'done'").length === 2);
  assert.equal(await window.js('() => window.hacked ?? null'), null);
});

await check('a signal ends it, and leaves nobody registered', async () => {
  await window.end(registered()[0]);
  assert.deepEqual(registered(), []);
});
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
  // What a process has said may be read after its end is told, and what another one says at any time.
  await until('the second says why', () => /it runs already/.test(second.said));
  await until('the first says so too', () => /a second start: the window is in front/.test(first.said));
  assert.equal(jobs("WHERE kind = 'window.show' AND status = 'done'").length > 0, true);
  assert.deepEqual(registered(), [first.pid]);
  await until('there is one window', () => windows(world).length === 1);

  first.kill('SIGTERM');
  assert.equal(await first.ended, 0, first.said);
  assert.deepEqual(registered(), []);
});

await check('what runs when the window closes or the machine sleeps, runs on and ends once', async () => {
  // As many as there are workers: nothing on the disk, and longer to read than anybody waits.
  const [{ workers }] = world.sql('forge.db', "SELECT workers FROM forge_queues WHERE name = 'files'");
  const large = Array.from({ length: workers }, (_, n) => `large/${n}.iso`);
  for (const name of large) {
    file(name, '');
    truncateSync(join(folder, name), 400e9);
  }
  // The claims of these jobs, by job.
  const claims = (status) => new Map(hashes(`status = '${status}'`).map((job) => [job.id, job.claim_no]));
  const allRun = (later) =>
    until('all workers read', () => {
      const now = claims('running');
      return now.size === workers && [...now].every(([id, claim]) => !later || claim > later.get(id)) && now;
    });
  const first = world.run();
  const begun = await allRun();

  // Handed back uncharged, within the half second that jobs have here.
  const [shown] = await until('the window is there', () => {
    const all = windows(world);
    return all.length === 1 && all;
  });
  await askToClose(world, shown);
  assert.equal(await first.ended, 0, first.said);
  const left = hashes("status <> 'done'");
  assert.deepEqual(left.map((job) => job.id).sort(), [...begun.keys()].sort());
  assert.deepEqual(left.filter((job) => job.claim_no < begun.get(job.id)), []);
  assert.deepEqual(new Set(left.map((job) => `${job.status}, ${job.attempt} charged`)), new Set(['pending, 0 charged']));
  assert.deepEqual(registered(), []);

  // The next start goes on with them, and others wait behind.
  const small = Array.from({ length: 20 }, (_, n) => `later/${n}.txt`);
  for (const name of small) file(name, `later: ${name}`);
  const second = world.run();
  await until('the window is there', () => windows(world).length === 1);
  await allRun(begun);
  await until('the others wait', () => claims('pending').size === small.length);

  // Asleep until its lease is over; awake, it has its jobs still, under other claims, since the old ones are gone.
  second.kill('SIGSTOP');
  await until('it is asleep', () => state(second.pid) === 'T');
  const asleep = claims('running');
  assert.deepEqual([...asleep.keys()].sort(), [...begun.keys()].sort());
  const ends = () => world.sql('forge.db', `SELECT beat_at + stale_after AS at FROM forge_processes
    WHERE pid = ${second.pid} AND ended_at IS NULL`)[0].at;
  await until('its lease is over', () => Date.now() * 1_000 > ends());
  assert.deepEqual(claims('running'), asleep);
  second.kill('SIGCONT');
  const awake = await allRun(asleep);
  await until('there is one window', () => windows(world).length === 1);
  assert.deepEqual(registered(), [second.pid]);
  second.kill('SIGTERM');
  assert.equal(await second.ended, 0, second.said);
  assert.deepEqual([...begun.keys()].filter((id) => !claims('pending').has(id)), []);

  for (const name of large) file(name, `${name} is short by now`);
  const third = world.run();
  await until('nothing is left to do', () => registered().length === 1 && unfinished().length === 0);
  assert.deepEqual(known(), contents);
  third.kill('SIGTERM');
  assert.equal(await third.ended, 0, third.said);

  // Each claim but the last was given back, and the last one ended the job: once.
  for (const id of begun.keys()) {
    const events = world.sql('forge.db', `SELECT event, claim_no, cause FROM forge_job_events WHERE job = '${id}'`);
    const of = (event) => events.filter((one) => one.event === event).map((one) => one.claim_no);
    const [end, ...more] = of('done');
    assert.deepEqual(more, []);
    for (const claims of [begun, asleep, awake]) {
      assert.ok(claims.get(id) < end && of('released').includes(claims.get(id)), JSON.stringify(events));
    }
    assert.deepEqual(events.filter((one) => !['enqueued', 'released', 'started', 'done'].includes(one.event)), []);
  }
  assert.deepEqual(jobs("WHERE status = 'dead'"), []);
});

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
