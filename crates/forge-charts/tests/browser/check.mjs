// The gallery in a headless Chromium: what only a browser can show. Everything else is tested on the host.
//
//   cargo xtask charts
//
// builds the gallery and calls this with its directory. CHROMIUM names the browser; SHOTS a directory for pictures; words
// after the directory pick the checks whose name holds one of them.

import { join } from 'node:path';
import assert from 'node:assert/strict';
import axe from '@axe-core/playwright';
import { open } from './page.mjs';

const AxeBuilder = axe.default ?? axe;
const [root, ...wanted] = process.argv.slice(2);
const { browser, url, close } = await open(root);

let passed = 0;
let failed = 0;

// Runs one check on a page of its own. An error on the page fails it.
async function check(name, body, options = {}) {
  if (wanted.length && !wanted.some((word) => name.includes(word))) return;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
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
  // The table is made when the browser says that it is open, a moment later.
  await row.waitFor();
  const cells = await row.locator('td').allTextContents();
  assert.deepEqual(cells, [said.completed, said.retried, said.failed, said.total]);
  assert.equal(Number(said.total), cells.slice(0, 3).reduce((sum, cell) => sum + Number(cell), 0));
  assert.equal(await page.locator('#stacked tbody th', { hasText: 'still filling' }).count(), 1);
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
  assert.match(await live(page, 'area').textContent(), /^Shows 29 Nov 2026, /);
  await page.keyboard.press('Escape');
  assert.deepEqual(await ticks(page, 'area'), before);
  assert.equal(await live(page, 'area').textContent(), 'Shows all');
  await page.keyboard.press('Tab');
  const left = await page.evaluate(() => document.activeElement.closest('.fc-stage') === null);
  assert.ok(left, 'Tab leaves the chart');
});

await check('the plain wheel scrolls the page, with Ctrl it zooms', async (page) => {
  const before = await ticks(page, 'lines');
  await page.mouse.move(...(await spot(page, 'lines', 0.5)));
  const top = await page.evaluate(() => scrollY);
  await page.mouse.wheel(0, 120);
  // It scrolls smoothly: the chart stands still before it is pointed at again.
  await page.waitForFunction((to) => scrollY >= to, top + 100);
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

// Every mark of every chart against its ground: a colour that is the same cannot be seen.
const unseen = (page) => page.evaluate(() => {
  const found = [];
  for (const figure of document.querySelectorAll('.fc:not(.fc-mini)')) {
    const ground = getComputedStyle(figure).backgroundColor;
    for (const mark of figure.querySelectorAll('.fc-line, .fc-bars, .fc-axis text, .fc-axis line, .fc-legend button, .fc-title')) {
      const style = getComputedStyle(mark);
      const html = mark.namespaceURI !== 'http://www.w3.org/2000/svg';
      const paint = html ? style.color : mark.matches('text, .fc-bars') ? style.fill : style.stroke;
      if (paint === ground || paint === 'none') found.push(`${figure.closest('section').id} ${mark.getAttribute('class') ?? mark.tagName} ${paint}`);
    }
  }
  return found;
});

for (const colorScheme of ['light', 'dark']) {
  await check(`with forced colours every chart can still be seen: ${colorScheme}`, async (page) => {
    assert.deepEqual(await unseen(page), []);
    const [canvas, highlight] = await page.evaluate(() => {
      const probe = document.body.appendChild(document.createElement('i'));
      probe.style.forcedColorAdjust = 'none';
      return ['Canvas', 'Highlight'].map((name) => { probe.style.color = name; return getComputedStyle(probe).color; });
    });
    assert.equal(await page.locator('#area .fc').evaluate((e) => getComputedStyle(e).backgroundColor), canvas);
    await stage(page, 'area').focus();
    await page.keyboard.press('Home');
    assert.equal(await stage(page, 'area').evaluate((e) => getComputedStyle(e).outlineColor), highlight);
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `forced-${colorScheme}.png`), fullPage: true });
  }, { forcedColors: 'active', colorScheme });
}

for (const colorScheme of ['light', 'dark']) {
  await check(`more contrast makes what is faint strong: ${colorScheme}`, async (page) => {
    const colours = () => page.locator('#area .fc').evaluate((figure) => {
      const of = (selector, property) => getComputedStyle(figure.querySelector(selector))[property];
      return { text: getComputedStyle(figure).color, label: of('.fc-axis text', 'fill'), axis: of('.fc-x line', 'stroke'), width: of('.fc-line', 'strokeWidth') };
    });
    if (colorScheme === 'dark') await page.locator('#theme').click();
    const before = await colours();
    assert.notEqual(before.label, before.text);
    await page.emulateMedia({ contrast: 'more' });
    const after = await colours();
    assert.deepEqual([after.label, after.axis], [before.text, before.text]);
    assert.ok(parseFloat(after.width) > parseFloat(before.width));
    assert.deepEqual(await unseen(page), []);
  }, { colorScheme });
}

