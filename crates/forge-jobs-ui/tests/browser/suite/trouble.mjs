// When something is wrong with the server or the way to it: the panel says so, stays usable, and recovers.

import assert from 'node:assert/strict';
import { list, scheduled, waiting } from './checks.mjs';
import { acts, alert, all, answer, box, button, chosen, dialog, field, filter, group, heading, ids, link, lists, main, on, open, region, row, said, settled, someJobs, stands, tab } from './person.mjs';

const { checks, check } = list();
export default checks;
const real = 'no server is asked';

const refusal = (status, code, message) => ({ status, contentType: 'application/json', body: JSON.stringify({ error: { code, message, request_id: 'r-7' } }) });
// Answers come when the function is called that this gives, and not before.
async function slow(page, path, method = 'GET') {
  let go;
  const until = new Promise((done) => (go = done));
  await page.route(path, async (route) => {
    if (route.request().method() !== method) return route.fallback();
    await until;
    // A page that has gone on wants no answer.
    await route.continue().catch(() => {});
  });
  return go;
}

check('a server that fails is shown where it fails, the rest goes on, and it is tried again', async (page, world) => {
  await page.route('**/api/v1/queues', (route) => route.fulfill(refusal(500, 'failed', 'the disk is full')));
  await page.route('**/api/v1/processes', (route) => route.fulfill({ status: 200, body: '<html>' }));
  await world.go(page);
  const full = alert(region(page, 'Queues'), 'The disk is full');
  await full.waitFor();
  assert.match(await full.textContent(), /r-7/);
  await alert(main(page), 'cannot be read').waitFor();
  await main(page).getByRole('list', { name: 'Jobs by status' }).getByRole('link', { name: /^dead\s*\d/ }).waitFor();
  // What happens meanwhile lets it be tried again too: with that at rest it is the click alone.
  await button(page, 'Live').click();
  await button(page, 'Paused').waitFor();
  await page.unroute('**/api/v1/queues');
  await button(full, 'Try again').click();
  await row(page, 'Queues', /^mail/).waitFor();
  await full.waitFor({ state: 'hidden' });
}, { real, expect: ['500'] });

check('a list that fails says so, keeps what it had, and is there again when it is tried again', async (page, world) => {
  const made = waiting(2, 'list-fails');
  await world.make(page, made);
  await world.go(page, '/jobs?queue=list-fails');
  await lists(page, made.map((job) => job.id));
  await button(page, 'Live').waitFor();
  await page.route('**/api/v1/jobs?*', (route) => route.fulfill(refusal(500, 'failed', 'the disk is full')));
  await world.make(page, waiting(1, 'list-fails'));
  const full = alert(main(page), 'The disk is full');
  await full.waitFor();
  assert.equal((await ids(page)).length, 2);
  // What others do lets it be tried again too, so it fails still when it is told to.
  const again = page.waitForRequest('**/api/v1/jobs?*');
  await button(full, 'Try again').click();
  await again;
  await page.unroute('**/api/v1/jobs?*');
  await world.make(page, waiting(1, 'list-fails'));
  await full.waitFor({ state: 'hidden' });
  await said(page, 'The list has changed');
}, { real, expect: ['500'] });

check('answers that take long: what is there stays, the rest can be used, and nothing is an error', async (page, world) => {
  const made = waiting(3, 'slow');
  await world.make(page, made);
  await world.go(page, '/jobs?queue=slow');
  await lists(page, made.map((job) => job.id));
  const go = await slow(page, '**/api/v1/**');
  // What is asked for is on its way, and is said to be.
  await filter(page).fill('queue:slow kind:waits');
  await filter(page).press('Enter');
  await main(page).getByText('Loading').first().waitFor({ state: 'attached' });
  await tab(page, 'Queues').click();
  await heading(page, 'Queues').waitFor();
  await main(page).getByText('Loading').first().waitFor({ state: 'attached' });
  await button(page, 'Keys').click();
  await page.keyboard.press('Escape');
  assert.equal(await main(page).getByRole('alert').filter({ hasText: /./ }).count(), 0);
  await page.goBack();
  assert.equal(await filter(page).inputValue(), 'queue:slow kind:waits');
  go();
  await lists(page, made.map((job) => job.id));
  await settled(page);
  assert.equal(await main(page).getByRole('alert').filter({ hasText: /./ }).count(), 0);
}, { real });

