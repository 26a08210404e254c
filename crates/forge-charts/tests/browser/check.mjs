// The gallery in a headless Chromium: what only a browser can show. Everything else is tested on the host.
//
//   cargo xtask gallery
//   cd crates/forge-charts/tests/browser && npm install && node check.mjs ../../../../target/gallery
//
// CHROMIUM names the browser (default /usr/bin/chromium); SHOTS a directory for pictures.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import axe from '@axe-core/playwright';

const AxeBuilder = axe.default ?? axe;
const root = process.argv[2] ?? '../../../../target/gallery';
const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

const server = createServer(async (request, response) => {
  const path = normalize(new URL(request.url, 'http://localhost').pathname).replace(/^\/$/, '/index.html');
  try {
    const body = await readFile(join(root, path));
    response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const url = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage'],
});

let passed = 0;
let failed = 0;

// Runs one check on a page of its own. An error on the page fails it.
async function check(name, body, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(5000);
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  try {
    await page.goto(url);
    await page.waitForSelector('#area .fc-plot path');
    await body(page);
    assert.deepEqual(errors, []);
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${String(error.stack ?? error).split('\n').slice(0, 6).join('\n        ')}`);
    if (errors.length) console.log(`        page: ${errors.join(' | ')}`);
  }
  await context.close();
}

const stage = (page, name) => page.locator(`#${name} .fc-stage`);

// A point of a stage, by shares of its width and height, after it was scrolled to.
async function spot(page, name, x, y = 0.5) {
  await stage(page, name).scrollIntoViewIfNeeded();
  const box = await stage(page, name).boundingBox();
  return [box.x + box.width * x, box.y + box.height * y];
}

const tip = (page, name) => page.locator(`#${name} .fc-tip`);
const live = (page, name) => page.locator(`#${name} [aria-live]`);
const ticks = (page, name) => page.locator(`#${name} .fc-x text`).allTextContents();

await check('the tooltip has every series, and its numbers are those of the table', async (page) => {
  await page.mouse.move(...(await spot(page, 'stacked', 0.5)));
  const title = await tip(page, 'stacked').locator('.fc-tip-title').textContent();
  const rows = await tip(page, 'stacked').locator('tr').evaluateAll((all) =>
    all.map((row) => [row.cells[1].textContent, row.cells[2].textContent]));
  assert.equal(rows.length, 4);
  const said = Object.fromEntries(rows);
  await page.locator('#stacked .fc-table summary').click();
  const row = page.locator('#stacked tbody tr', { has: page.locator(`th:text-is("${title}")`) });
  const cells = await row.locator('td').allTextContents();
  assert.deepEqual(cells, [said.completed, said.retried, said.failed]);
  assert.equal(Number(said.total), cells.reduce((sum, cell) => sum + Number(cell), 0));
});

await check('the tooltip never lies under the pointer nor outside the chart', async (page) => {
  for (const share of [0.1, 0.3, 0.5, 0.7, 0.9, 0.97]) {
    const [x, y] = await spot(page, 'area', share);
    await page.mouse.move(x, y);
    const box = await tip(page, 'area').boundingBox();
    const around = await page.locator('#area').boundingBox();
    assert.ok(x < box.x || x > box.x + box.width, `at ${share}`);
    assert.ok(box.x >= around.x && box.x + box.width <= around.x + around.width, `at ${share}`);
  }
});

await check('charts of a group share crosshair and zoom, others do not', async (page) => {
  await page.mouse.move(...(await spot(page, 'area', 0.5)));
  await tip(page, 'stacked').waitFor();
  assert.equal(await tip(page, 'stacked-bars').count(), 0);
  const before = await ticks(page, 'stacked');
  const [x, y] = await spot(page, 'area', 0.4);
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 60, y, { steps: 4 });
  assert.equal(await page.locator('#area .fc-selection').count(), 1);
  await page.mouse.up();
  assert.equal(await page.locator('#area .fc-selection').count(), 0);
  assert.notDeepEqual(await ticks(page, 'stacked'), before);
  assert.deepEqual((await ticks(page, 'stacked')).length > 0, true);
  await page.locator('#stacked button', { hasText: 'Reset zoom' }).click();
  assert.deepEqual(await ticks(page, 'stacked'), before);
  assert.equal(await page.locator('button', { hasText: 'Reset zoom' }).count(), 0);
});

await check('a double click and Escape show all again', async (page) => {
  const before = await ticks(page, 'stacked-bars');
  for (const undo of [
    async () => page.mouse.dblclick(...(await spot(page, 'stacked-bars', 0.5))),
    async () => page.keyboard.press('Escape'),
  ]) {
    const [x, y] = await spot(page, 'stacked-bars', 0.4);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 90, y, { steps: 4 });
    await page.mouse.up();
    assert.notDeepEqual(await ticks(page, 'stacked-bars'), before);
    await undo();
    assert.deepEqual(await ticks(page, 'stacked-bars'), before);
  }
});

await check('every key works, and the point is said aloud', async (page) => {
  await stage(page, 'area').focus();
  await page.keyboard.press('Home');
  assert.match(await live(page, 'area').textContent(), /^29 Nov 2026, 14:30: completed/);
  await page.keyboard.press('ArrowRight');
  assert.match(await live(page, 'area').textContent(), /^29 Nov 2026, 14:31: /);
  await page.keyboard.press('End');
  assert.match(await live(page, 'area').textContent(), /^29 Nov 2026, 15:29: /);
  const before = await ticks(page, 'area');
  await page.keyboard.press('+');
  assert.notDeepEqual(await ticks(page, 'area'), before);
  await page.keyboard.press('Escape');
  assert.deepEqual(await ticks(page, 'area'), before);
  await page.keyboard.press('Tab');
  const left = await page.evaluate(() => document.activeElement.closest('.fc-stage') === null);
  assert.ok(left, 'Tab leaves the chart');
});

await check('the plain wheel scrolls the page, with Ctrl it zooms', async (page) => {
  const before = await ticks(page, 'lines');
  await page.mouse.move(...(await spot(page, 'lines', 0.5)));
  await page.mouse.wheel(0, 120);
  assert.deepEqual(await ticks(page, 'lines'), before);
  await page.mouse.move(...(await spot(page, 'lines', 0.5)));
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -300);
  await page.keyboard.up('Control');
  await page.waitForFunction((old) => {
    const now = [...document.querySelectorAll('#lines .fc-x text')].map((t) => t.textContent);
    return JSON.stringify(now) !== JSON.stringify(old);
  }, before);
});

