// Answers that come late: the stream of changes is often faster than the answer to what was asked for, and draws the page
// anew below it.

import assert from 'node:assert/strict';
import { list, scheduled, waiting } from './checks.mjs';
import { COUNTED, acts, all, answer, box, button, chosen, dialog, field, filter, heading, lists, main, on, region, row, said, saved, stands, tab } from './person.mjs';

const { checks, check } = list();
export default checks;
const real = 'it answers at once';

// The server does what is asked at once, and the page hears of it when `until` has come.
const hold = (page, path, until) =>
  page.route(path, async (route) => {
    if (route.request().method() === 'GET') return route.fallback();
    const response = await route.fetch();
    // A check that has failed is told of by itself, and its page is gone.
    await until().then(() => route.fulfill({ response }), () => route.abort().catch(() => {}));
  });

check('an answer that comes after its change is on the page does no harm', async (page, world) => {
  await world.make(page, waiting(1, 'late'));
  await world.go(page, '/queues');
  const queue = row(page, 'Queues', /^late /);
  await queue.waitFor(COUNTED);
  const status = (word) => queue.getByText(word, { exact: true }).waitFor();
  await hold(page, '**/queues/*/pause', () => status('paused'));
  await hold(page, '**/queues/*/resume', () => status('open'));
  await button(queue, 'Pause: late').click();
  await said(page, 'late is paused');
  await on(queue, 'Resume: late');
  await button(queue, 'Resume: late').click();
  await said(page, 'open again');

  await world.limit(page, 'late');
  await world.go(page, '/limits');
  const limit = region(page, 'late');
  const [drain, lift] = ['Drain for 5 min: late', 'Lift the drain: late'];
  let drawn = lift;
  await hold(page, '**/limits/*/drain', () => button(limit, drawn).waitFor());
  await button(limit, drain).click();
  await answer(page, 'Drain late?', 'Drain');
  await on(limit, lift);
  drawn = drain;
  await button(limit, lift).click();
  // It can be pressed when the answer is here.
  await on(limit, drain);

  await world.declare(page, 'late');
  await world.go(page, '/cron');
  const schedule = row(page, 'Schedules', /^late/);
  const state = (word) => schedule.getByText(word, { exact: true }).waitFor();
  await hold(page, '**/schedules/*/pause', () => state('paused'));
  await hold(page, '**/schedules/*/resume', () => state('fires'));
  await button(schedule, 'Pause: late').click();
  await on(schedule, 'Resume: late');
  await button(schedule, 'Resume: late').click();
  await on(schedule, 'Pause: late');

  const [job] = scheduled(1, 'late');
  await world.make(page, [job]);
  await world.go(page, `/jobs/${job.id}`);
  await hold(page, '**/jobs/cancel', () => stands(page, 'dead'));
  await button(acts(page), 'Cancel').click();
  await answer(page, 'Cancel 1 job?', 'Cancel 1 job');
  await said(page, '1 cancelled');
  world.holds("SELECT status FROM {v}forge_inspect_jobs WHERE queue = 'late' AND dead_reason = 'cancelled'", [{ status: 'dead' }]);
}, { real });

check('answers that take longer than the page waits to ask again are shown, and one is asked for at a time', async (page, world) => {
  let [open, most] = [0, 0];
  await page.route('**/metrics/timeline*', async (route) => {
    open += 1;
    most = Math.max(most, open);
    // The page asks again every 5 s.
    await new Promise((done) => setTimeout(done, 7000));
    open -= 1;
    await route.continue().catch(() => {});
  });
  await world.go(page);
  const waits = main(page).getByRole('figure').first().getByText('Loading…');
  await waits.waitFor({ state: 'attached' });
  await waits.waitFor({ state: 'detached', timeout: 20000 });
  // It goes on asking once it is answered.
  await page.waitForRequest('**/metrics/timeline*', { timeout: 30000 });
  assert.equal(most, 1);
}, { real });

check('what changes before the page is told of changes is on the page when it is', async (page, world) => {
  await world.limit(page, 'early');
  let open;
  const opened = new Promise((done) => { open = done; });
  await page.route('**/api/v1/events', async (route) => {
    await opened;
    await route.continue();
  });
  await world.go(page, '/limits');
  await region(page, 'early').waitFor();
  // Somebody else is told already.
  const other = await page.context().newPage();
  await world.go(other, '/limits');
  world.cli('limit', 'set', 'earlier-than-told', '5', '--per', '1m');
  await region(other, 'earlier-than-told').waitFor();
  open();
  await region(page, 'earlier-than-told').waitFor();
}, { real });

// A server ends each stream after a while.
check('a stream that ends in good order is opened again, and nobody is told', async (page, world) => {
  await world.limit(page, 'in-order');
  const told = [];
  await page.exposeFunction('told', (text) => told.push(text));
  await page.addInitScript(() => new MutationObserver(() => {
    for (const at of document.querySelectorAll('[role=alert], header button')) window.told(at.textContent.trim());
  }).observe(document, { subtree: true, childList: true, characterData: true }));
  let asked = 0;
  page.on('request', (request) => (asked += Number(request.url().endsWith('/events'))));
  const body = 'retry: 1000\nid: 0-1\nevent: ready\ndata: {}\n\nevent: end\ndata: {}\n\n';
  // The second one is not held up here.
  await page.route('**/api/v1/events', (route) => route.fulfill({ status: 200, contentType: 'text/event-stream', body }), { times: 1 });
  const again = page.waitForResponse(async (answer) => answer.url().endsWith('/events') && asked > 1, { timeout: 30000 });
  await world.go(page, '/limits');
  await region(page, 'in-order').waitFor();
  await again;
  world.cli('limit', 'set', 'in-order-meanwhile', '5', '--per', '1m');
  await region(page, 'in-order-meanwhile').waitFor();
  await button(page, 'Live').waitFor();
  // A first stream that a busy machine opens late is rightly told of, before that.
  const since = told.indexOf('Live');
  const words = [...new Set(told)].join(', ');
  assert.ok(since >= 0, words);
  assert.ok(!told.slice(since).some((text) => /connection/i.test(text)), words);
}, { real });

