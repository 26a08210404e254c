// Answers that come late: the stream of changes is often faster than the answer to what was asked for, and draws the page
// anew below it.

import assert from 'node:assert/strict';

// The server does what is asked at once, and the page hears of it when `until` has come.
const hold = (page, path, until) =>
  page.route(path, async (route) => {
    if (route.request().method() === 'GET') return route.fallback();
    const response = await route.fetch();
    await until();
    await route.fulfill({ response });
  });
const said = (page, text) => page.locator('.fp-said', { hasText: text }).waitFor();
const later = '2050-01-01T00:00:00Z';

export async function answers(page, go, world) {
  await go(page, '/queues');
  const queue = page.locator('tr', { hasText: 'reports/nightly' });
  const status = (word) => queue.locator('.fp-status', { hasText: word }).waitFor();
  await hold(page, '**/queues/*/pause', () => status('paused'));
  await hold(page, '**/queues/*/resume', () => status('open'));
  await queue.locator('button', { hasText: 'Pause' }).click();
  await said(page, 'paused');
  await queue.locator('button', { hasText: 'Resume' }).click();
  await said(page, 'open again');

  await go(page, '/limits');
  const limit = page.locator('section.fp-card', { has: page.locator('h2', { hasText: /^slack$/ }) });
  const drain = limit.locator('button', { hasText: 'Drain for' });
  const lift = limit.locator('button', { hasText: 'Lift the drain' });
  let drawn = lift;
  await hold(page, '**/limits/*/drain', () => drawn.waitFor());
  await drain.click();
  await page.locator('dialog[open] .fp-danger').click();
  await lift.waitFor();
  drawn = drain;
  await lift.click();
  // It can be pressed when the answer is here.
  await limit.locator('button:enabled', { hasText: 'Drain for' }).waitFor();

  await go(page, '/cron');
  const schedule = page.locator('tr', { hasText: 'nightly' });
  const state = (word) => schedule.locator('.fp-status', { hasText: word }).waitFor();
  await hold(page, '**/schedules/*/pause', () => state('paused'));
  await hold(page, '**/schedules/*/resume', () => state('fires'));
  await schedule.locator('button', { hasText: 'Pause' }).click();
  await state('paused');
  await schedule.locator('button', { hasText: 'Resume' }).click();
  await state('fires');
  await schedule.locator('button:enabled', { hasText: 'Pause' }).waitFor();

  const { id } = world.cli('enqueue', 'later', '{}', '--run-at', later);
  await go(page, `/jobs/${id}`);
  await hold(page, '**/jobs/cancel', () => page.locator('.fp-head .fp-status', { hasText: 'dead' }).waitFor());
  await page.locator('.fp-actions button', { hasText: 'Cancel' }).click();
  await page.locator('dialog[open] .fp-danger').click();
  await said(page, '1 cancelled');
}

// The pause is the person's own: the settings that are typed beside it meet no conflict.
export async function typing(page, go, world) {
  await go(page, '/queues/default');
  const workers = page.getByLabel('Workers of each process');
  await workers.waitFor();
  await workers.fill('6');
  await hold(page, '**/queues/*/pause', () => page.locator('.fp-head .fp-status', { hasText: 'paused' }).waitFor());
  await page.locator('.fp-actions button', { hasText: 'Pause' }).click();
  await said(page, 'paused');
  assert.equal(await workers.inputValue(), '6');
  await page.locator('form .fp-primary').click();
  await said(page, 'Saved');
  const now = world.one("SELECT * FROM {t}queues WHERE name = 'default'");
  assert.deepEqual([now.workers, Boolean(now.paused)], [6, true]);
  await page.locator('.fp-actions button', { hasText: 'Resume' }).click();
  await page.locator('.fp-head .fp-status', { hasText: 'open' }).waitFor();
}

// A bulk goes piece by piece: whoever goes back in the middle of it stops it, with what is done by then.
export async function leaving(page, go, world) {
  world.bulk(Array.from({ length: 20 }, (_, n) => ({ kind: 'later', queue: 'leaving', payload: { n }, run_at: later })));
  await go(page, '/queues');
  await page.locator('.fp-nav a', { hasText: 'Scheduled' }).click();
  await page.locator('#fp-filter').fill('queue:leaving');
  await page.keyboard.press('Enter');
  await page.locator('.fp-all', { hasText: '20 match' }).waitFor();
  let leave;
  const left = new Promise((done) => (leave = done));
  let pieces = 0;
  await page.route('**/jobs/bulk/*', async (route) => {
    if (route.request().url().includes('preview')) return route.fallback();
    pieces += 1;
    const response = await route.fetch();
    const report = await response.json();
    await left;
    // As if there were more of them.
    await route.fulfill({ response, json: { ...report, next: report.next ?? 'more' } });
  });
  await page.locator('.fp-all button', { hasText: 'Cancel all' }).click();
  await page.locator('dialog[open] strong', { hasText: '20' }).waitFor();
  const sent = page.waitForRequest((request) => /bulk\/(?!preview)/.test(request.url()));
  await page.locator('dialog[open] .fp-danger').click();
  await sent;
  await page.goBack();
  await page.goBack();
  await page.locator('.fp-nav [aria-current=page]', { hasText: 'Queues' }).waitFor();
  const answered = page.waitForResponse((response) => /bulk\/(?!preview)/.test(response.url()));
  leave();
  await (await answered).finished();
  // The page lives, and asks for no second piece.
  await page.locator('.fp-nav a', { hasText: 'Audit' }).click();
  await page.locator('.fp-audit li', { hasText: 'cancel' }).first().waitFor();
  assert.equal(pieces, 1);
}