await check('a click keeps the crosshair, and another one frees it', async (page) => {
  const [x, y] = await spot(page, 'bars', 0.5);
  await page.mouse.click(x, y);
  const title = await tip(page, 'bars').locator('.fc-tip-title').textContent();
  await page.mouse.move(x + 100, y);
  assert.equal(await tip(page, 'bars').locator('.fc-tip-title').textContent(), title);
  await page.mouse.move(5, 5);
  assert.equal(await tip(page, 'bars').count(), 1);
  await page.mouse.click(...(await spot(page, 'bars', 0.6)));
  await page.mouse.move(5, 5);
  await tip(page, 'bars').waitFor({ state: 'detached' });
});

await check('the legend hides, shows and isolates', async (page) => {
  const button = (name) => page.locator('#stacked .fc-legend button', { hasText: name });
  const shown = () => page.locator('#stacked .fc-series').count();
  await button('failed').click();
  assert.equal(await button('failed').getAttribute('aria-pressed'), 'false');
  assert.equal(await shown(), 2);
  await button('failed').press('Enter');
  assert.equal(await shown(), 3);
  await button('retried').click({ modifiers: ['Alt'] });
  assert.equal(await shown(), 1);
  await button('retried').dblclick();
  assert.equal(await shown(), 3);
});

await check('the host decides the range where it says so', async (page) => {
  const [x, y] = await spot(page, 'controlled', 0.4);
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 90, y, { steps: 4 });
  await page.mouse.up();
  assert.equal(await page.locator('#controlled output').textContent(), '1');
  await page.locator('#controlled button', { hasText: 'Reset zoom' }).click();
  assert.equal(await page.locator('#controlled output').textContent(), '2');
});