check('a stream that something on the way keeps back is told of, and what is shown is asked anew', async (page, world) => {
  await world.limit(page, 'cut-off');
  await page.route('**/api/v1/events', () => {});
  await world.go(page, '/limits');
  await region(page, 'cut-off').waitFor();
  world.cli('limit', 'set', 'cut-off-meanwhile', '5', '--per', '1m');
  await region(page, 'cut-off-meanwhile').waitFor();
  await button(page, 'No connection').waitFor();
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await button(page, 'Live').waitFor({ timeout: 30000 });
}, { real });

check('what changes faster than it is answered is shown all the same', async (page, world) => {
  await world.limit(page, 'busy');
  await page.route('**/api/v1/limits', async (route) => {
    const response = await route.fetch();
    await new Promise((done) => setTimeout(done, 1500));
    await route.fulfill({ response }).catch(() => {});
  });
  await world.go(page, '/limits');
  let shown = false;
  for (let n = 1; n <= 20 && !shown; n += 1) {
    world.cli('limit', 'set', 'busy', String(n), '--per', '1m');
    shown = await region(page, 'busy').waitFor({ timeout: 300 }).then(() => true, () => false);
  }
  assert.ok(shown, 'nothing is shown while it changes');
  await page.unrouteAll({ behavior: 'ignoreErrors' });
}, { real });

check('a question that was asked of a row is answered, though its row is drawn anew meanwhile', async (page, world) => {
  await world.limit(page, 'asked');
  await world.go(page, '/limits');
  await button(region(page, 'asked'), 'Drain for 5 min: asked').click();
  await dialog(page, 'Drain asked?').waitFor();
  world.cli('limit', 'set', 'asked-meanwhile', '5', '--per', '1m');
  // Behind the question, and so only in the document.
  await main(page).locator(':scope', { hasText: 'asked-meanwhile' }).waitFor();
  await answer(page, 'Drain asked?', 'Drain');
  await on(region(page, 'asked'), 'Lift the drain: asked');
}, { real });

// What was done is on the page: also where it was told before its answer, and the list is what it was by then.
check('the list shows what one has done oneself, whichever comes first', async (page, world) => {
  const [run, stays] = scheduled(2, 'own-change');
  await world.make(page, [run, stays]);
  await world.go(page, '/scheduled?queue=own-change');
  await lists(page, [run.id, stays.id]);
  await button(page, 'Live').waitFor();
  await hold(page, '**/jobs/run-now', () => said(page, 'The list has changed'));
  await box(page, run.id).check();
  await button(chosen(page), 'Run now').click();
  await said(page, '1 made pending');
  await lists(page, [stays.id]);
  await button(page, 'Show it (n)').waitFor({ state: 'hidden' });
  // And what others do afterwards waits until it is wanted.
  await world.make(page, scheduled(1, 'own-change'));
  await said(page, 'The list has changed');
  await lists(page, [stays.id]);
}, { real });

// The pause is the person's own: the settings that are typed beside it meet no conflict.
check('what is typed beside a pause whose answer comes late is saved on top of it', async (page, world) => {
  await world.make(page, waiting(1, 'typing'));
  await world.go(page, '/queues/typing');
  const workers = field(main(page), 'Workers of each process');
  await workers.fill('6');
  await hold(page, '**/queues/*/pause', () => stands(page, 'paused'));
  await button(acts(page), 'Pause: typing').click();
  await said(page, 'paused');
  assert.equal(await workers.inputValue(), '6');
  await on(main(page), 'Save');
  await button(main(page), 'Save').click();
  await said(page, 'Saved');
  await saved(main(page));
  world.holds("SELECT workers, CASE WHEN paused THEN 1 ELSE 0 END AS paused FROM {t}queues WHERE name = 'typing'", [{ workers: 6, paused: 1 }]);
}, { real });

// A bulk goes piece by piece: whoever goes back in the middle of it stops it, with what is done by then.
check('who leaves while all that match are being done ends it there', async (page, world) => {
  await world.make(page, scheduled(20, 'leaving'));
  await world.go(page, '/queues');
  await tab(page, 'Scheduled').click();
  await filter(page).fill('queue:leaving');
  await filter(page).press('Enter');
  await all(page).getByText('20 match').waitFor();
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
  await button(all(page), 'Cancel all').click();
  await dialog(page, 'Cancel all that match').getByText('20 jobs', { exact: true }).waitFor();
  const sent = page.waitForRequest((request) => /bulk\/(?!preview)/.test(request.url()));
  await answer(page, 'Cancel all that match', 'Cancel 20 jobs');
  await sent;
  await page.goBack();
  await page.goBack();
  await heading(page, 'Queues').waitFor();
  const answered = page.waitForResponse((response) => /bulk\/(?!preview)/.test(response.url()));
  leave();
  await (await answered).finished();
  // The page lives, and asks for no second piece.
  await tab(page, 'Audit').click();
  await main(page).getByRole('list', { name: 'Audit' }).getByRole('listitem').filter({ hasText: 'cancel' }).first().waitFor();
  assert.equal(pieces, 1);
}, { real });
