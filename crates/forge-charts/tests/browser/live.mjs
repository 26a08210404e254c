// A chart that moves ten times a second for ten minutes, while a pointer moves over it: the heap, the elements and the
// listeners of the page stay what they were.
//
//   cargo xtask torture charts-live [--minutes N]

import assert from 'node:assert/strict';
import { open } from './page.mjs';

const [root, ...options] = process.argv.slice(2);
const at = options.indexOf('--minutes');
const minutes = at < 0 ? 10 : Number(options[at + 1]);
// The first minute fills caches: it is what the others are compared with.
const HEAP = 2 * 1024 * 1024;

const { browser, url, close } = await open(root);
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const errors = [];
page.on('pageerror', (error) => errors.push(String(error)));
await page.goto(url);
await page.waitForSelector('#live .fc-plot path');
const client = await page.context().newCDPSession(page);
await client.send('Performance.enable');
await client.send('HeapProfiler.enable');
await page.locator('#live .fc-stage').scrollIntoViewIfNeeded();
const box = await page.locator('#live .fc-stage').boundingBox();
await page.locator('#live .fc-legend button').first().focus();
await page.evaluate(() => {
  window.ticked = 0;
  setInterval(() => { document.getElementById('tick').click(); window.ticked += 1; }, 100);
});

// In MiB, after the garbage is gone; that of wasm apart, which never shrinks.
async function sample() {
  await client.send('HeapProfiler.collectGarbage');
  const { metrics } = await client.send('Performance.getMetrics');
  const found = Object.fromEntries(metrics.map((m) => [m.name, m.value]));
  return {
    heap: found.JSHeapUsedSize,
    wasm: await page.evaluate(() => window.wasmBytes?.() ?? 0),
    nodes: found.Nodes,
    listeners: found.JSEventListeners,
    elements: await page.evaluate(() => document.querySelectorAll('*').length),
    busy: found.TaskDuration,
    ticked: await page.evaluate(() => window.ticked),
  };
}

const samples = [];
const started = Date.now();
for (let minute = 0; minute <= minutes; minute += 1) {
  while (Date.now() - started < minute * 60000) {
    const share = ((Date.now() - started) % 5000) / 5000;
    await page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  const now = await sample();
  samples.push(now);
  const before = samples.at(-2);
  const busy = before ? `${(((now.busy - before.busy) / 60) * 100).toFixed(1)} % of the main thread` : '';
  const mib = (bytes) => (bytes / 1048576).toFixed(2);
  console.log(`minute ${minute}: ${now.ticked} updates, heap ${mib(now.heap)} MiB, wasm ${mib(now.wasm)} MiB, ${now.elements} elements, ${now.nodes} nodes, ${now.listeners} listeners ${busy}`);
}
const focused = await page.evaluate(() => document.activeElement?.closest('#live .fc-legend') !== null);
await close();

const [first, last] = [samples[Math.min(1, samples.length - 1)], samples.at(-1)];
assert.deepEqual(errors, []);
assert.ok(last.ticked >= minutes * 60 * 9, `only ${last.ticked} updates`);
assert.ok(focused, 'the legend has lost its focus');
assert.ok(last.heap - first.heap <= HEAP, `the heap grew from ${first.heap} to ${last.heap}`);
assert.ok(last.wasm - first.wasm <= HEAP, `the memory of wasm grew from ${first.wasm} to ${last.wasm}`);
for (const what of ['elements', 'nodes', 'listeners']) {
  assert.ok(last[what] <= first[what] * 1.1 + 50, `${what} grew from ${first[what]} to ${last[what]}`);
}
console.log('nothing grew');