await check('an update touches only what changed, and keeps the elements', async (page) => {
  await page.evaluate(() => {
    window.path = document.querySelector('#live .fc-series path');
    window.seen = { added: 0, changed: 0 };
    new MutationObserver((list) => {
      for (const m of list) window.seen[m.type === 'childList' ? 'added' : 'changed'] += m.addedNodes.length || 1;
    }).observe(document.querySelector('#live .fc-stage > svg'), { subtree: true, childList: true, attributes: true });
  });
  await page.locator('#tick').click();
  const seen = await page.evaluate(() => window.seen);
  assert.ok(await page.evaluate(() => window.path.isConnected), 'the path is the same element');
  assert.ok(seen.added <= 6 && seen.changed > 0 && seen.changed <= 120, JSON.stringify(seen));
});

await check('the picture follows the width of its container', async (page) => {
  await page.setViewportSize({ width: 420, height: 800 });
  await page.waitForFunction(() => {
    const stage = document.querySelector('#area .fc-stage');
    return Math.abs(stage.querySelector('svg').clientWidth - stage.clientWidth) < 1 && stage.clientWidth < 420;
  });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `the page scrolls sideways by ${wide}`);
  const boxes = await page.locator('#area .fc-x text').evaluateAll((all) =>
    all.map((t) => t.getBoundingClientRect()).map((b) => [Math.round(b.top), b.left, b.right]));
  boxes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  for (let i = 1; i < boxes.length; i += 1) {
    assert.ok(boxes[i][0] !== boxes[i - 1][0] || boxes[i][1] > boxes[i - 1][2], 'labels touch');
  }
});

await check('a finger moves the crosshair, two zoom, a tap keeps it', async (page) => {
  const client = await page.context().newCDPSession(page);
  const touch = (type, ...points) =>
    client.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  const [x, y] = await spot(page, 'area', 0.4);
  await touch('touchStart', [x, y]);
  await tip(page, 'area').waitFor();
  await touch('touchMove', [x + 40, y]);
  await touch('touchEnd');
  const before = await ticks(page, 'area');
  await touch('touchStart', [x, y], [x + 40, y]);
  await touch('touchMove', [x - 20, y], [x + 60, y]);
  await touch('touchMove', [x - 40, y], [x + 80, y]);
  await touch('touchEnd');
  assert.notDeepEqual(await ticks(page, 'area'), before);
}, { hasTouch: true, viewport: { width: 400, height: 800 } });

await check('a theme changes colours without drawing anew', async (page) => {
  const paint = () => page.locator('#area .fc-line').first().evaluate((e) => getComputedStyle(e).stroke);
  await page.evaluate(() => {
    window.drawn = 0;
    new MutationObserver((list) => (window.drawn += list.length))
      .observe(document.querySelector('#area .fc-stage'), { subtree: true, childList: true, attributes: true });
  });
  const light = await paint();
  await page.locator('#theme').click();
  await page.waitForFunction((old) => getComputedStyle(document.querySelector('#area .fc-line')).stroke !== old, light);
  assert.equal(await page.evaluate(() => window.drawn), 0);
});

for (const theme of ['light', 'dark']) {
  for (const width of [360, 1280]) {
    await check(`axe finds nothing: ${theme}, ${width} px`, async (page) => {
      if (theme === 'dark') await page.locator('#theme').click();
      await page.locator('#area .fc-table summary').click();
      await stage(page, 'area').focus();
      await page.keyboard.press('Home');
      const { violations } = await new AxeBuilder({ page }).analyze();
      assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 160)}`), []);
      if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${theme}-${width}.png`), fullPage: true });
    }, { viewport: { width, height: 900 } });
  }
}

await check('with forced colours every chart can still be seen', async (page) => {
  const stroke = await page.locator('#area .fc-line').first().evaluate((e) => getComputedStyle(e).stroke);
  const ground = await page.locator('#area .fc').evaluate((e) => getComputedStyle(e).backgroundColor);
  assert.notEqual(stroke, ground);
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, 'forced.png') });
}, { forcedColors: 'active' });

await browser.close();
server.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