await check('nothing moves by itself, whether or not motion is wished', async (page) => {
  const moving = () => page.evaluate(() => document.getAnimations().length + [...document.querySelectorAll('.fc, .fc *')].filter((e) => {
    const style = getComputedStyle(e);
    return parseFloat(style.transitionDuration) > 0 || style.animationName !== 'none';
  }).length);
  for (const reducedMotion of ['no-preference', 'reduce']) {
    await page.emulateMedia({ reducedMotion });
    await page.mouse.move(...(await spot(page, 'area', 0.5)));
    await tip(page, 'area').waitFor();
    await page.locator('#tick').click();
    assert.equal(await moving(), 0);
  }
});

// A page at 200 % has half the pixels of CSS, each of two by two of the screen: that is what a browser's zoom does.
for (const [zoom, width, height] of [[200, 640, 450], [400, 320, 225]]) {
  await check(`at ${zoom} % nothing is lost and the page scrolls one way only`, async (page) => {
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(sideways <= 0, `the page scrolls sideways by ${sideways}`);
    for (const name of ['area', 'stacked', 'lines', 'bars', 'bars-names', 'stacked-bars', 'live', 'many', 'empty', 'error']) {
      const outside = await page.locator(`#${name} .fc`).evaluate((figure) => {
        const box = figure.getBoundingClientRect();
        const parts = figure.querySelectorAll('.fc-title, .fc-legend button, .fc-axis text, .fc-table summary');
        return [...parts].filter((part) => {
          const at = part.getBoundingClientRect();
          return at.width > 0 && (at.left < box.left - 1 || at.right > box.right + 1);
        }).map((part) => part.textContent);
      });
      assert.deepEqual(outside, [], name);
      assert.ok((await ticks(page, name)).filter(Boolean).length >= 2 || name === 'empty' || name === 'error', `${name} has ticks`);
    }
    await stage(page, 'area').focus();
    await page.keyboard.press('End');
    const [tipBox, figureBox] = [await tip(page, 'area').boundingBox(), await page.locator('#area .fc').boundingBox()];
    assert.ok(tipBox.x >= figureBox.x - 1 && tipBox.x + tipBox.width <= figureBox.x + figureBox.width + 1, 'the tooltip is inside');
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `zoom-${zoom}.png`), fullPage: true });
  }, { viewport: { width, height }, deviceScaleFactor: zoom / 100 });
}

await check('a crosshair that was kept stays at its time when data moves and the size changes', async (page) => {
  const title = () => tip(page, 'live').locator('.fc-tip-title').textContent();
  await page.mouse.click(...(await spot(page, 'live', 0.6)));
  const [kept, before] = [await title(), await tip(page, 'live').boundingBox()];
  assert.ok(await tip(page, 'live').evaluate((e) => e.classList.contains('fc-pinned')));
  await page.locator('#tick').click();
  await page.locator('#tick').click();
  assert.equal(await title(), kept);
  assert.notEqual((await tip(page, 'live').boundingBox()).x, before.x);
  await page.setViewportSize({ width: 500, height: 800 });
  await page.waitForFunction(() => document.querySelector('#live .fc-stage').clientWidth < 470);
  assert.equal(await title(), kept);
  await stage(page, 'live').focus();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await tip(page, 'live').waitFor({ state: 'detached' });
});

await check('Enter keeps the crosshair that keys moved, also when the focus goes', async (page) => {
  await stage(page, 'bars').focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await page.locator('#theme').focus();
  assert.equal(await tip(page, 'bars').count(), 1);
  await stage(page, 'bars').focus();
  await page.keyboard.press('Enter');
  await page.locator('#theme').focus();
  await tip(page, 'bars').waitFor({ state: 'detached' });
});

await check('fingers pan a zoomed chart, pinch out again, and a double tap shows all', async (page) => {
  const client = await page.context().newCDPSession(page);
  const touch = (type, ...points) =>
    client.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  const whole = await ticks(page, 'stacked-bars');
  const [x, y] = await spot(page, 'stacked-bars', 0.5);
  await touch('touchStart', [x - 20, y], [x + 20, y]);
  await touch('touchMove', [x - 50, y], [x + 50, y]);
  await touch('touchMove', [x - 80, y], [x + 80, y]);
  await touch('touchEnd');
  const near = await ticks(page, 'stacked-bars');
  assert.notDeepEqual(near, whole);
  // Both fingers the same way: the range moves with them.
  await touch('touchStart', [x - 40, y], [x + 40, y]);
  await touch('touchMove', [x, y], [x + 80, y]);
  await touch('touchMove', [x + 40, y], [x + 120, y]);
  await touch('touchEnd');
  assert.notDeepEqual(await ticks(page, 'stacked-bars'), near);
  // At once, without waiting for answers in between: what comes later is no second tap.
  await Promise.all([touch('touchStart', [x, y]), touch('touchEnd'), touch('touchStart', [x, y]), touch('touchEnd')]);
  assert.deepEqual(await ticks(page, 'stacked-bars'), whole);
  assert.equal(await page.evaluate(() => visualViewport.scale), 1);
}, { hasTouch: true, viewport: { width: 400, height: 800 } });

