// The panel in a headless Chromium, used as a person uses it: what only a browser can show. What pages compute is tested on
// the host. The checks are in `suite`, one file for each page or sort of thing; README.md says which check is of what.
//
//   cargo xtask panel --check [WORD…]          against a real `forge serve`, on both storages side by side
//   cargo xtask panel --mock --check [WORD…]   on the queue that is made up in the page
//
// builds what is needed and calls this. STORAGE is sqlite, postgres or mock; FORGE and FORGE_DB name the programs, PAGE the
// directory of the made-up queue, CHROMIUM the browser, SHOTS a directory for pictures. SLOW makes answers late and the page
// slow: what a check does not wait for it then misses. Words pick the checks whose name holds one of them. What is done
// through the page is asked of the tables themselves.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { browser as launch, madeUp, real } from './rig.mjs';
import access from './suite/access.mjs';
import around from './suite/around.mjs';
import cron from './suite/cron.mjs';
import job from './suite/job.mjs';
import jobs, { HOSTILE } from './suite/jobs.mjs';
import kept from './suite/kept.mjs';
import keyboard from './suite/keyboard.mjs';
import lasting from './suite/lasting.mjs';
import late from './suite/late.mjs';
import limits from './suite/limits.mjs';
import looks from './suite/looks.mjs';
import places from './suite/places.mjs';
import queues from './suite/queues.mjs';
import trouble from './suite/trouble.mjs';

// The longest first, so that nothing has to wait for it in the end.
const suite = [looks, places, jobs, job, queues, cron, limits, around, access, keyboard, kept, late, lasting, trouble].flat();
const words = process.argv.slice(2);
const storage = process.env.STORAGE ?? 'sqlite';
const world = storage === 'mock' ? await madeUp(process.env.PAGE) : real(storage);
const browser = await launch();
const end = { passed: 0, failed: 0, elsewhere: 0 };

// What is in the queue before anybody looks. The made-up one has the like of it from the beginning.
if (world.isReal) {
  world.bulk([
    ...Array.from({ length: 120 }, (_, n) => ({ kind: 'mail.send', queue: 'mail', payload: { to: `user-${n}`, n } })),
    ...Array.from({ length: 8 }, (_, n) => ({ kind: 'report', queue: 'reports/nightly', payload: { n }, run_at: '2050-01-01T00:00:00Z' })),
    ...HOSTILE.map((text) => ({ kind: 't.err', queue: 'errors', payload: { text }, max_attempts: 1, tags: [text.slice(0, 20)] })),
    { kind: 't.fail', queue: 'errors', payload: { n: 99 } },
    { kind: 't.echo', queue: 'default', payload: { big: 1 } },
  ]);
  world.cli('cron', 'set', 'nightly', '--expression', '30 2 * * *', '--kind', 'report', '--zone', 'Europe/Berlin');
  world.cli('limit', 'set', 'slack', '60', '--per', '1m');
  await world.restart();
  // A list that is empty when it is first shown stays so until somebody has it shown anew.
  const dead = "SELECT count(*) AS n FROM {v}forge_inspect_jobs WHERE queue = 'errors' AND status = 'dead'";
  await world.eventually(null, dead, [{ n: HOSTILE.length }]);
}

// What a check waits for later may fail while it waits for something else.
process.on('unhandledRejection', (error) => {
  end.failed += 1;
  console.log(`FAILED  ${storage.padEnd(8)} beside a check: ${error}`);
});

// A check that hangs is told by its name, and the others go on. The longest takes a minute, and a machine may be busy.
const LIMIT = 600_000;
async function within(limit, what, work) {
  let timer;
  const late = new Promise((_, lost) => {
    timer = setTimeout(() => lost(new Error(`${what} has taken longer than ${limit / 1000} s`)), limit);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function slow(page) {
  await page.route('**/api/v1/**', async (route) => {
    await new Promise((done) => setTimeout(done, 100 + 300 * Math.random()));
    await route.continue().catch(() => {});
  });
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: 3 });
}

// Runs a check on a page of its own. An error on the page fails it, and so does a payload that became more than text.
async function run({ name, run: body, real: notMadeUp, made, alone, expect = [], ...options }) {
  const why = world.isReal ? made && `the made-up queue alone: ${made}` : notMadeUp && `not on the made-up queue: ${notMadeUp}`;
  if (why) {
    end.elsewhere += 1;
    console.log(`-       ${storage.padEnd(8)}          ${name} (${why})`);
    return;
  }
  const begun = performance.now();
  const took = () => `${storage.padEnd(8)} ${((performance.now() - begun) / 1000).toFixed(1).padStart(5)} s`;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  // Of a page that asks every few seconds, on a machine that may be busy.
  page.setDefaultTimeout(30000);
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  try {
    if (process.env.SLOW) await slow(page);
    await within(LIMIT, 'the check', body(page, world));
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.deepEqual(errors.filter((text) => !expect.some((known) => text.includes(known))), []);
    end.passed += 1;
    console.log(`ok      ${took()}  ${name}`);
  } catch (error) {
    end.failed += 1;
    console.log(`FAILED  ${took()}  ${name}\n        ${String(error.stack ?? error).split('\n').slice(0, 12).join('\n        ')}`);
    if (errors.length) console.log(`        page: ${errors.join(' | ')}`);
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `failed-${storage}-${end.failed}.png`) });
  }
  await within(LIMIT, 'the end of its page', context.close()).catch((error) => {
    end.failed += 1;
    console.log(`FAILED  ${took()}  ${name}: ${error.message}`);
  });
}

// One after the other: what one of them does draws the lists of the others anew. Those that end the server come last.
const wanted = suite.filter((check) => !words.length || words.some((word) => check.name.includes(word)));
const last = (check) => Number(Boolean(check.alone));
for (const check of wanted.sort((a, b) => last(a) - last(b))) await run(check);

if (world.isReal) await world.server.stop();
await browser.close();
await world.close();
const left = world.leftOut ? `, and ${world.leftOut} looks into tables` : '';
console.log(`${storage}: ${end.passed} passed, ${end.failed} failed; ${end.elsewhere} checks are of another world${left}`);
process.exitCode = end.failed || !end.passed ? 1 : 0;
