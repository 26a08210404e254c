// The panel beside a great many jobs: how soon something useful is to be seen, how long the page is busy at a time while work
// is done under its eyes, how many rows it has, and whether its memory stays flat.
//
//   cargo xtask torture panel [--short] [--minutes N]
//
// The long form has a million jobs and lasts half an hour; times count there, so it wants a machine that does nothing else.
// The short form has 20,000 jobs and lasts seconds; it judges rows and long tasks, with room for a machine that is busy.

import assert from 'node:assert/strict';
import { loadavg } from 'node:os';
import { browser as launch, watchMemory, world as begin } from './rig.mjs';

const short = process.argv.includes('--short');
const JOBS = short ? 20_000 : 1_000_000;
const minutes = Number(process.argv[process.argv.indexOf('--minutes') + 1]) || 30;
const CHURN = (short ? 6 : minutes * 60) * 1000;
const ROWS = 500;
// Milliseconds. The short form runs beside other work, and on programs that nobody has optimised.
const PAINT = short ? Infinity : 1000;
const TASK = short ? 1000 : 100;
// A heap that grows by less than this, from its first quarter to its last, is flat.
const GROWTH = 2 * 1024 * 1024;

process.env.CHROMIUM_ARGS = '--js-flags=--expose-gc --enable-precise-memory-info';
const world = begin();
const load = () => loadavg().map((n) => n.toFixed(1)).join(' ');
console.log(`load ${load()}; putting ${JOBS} jobs in`);
world.fill(JOBS);
const server = await world.serve('--worker', '--test-handlers');
const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();
page.setDefaultTimeout(30000);
const errors = [];
page.on('pageerror', (error) => errors.push(String(error)));

await watchMemory(page);
// In the page before its own scripts: long tasks, and the first useful paint.
await page.addInitScript(() => {
  window.tasks = [];
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.tasks.push(task.duration);
  }).observe({ type: 'longtask', buffered: true });
  const useful = () => document.querySelector('.fp-jobs .fp-row, .fp-tile-count') && !document.querySelector('.fp-tile-count')?.textContent.includes('\u2007');
  const look = () => {
    if (!useful()) return requestAnimationFrame(look);
    // What is in the document now is painted with this frame.
    requestAnimationFrame(() => (window.painted = performance.now()));
  };
  requestAnimationFrame(look);
});

const problems = [];
const judge = (is, what) => {
  console.log(`${is ? 'ok     ' : 'FAILED '} ${what}`);
  if (!is) problems.push(what);
};

// Twice: what is not in the browser's cache is fetched from this machine, which takes next to nothing.
for (const path of ['/', '/jobs', '/jobs?queue=q3&status=pending', '/scheduled', '/dead', '/jobs?tag=vip']) {
  await page.goto(`${server.url}/panel${path}`);
  await page.waitForFunction(() => window.painted);
  const ms = await page.evaluate(() => window.painted - performance.getEntriesByType('navigation')[0].responseEnd);
  judge(ms <= PAINT, `${path}: useful ${ms.toFixed(0)} ms after its document`);
}

// Jobs come and go in a queue of their own; half of them fail, so that lists, errors and charts move too.
let at = 0;
const churn = () => {
  const lines = Array.from({ length: 40 }, () => ({ kind: (at += 1) % 2 ? 't.echo' : 't.fail', queue: `q${at % 10}`, payload: { at }, max_attempts: 1 }));
  world.bulk(lines);
};
const session = await context.newCDPSession(page);
await session.send('Performance.enable');
// The heap after a collection, and the module's memory, which only grows.
const heap = async () => {
  await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  const metric = (name) => metrics.find((m) => m.name === name).value;
  const wasm = await page.evaluate(() => window.memory?.buffer.byteLength ?? 0);
  return { js: metric('JSHeapUsedSize'), nodes: metric('Nodes'), wasm };
};
for (const [path, share] of [['/', 0.5], ['/jobs', 0.3], ['/dead', 0.2]]) {
  await page.goto(`${server.url}/panel${path}`);
  await page.waitForFunction(() => window.painted);
  await page.locator('.fp-live[data-live=on]').waitFor();
  await page.waitForTimeout(500);
  // One that is too long is seen: else none that is found would mean nothing.
  await page.evaluate(() => {
    setTimeout(() => {
      const until = performance.now() + 120;
      while (performance.now() < until);
    });
  });
  const seen = await page.waitForFunction(() => window.tasks.some((took) => took >= 100)).then(() => true, () => false);
  judge(seen, `${path}: a task of 120 ms is seen`);
  await page.evaluate(() => (window.tasks.length = 0));
  const samples = [];
  const until = Date.now() + CHURN * share;
  let [rows, tasks, sampled] = [0, [], 0];
  while (Date.now() < until) {
    const next = Date.now() + 1000;
    churn();
    // Who reads a list has it shown anew now and then.
    await page.keyboard.press('n');
    rows = Math.max(rows, await page.evaluate(() => document.querySelectorAll('.fp-main tr, .fp-main li').length));
    await page.waitForTimeout(Math.max(0, next - Date.now()));
    tasks = tasks.concat(await page.evaluate(() => window.tasks.splice(0)));
    if (!short && Date.now() - sampled >= 15_000) {
      sampled = Date.now();
      samples.push(await heap());
      // A collection that was asked for here is no work of the page.
      await page.evaluate(() => (window.tasks.length = 0));
    }
  }
  // On a busy machine one task may be long because the machine stood still: a page that is slow is so more than once.
  const [longest, next] = [...tasks.sort((a, b) => b - a), 0, 0];
  judge(
    (short ? next : longest) <= TASK,
    `${path}: the longest of ${tasks.length} tasks over 50 ms took ${longest.toFixed(0)} ms, the next one ${next.toFixed(0)} ms`,
  );
  judge(rows > 0 && rows <= ROWS, `${path}: ${rows} rows and items at most`);
  if (!short) {
    const quarter = Math.max(1, Math.floor(samples.length / 4));
    const mean = (all, of) => all.reduce((sum, s) => sum + s[of], 0) / all.length;
    // The first tenth fills what is filled once: caches, and series up to their length.
    const [first, last] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
    const grown = mean(last, 'js') + mean(last, 'wasm') - mean(first, 'js') - mean(first, 'wasm');
    const kib = (n) => `${(n / 1024).toFixed(0)} KiB`;
    judge(
      grown <= GROWTH,
      `${path}: from the second quarter to the last the heap went from ${kib(mean(first, 'js'))} to ${kib(mean(last, 'js'))}, ` +
        `the module from ${kib(mean(first, 'wasm'))} to ${kib(mean(last, 'wasm'))}, nodes from ${mean(first, 'nodes').toFixed(0)} to ${mean(last, 'nodes').toFixed(0)}`,
    );
  }
}
judge(errors.length === 0, `no error on the page${errors.map((e) => `: ${e}`)}`);
console.log(`load ${load()}`);
await browser.close();
await server.stop();
await world.close();
assert.deepEqual(problems, []);