await check('two fingers that go up near each other are no double tap', async (page) => {
  const client = await page.context().newCDPSession(page);
  const touch = (type, ...points) =>
    client.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  const reset = page.locator('#stacked-bars button', { hasText: 'Reset zoom' });
  const [x, y] = await spot(page, 'stacked-bars', 0.5);
  await touch('touchStart', [x - 20, y], [x + 20, y]);
  await touch('touchMove', [x - 50, y], [x + 50, y]);
  await touch('touchMove', [x - 80, y], [x + 80, y]);
  await touch('touchEnd');
  await reset.waitFor();
  // One above the other, as two fingers of one hand that move the range.
  await touch('touchStart', [x - 5, y - 30], [x + 5, y + 30]);
  await touch('touchMove', [x + 5, y - 30], [x + 15, y + 30]);
  await touch('touchMove', [x + 15, y - 30], [x + 25, y + 30]);
  await touch('touchEnd');
  assert.equal(await reset.count(), 1);
}, { hasTouch: true, viewport: { width: 400, height: 800 } });

await check('a finger that moves up and down scrolls the page, not the chart', async (page) => {
  const client = await page.context().newCDPSession(page);
  const [x, y] = await spot(page, 'stacked-bars', 0.5);
  const before = await page.evaluate(() => scrollY);
  const touch = (type, ...points) =>
    client.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  await touch('touchStart', [x, y]);
  for (let by = 10; by <= 150; by += 10) await touch('touchMove', [x, y - by]);
  await touch('touchEnd');
  await page.waitForFunction((old) => scrollY > old, before);
  await tip(page, 'stacked-bars').waitFor({ state: 'detached' });
}, { hasTouch: true, viewport: { width: 400, height: 500 } });

await check('the system decides between light and dark until the page does', async (page) => {
  const ground = () => page.locator('#area .fc').evaluate((e) => getComputedStyle(e).backgroundColor);
  const light = await ground();
  await page.evaluate(() => document.documentElement.removeAttribute('data-theme'));
  assert.notEqual(await ground(), light);
  await page.emulateMedia({ colorScheme: 'light' });
  assert.equal(await ground(), light);
  await page.evaluate(() => document.documentElement.setAttribute('data-theme', 'dark'));
  assert.notEqual(await ground(), light);
}, { colorScheme: 'dark' });

await check('a small line has a name that says what there is to see', async (page) => {
  const name = await page.locator('#mini svg[role=img]').getAttribute('aria-label');
  assert.match(name, /^Completed per minute\. Small line chart, 1 series, 60 points, .* completed: last \d+, lowest \d+ at /);
  assert.equal(await page.locator('#mini .fc [tabindex]').count(), 0);
});

await check('a pointer that moves all day leaves nothing behind', async (page) => {
  const grown = await page.evaluate(async () => {
    const stage = document.querySelector('#bars .fc-stage');
    const box = stage.getBoundingClientRect();
    const channel = new MessageChannel();
    const turn = () => new Promise((done) => { channel.port1.onmessage = done; channel.port2.postMessage(0); });
    const moves = async (count) => {
      for (let i = 0; i < count; i += 1) {
        const clientX = box.left + 60 + ((i * 13) % 400);
        stage.dispatchEvent(new PointerEvent('pointermove', { clientX, clientY: box.top + 50, bubbles: true, pointerId: 1 }));
        await turn();
      }
    };
    await moves(500);
    const before = window.wasmBytes();
    await moves(8000);
    return window.wasmBytes() - before;
  });
  assert.ok(grown <= 131072, `the memory grew by ${grown} bytes`);
});

await check('what is empty, loading or failed says so', async (page) => {
  const words = async (name) => (await page.locator(`#${name} .fc-stage text`).allTextContents()).join(' ');
  assert.match(await words('empty'), /No data/);
  assert.match(await words('loading'), /Loading/);
  assert.match(await words('error'), /could not be reached/);
  assert.match(await words('error-with-data'), /could not be reached/);
  assert.equal(await page.locator('#loading .fc').getAttribute('aria-busy'), 'true');
  assert.equal(await page.locator('#error .fc').getAttribute('aria-busy'), null);
  assert.ok(await page.locator('#error-with-data .fc-series').count(), 'what was there before stays to be seen');
});

await check('a legend keeps its focus when data moves, and what is hidden stays hidden', async (page) => {
  const button = page.locator('#live .fc-legend button').first();
  await button.focus();
  await page.keyboard.press('Space');
  assert.equal(await button.getAttribute('aria-pressed'), 'false');
  await page.evaluate(() => document.getElementById('tick').click());
  assert.ok(await button.evaluate((e) => e === document.activeElement));
  assert.equal(await button.getAttribute('aria-pressed'), 'false');
  assert.equal(await page.locator('#live .fc-series').count(), 2);
});

await close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