check('a change whose answer takes long is made once, however often it is pressed', async (page, world) => {
  const made = scheduled(2, 'slow-change');
  await world.make(page, made);
  await world.go(page, '/scheduled?queue=slow-change');
  await box(page, made[0].id).check();
  let sent = 0;
  page.on('request', (request) => (sent += request.method() === 'POST' && request.url().endsWith('/run-now') ? 1 : 0));
  const go = await slow(page, '**/api/v1/jobs/run-now', 'POST');
  await button(chosen(page), 'Run now').press('Enter');
  await button(chosen(page), 'Run now').press('Enter');
  await button(chosen(page), 'Run now').press('Enter');
  assert.ok(await button(chosen(page), 'Run now').isDisabled());
  // The rest of the page can be used meanwhile.
  await box(page, made[1].id).check();
  await box(page, made[1].id).uncheck();
  go();
  await said(page, '1 made pending');
  await lists(page, [made[1].id]);
  assert.equal(sent, 1);
}, { real });

check('a change that is not allowed says so, changes nothing, and can be tried again', async (page, world) => {
  const [job] = scheduled(1, 'forbidden');
  await world.make(page, [job]);
  await world.go(page, `/scheduled/${job.id}`);
  await page.route('**/api/v1/jobs/run-now', (route) => route.fulfill(refusal(403, 'forbidden', 'this needs the role operator')));
  await button(acts(page), 'Run now').click();
  await alert(main(page), 'This needs the role operator').waitFor();
  await stands(page, 'scheduled');
  world.holds(`SELECT status FROM {v}forge_inspect_jobs WHERE id = '${job.id}'`, [{ status: 'scheduled' }]);
  // Whoever may, may.
  await page.unroute('**/api/v1/jobs/run-now');
  await button(acts(page), 'Run now').click();
  await said(page, '1 made pending');
  await alert(main(page), 'This needs').waitFor({ state: 'hidden' });
}, { real, expect: ['403'] });

check('a change that fails keeps what was typed, and is made at the next try', async (page, world) => {
  await world.make(page, waiting(1, 'save-fails'));
  await world.go(page, '/queues/save-fails');
  const workers = main(page).getByLabel('Workers of each process', { exact: true });
  await workers.fill('8');
  await page.route('**/api/v1/queues/save-fails', (route) =>
    route.request().method() === 'GET' ? route.fallback() : route.fulfill({ status: 502, body: 'bad gateway' }));
  await button(main(page), 'Save').click();
  await alert(main(page), '502').waitFor();
  assert.equal(await workers.inputValue(), '8');
  await page.unroute('**/api/v1/queues/save-fails');
  await on(main(page), 'Save');
  await button(main(page), 'Save').click();
  await said(page, 'Saved');
  world.holds("SELECT workers FROM {t}queues WHERE name = 'save-fails'", [{ workers: 8 }]);
}, { real, expect: ['502'] });

// Of a piece after the first: what those before it did is done, and is told to who goes on.
check('a bulk that fails in the middle says what was done before it', async (page, world) => {
  await world.make(page, scheduled(20, 'half-done'));
  await world.go(page, '/scheduled?queue=half-done');
  await all(page).getByText('20 match').waitFor();
  let pieces = 0;
  await page.route('**/jobs/bulk/*', async (route) => {
    if (route.request().url().includes('preview')) return route.fallback();
    pieces += 1;
    if (pieces > 1) return route.fulfill(refusal(500, 'failed', 'the disk is full'));
    const response = await route.fetch();
    // As if there were more of them.
    return route.fulfill({ response, json: { ...(await response.json()), next: 'more' } });
  });
  await button(all(page), 'Cancel all').click();
  const asked = dialog(page, 'Cancel all that match');
  await answer(page, 'Cancel all that match', 'Cancel 20 jobs');
  await alert(asked, 'The disk is full').waitFor();
  await button(asked, 'Close').click();
  await group(page, 'What came of it').getByText(/20 cancelled.*stopped/).waitFor();
  world.holds("SELECT status, count(*) AS n FROM {v}forge_inspect_jobs WHERE queue = 'half-done' GROUP BY status", [{ status: 'dead', n: 20 }]);
}, { real, expect: ['500'] });

