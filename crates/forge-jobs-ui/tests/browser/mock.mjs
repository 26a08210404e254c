// The panel on a queue that is made up, in a headless Chromium: every page, what is done to jobs, turned clocks, and texts
// that must stay texts. No server is asked.
//
//   cargo xtask panel --mock --check
//
// builds it and calls this with the directory of the page.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import axe from '@axe-core/playwright';
import * as forms from './forms.mjs';
import { browser as launch, site } from './rig.mjs';

const AxeBuilder = axe.default ?? axe;
const [root] = process.argv.slice(2);
const { url, close } = await site(root);
const browser = await launch();
let passed = 0;
let failed = 0;

// `expect` are the errors that the page has to have.
async function check(name, body, options = {}, expect = []) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10000);
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  try {
    await body(page);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    for (const known of expect) assert.ok(errors.some((text) => known.test(text)), `no error like ${known}`);
    assert.deepEqual(errors.filter((text) => !expect.some((known) => known.test(text))), []);
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${String(error.stack ?? error).split('\n').slice(0, 8).join('\n        ')}`);
    if (errors.length) console.log(`        page: ${errors.join(' | ')}`);
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `failed-mock-${failed}.png`) });
  }
  await context.close();
}

const go = async (page, path = '/') => {
  await page.goto(url + path);
  await page.waitForSelector('.fp-main h1');
};

await check('below any path every page is there, with its charts', async (page) => {
  for (const path of ['/', '/jobs', '/scheduled', '/retries', '/dead', '/cron', '/cron/reports%2Fnightly', '/queues',
    '/queues/mail', '/processes', '/limits', '/metrics', '/metrics/mail', '/resources', '/database', '/audit']) {
    await go(page, path);
    await page.waitForFunction(() => !document.querySelector('.fp-main .fp-skeleton'));
    assert.equal(await page.locator('.fp-main .fp-error').count(), 0, path);
    const found = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(found.violations.map((v) => `${path}: ${v.id} ${v.nodes[0].target}`), []);
    if (process.env.SHOTS) {
      const name = path === '/' ? 'overview' : path.slice(1).replaceAll('/', '-');
      await page.screenshot({ path: join(process.env.SHOTS, `mock-${name}.png`), fullPage: true });
    }
  }
  await go(page);
  assert.ok((await page.locator('.fp-charts .fc-plot path').count()) >= 5);
});

await check('a drag over a chart zooms all of them, in the address, and back leads back', async (page) => {
  await go(page);
  const stage = page.locator('.fp-charts .fc-stage').first();
  await stage.scrollIntoViewIfNeeded();
  const box = await stage.boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 8 });
  await page.mouse.up();
  await page.waitForURL(/from=.*&to=/);
  await page.locator('.fp-ranges', { hasText: 'Back to live' }).waitFor();
  await page.goBack();
  await page.waitForFunction(() => !location.search.includes('from='));
  await page.locator('.fp-ranges a', { hasText: '6h' }).click();
  await page.waitForURL(/range=6h/);
});

await check('clocks that were turned are marked', async (page) => {
  await go(page, '/cron/reports%2Fnightly');
  assert.match(await page.locator('.fp-fires .fp-badge-warn').first().textContent(), /back by 60 min/);
});

await check('numbers keep every digit, and markup stays text', async (page) => {
  await go(page, '/jobs?kind=mail.send&status=pending');
  for (const row of (await page.locator('.fp-row').all()).slice(0, 8)) await row.locator('button', { hasText: 'Look' }).click();
  await page.locator('.fp-inside').last().waitFor();
  await go(page, '/dead');
  await page.locator('.fp-group', { hasText: '<img' }).waitFor();
  await page.locator('.fp-row .fp-id').nth(2).click();
  await page.locator('.fp-attempts li').first().waitFor();
  assert.equal(await page.locator('.fp-main img, .fp-main script').count(), 0);
});

await check('a verb changes the list that shows it', async (page) => {
  await go(page, '/dead');
  await page.locator('.fp-row').first().waitFor();
  const before = await page.locator('.fp-row').count();
  await page.locator('.fp-row input').first().check();
  await page.locator('.fp-bulk button', { hasText: 'Retry' }).click();
  await page.waitForFunction((before) => document.querySelectorAll('.fp-row').length === before - 1, before);
});

await check('forms make jobs, limits and schedules, and edit what waits', async (page) => {
  await forms.editJob(page, go, null);
  await forms.newLimit(page, go, null);
  await forms.newSchedule(page, go, null);
});

await check('a panel that has failed says so, on the page and in the console', async (page) => {
  await go(page);
  await page.evaluate(() => window.dispatchEvent(new Event('forge-panic')));
  const told = page.locator('.fp-stopped[role=alert]');
  await told.waitFor();
  assert.match(await told.textContent(), /has stopped/);
  // Once, however often it fails.
  await page.evaluate(() => window.dispatchEvent(new Event('forge-panic')));
  assert.equal(await told.count(), 1);
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, 'mock-stopped.png') });
  await told.locator('a').click();
  await page.waitForFunction(() => !document.querySelector('.fp-stopped'));
  await page.waitForSelector('.fp-main h1');
}, {}, [/was told to fail/, /unreachable/]);

await browser.close();
close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed || !passed ? 1 : 0;