check('a stream of changes that breaks while the server answers is told of, and is there again', async (page, world) => {
  const made = waiting(1, 'stream');
  const way = await world.between();
  await world.make(page, made);
  await page.goto(`${way.url}/panel/jobs?queue=stream`);
  await lists(page, [made[0].id]);
  await button(page, 'Live').waitFor();
  way.breakStreams();
  const told = main(page).getByText(/The server answers, but does not tell of changes/);
  await told.waitFor();
  await button(page, 'No connection').waitFor();
  assert.ok((await ids(page)).length > 0, 'what was there stays to be seen');
  // It can be used: what is asked for is answered, and what changed is found without being told.
  await world.make(page, waiting(1, 'stream'));
  await said(page, 'The list has changed');
  await button(page, 'Show it (n)').click();
  await box(page, made[0].id).check();
  await button(chosen(page), 'Cancel').click();
  await button(page.getByRole('dialog', { name: 'Cancel 1 job?' }), 'Cancel 1 job').click();
  await said(page, '1 cancelled');
  way.letStreamsThrough();
  await button(page, 'Live').waitFor({ timeout: 30000 });
  await told.waitFor({ state: 'hidden' });
  await way.close();
}, { real, expect: ['503', 'ERR_', 'EventSource'] });

check('a question goes with the page that it is about', async (page, world) => {
  const [job] = scheduled(1, 'asked');
  await world.make(page, [job]);
  await world.go(page, '/scheduled?queue=asked');
  await open(page, job.id).click();
  const ask = async () => {
    await button(acts(page), 'Cancel').click();
    await dialog(page, 'Cancel 1 job?').waitFor();
  };
  await ask();
  await page.goBack();
  await dialog(page, 'Cancel 1 job?').waitFor({ state: 'hidden' });
  await lists(page, [job.id]);
  // Whoever is no longer known is asked to log in, and nothing else.
  await page.goForward();
  await ask();
  await page.route(`**/api/v1/jobs/${job.id}*`, (route) => route.fulfill(refusal(401, 'unauthenticated', 'who is it?')));
  await world.make(page, scheduled(1, 'asked'));
  await field(page, 'Token').waitFor();
  await dialog(page, 'Cancel 1 job?').waitFor({ state: 'hidden' });
  world.holds(`SELECT status FROM {v}forge_inspect_jobs WHERE id = '${job.id}'`, [{ status: 'scheduled' }]);
}, { real, expect: ['401'] });

check('a panel that has failed says so, on the page and in the console', async (page, world) => {
  await world.go(page);
  await page.evaluate(() => window.dispatchEvent(new Event('forge-panic')));
  const told = alert(page, 'has stopped');
  await told.waitFor();
  // Once, however often it fails.
  await page.evaluate(() => window.dispatchEvent(new Event('forge-panic')));
  assert.equal(await told.count(), 1);
  await link(told, 'Reload the page').click();
  await told.waitFor({ state: 'hidden' });
  await heading(page, 'Overview').waitFor();
}, { made: 'nothing makes it fail', expect: ['was told to fail', 'unreachable'] });

check('a server that dies is told of, and the panel comes back by itself', async (page, world) => {
  await world.go(page, '/jobs?queue=mail');
  await someJobs(page);
  await button(page, 'Live').waitFor();
  const { port } = world.server;
  await world.server.stop();
  await alert(page, 'The server does not answer').waitFor();
  assert.ok((await ids(page)).length > 0, 'what was there stays to be seen');
  // A change that cannot be made says so.
  await box(page, (await ids(page))[0]).check();
  await button(chosen(page), 'Run now').click();
  await alert(main(page), 'cannot be reached').filter({ hasNot: button(page, 'Try again') }).waitFor();
  await world.restart('--listen', `127.0.0.1:${port}`);
  await button(page, 'Live').waitFor({ timeout: 30000 });
  await alert(page, 'The server does not answer').waitFor({ state: 'hidden' });
}, { real, alone: true, expect: ['ERR_', 'Failed to load'] });
