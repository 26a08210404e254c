// Where one is, and how one comes there: addresses, links, back, reload; what is around every page.

import assert from 'node:assert/strict';
import { id as newId, list, waiting } from './checks.mjs';
import { COUNTED, button, dialog, filter, goes, heading, ids, job, link, lists, main, navigation, open, region, row, said, settled, someJobs, tab } from './person.mjs';

const { checks, check } = list();
export default checks;

check('every page has an address, a heading and a title, and is marked in the navigation', async (page, world) => {
  await world.go(page);
  const links = await navigation(page).getByRole('link').evaluateAll((all) => all.map((a) => [a.textContent, a.href]));
  assert.equal(links.length, 13);
  for (const [name, address] of links) {
    await page.goto(address);
    await heading(page, name).waitFor();
    assert.equal(await page.title(), `${name} · Mission Control`);
    assert.equal(await tab(page, name).getAttribute('aria-current'), 'page');
    await settled(page);
    assert.equal(await main(page).getByRole('alert').filter({ hasText: /./ }).count(), 0, `${name} shows an error`);
  }
});

check('the root leads to the panel', async (page, world) => {
  await page.goto(world.server.url);
  assert.equal(new URL(page.url()).pathname.replace(/\/$/, ''), '/panel');
}, { real: 'its page is at any address' });

check('a place that is unknown says so, and the navigation leads on', async (page, world) => {
  await page.goto(world.url('/nowhere'));
  await heading(page, 'Not found').waitFor();
  await main(page).getByText('There is no such page').waitFor();
  await tab(page, 'Queues').click();
  await heading(page, 'Queues').waitFor();
});

check('clicks, back and forward, reload and a pasted link all come to the same page', async (page, world) => {
  await page.goto(world.url());
  await tab(page, 'Jobs').click();
  await filter(page).fill('queue:mail status:pending');
  await button(page, 'Apply').click();
  await page.waitForURL(/queue=mail&status=pending/);
  await someJobs(page);
  const [id, ...others] = await ids(page);
  assert.equal(others.length, 49);
  await open(page, id).click();
  await page.waitForURL(new RegExp(id));
  await heading(page, id).waitFor();
  await page.goBack();
  await someJobs(page);
  assert.equal(await filter(page).inputValue(), 'queue:mail status:pending');
  await page.reload();
  await someJobs(page);
  assert.equal(await filter(page).inputValue(), 'queue:mail status:pending');
  await page.goForward();
  await heading(page, id).waitFor();
  const pasted = await page.context().newPage();
  await pasted.goto(page.url());
  await heading(pasted, id).waitFor();
  await link(main(pasted), 'Jobs').click();
  await heading(pasted, 'Jobs').waitFor();
});

check('what is one of many has an address too: a job, a queue, a schedule, the charts of a queue', async (page, world) => {
  await world.go(page, '/jobs?queue=mail');
  await someJobs(page);
  const [id] = await ids(page);
  for (const [path, name, back] of [[`/jobs/${id}`, id, 'Jobs'], ['/queues/reports%2Fnightly', 'reports/nightly', 'Queues'],
    ['/cron/nightly', 'nightly', 'Cron'], ['/metrics/mail?range=6h', 'mail', 'Queue metrics']]) {
    await page.goto(world.url(path));
    await heading(page, name).waitFor();
    assert.equal(await tab(page, back).getAttribute('aria-current'), 'page');
    await link(main(page), back).first().click();
    await heading(page, back).waitFor();
  }
  assert.match(page.url(), /range=6h/, 'the range goes along');
});

check('the overview leads to the jobs of a status and of a queue', async (page, world) => {
  await world.make(page, waiting(1, 'of-overview'));
  await world.go(page);
  await main(page).getByRole('list', { name: 'Jobs by status' }).getByRole('link', { name: /^dead/ }).click();
  await heading(page, 'Dead').waitFor();
  await world.go(page);
  await row(page, 'Queues', /^of-overview/).waitFor(COUNTED);
  await row(page, 'Queues', /^of-overview/).getByRole('link', { name: '1', exact: true }).click();
  await page.waitForURL(/queue=of-overview&status=pending/);
  await heading(page, 'Jobs').waitFor();
  await someJobs(page);
  assert.equal((await ids(page)).length, 1);
});

check('theme and times are as one wants them, and are so at the next visit', async (page, world) => {
  await page.goto(world.url('/jobs?queue=mail'));
  await someJobs(page);
  const ground = () => main(page).evaluate((e) => getComputedStyle(e.closest('[style], div')).backgroundColor);
  await button(page, 'Theme: system').click();
  await button(page, 'Theme: light').waitFor();
  const light = await ground();
  await button(page, 'Theme: light').click();
  await button(page, 'Theme: dark').waitFor();
  assert.notEqual(await ground(), light);
  const [id] = await ids(page);
  const when = job(page, id).getByRole('time');
  assert.match(await when.textContent(), /ago|now/);
  await button(page, 'Times: from now').click();
  await button(page, 'Times: exact, Europe/Berlin').waitFor();
  assert.match(await when.textContent(), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  await page.reload();
  await button(page, 'Theme: dark').waitFor();
  await button(page, 'Times: exact, Europe/Berlin').click();
  await button(page, 'Theme: dark').click();
  await button(page, 'Theme: system').waitFor();
  await page.keyboard.press('t');
  await button(page, 'Times: exact, Europe/Berlin').waitFor();
});

check('exact times say their offset, and whose clocks they are of: an hour that comes twice is told apart', async (page, world) => {
  // The clocks of Berlin are put back at 01:00 UTC of this day.
  const [summer, winter] = ['2050-10-30T00:59:00Z', '2050-10-30T01:01:00Z'].map((run_at) => waiting(1, 'put-back', { run_at })[0]);
  await world.make(page, [summer, winter]);
  await world.go(page, '/scheduled?queue=put-back');
  await lists(page, [summer.id, winter.id]);
  await button(page, 'Times: from now').click();
  await button(page, 'Times: exact, Europe/Berlin').waitFor();
  const now = await page.evaluate(() => (new Date().getTimezoneOffset() === -120 ? '+02:00' : '+01:00'));
  for (const [{ id }, clock, offset] of [[summer, '2050-10-30 02:59:00', '+02:00'], [winter, '2050-10-30 02:01:00', '+01:00']]) {
    const time = job(page, id).getByRole('time');
    assert.equal(await time.getAttribute('title'), `${clock} ${offset}`);
    assert.equal(await time.textContent(), offset === now ? clock : `${clock} ${offset}`);
  }
});

check('keys are said in a sheet, by a button and by a key', async (page, world) => {
  await world.go(page);
  await button(page, 'Keys').click();
  await dialog(page, 'Keys').getByRole('row', { name: /^g d\s+Dead/ }).waitFor();
  await button(dialog(page, 'Keys'), 'Close').click();
  await dialog(page, 'Keys').waitFor({ state: 'hidden' });
  await page.keyboard.press('?');
  await dialog(page, 'Keys').getByText(/live updates/).waitFor();
  await page.keyboard.press('Escape');
  await dialog(page, 'Keys').waitFor({ state: 'hidden' });
  await goes(page, 'd');
  await heading(page, 'Dead').waitFor();
  assert.match(page.url(), /\/dead$/);
});

check('single characters are keys no more when they are turned off, also at the next visit', async (page, world) => {
  await world.go(page, '/jobs?queue=mail');
  await button(page, 'Live').waitFor();
  const sheet = dialog(page, 'Keys');
  const keys = sheet.getByRole('checkbox', { name: 'Single characters are keys' });
  const turn = async (on) => {
    await button(page, 'Keys').click();
    assert.equal(await keys.isChecked(), !on);
    await keys.setChecked(on);
    await button(sheet, 'Close').click();
    await sheet.waitFor({ state: 'hidden' });
  };
  const nothing = async () => {
    for (const key of ['p', 't', '?', 'g', 'd', '/']) await page.keyboard.press(key);
    await button(page, 'Live').waitFor();
    await button(page, 'Times: from now').waitFor();
    assert.ok(await sheet.isHidden());
    await heading(page, 'Jobs').waitFor();
    assert.ok(!(await filter(page).evaluate((e) => document.activeElement === e)));
  };
  await turn(false);
  await nothing();
  await page.reload();
  await button(page, 'Live').waitFor();
  await nothing();
  await turn(true);
  await page.keyboard.press('p');
  await button(page, 'Paused').waitFor();
});

check('a key that is held counts once, and the first of two keys is forgotten after a while', async (page, world) => {
  await world.go(page, '/jobs?queue=mail');
  await button(page, 'Live').waitFor();
  await page.keyboard.down('p');
  await page.keyboard.down('p');
  await page.keyboard.up('p');
  await button(page, 'Paused').waitFor();
  // Since when it stands still is on the page, with the way on.
  await main(page).getByText(/^Paused since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/).waitFor();
  await button(main(page), 'Go on').click();
  await button(page, 'Live').waitFor();
  assert.equal(await main(page).getByText(/^Paused since/).count(), 0);
  await page.keyboard.press('g');
  // It is time alone that makes it forgotten.
  await page.waitForTimeout(2000);
  await page.keyboard.press('p');
  await button(page, 'Paused').waitFor();
  await heading(page, 'Jobs').waitFor();
});

check('a list does not move under who reads it, and shows what is new when told to', async (page, world) => {
  await world.make(page, waiting(3, 'still'));
  await world.go(page, '/jobs?queue=still');
  await someJobs(page);
  await button(page, 'Live').waitFor();
  const before = await ids(page);
  const [one, two] = [...waiting(1, 'still'), ...waiting(1, 'still')];
  await world.make(page, [one]);
  await said(page, 'The list has changed');
  assert.deepEqual(await ids(page), before);
  await page.keyboard.press('n');
  await lists(page, [...before, one.id]);
  await world.make(page, [two]);
  await button(page, 'Show it (n)').click();
  await lists(page, [...before, one.id, two.id]);
});

// As if another tab were in front of the page, or not any more.
const show = (page, state) => page.evaluate((state) => {
  Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}, state);

check('paused means that nothing is asked', async (page, world) => {
  await world.make(page, waiting(1, 'quiet'));
  await world.go(page, '/jobs?queue=quiet');
  await someJobs(page);
  await button(page, 'Live').click();
  await button(page, 'Paused').waitFor();
  await said(page, 'Live updates are paused');
  let asked = 0;
  page.on('request', () => (asked += 1));
  await world.make(page, waiting(1, 'quiet'));
  // Nothing is to come: there is nothing to wait for but time.
  await page.waitForTimeout(2000);
  assert.equal(asked, 0);
  await page.keyboard.press('p');
  await said(page, 'The list has changed');
});

check('a page in the background asks for nothing, and catches up when it is looked at', async (page, world) => {
  await world.make(page, waiting(1, 'behind'));
  await world.go(page, '/jobs?queue=behind');
  await someJobs(page);
  await button(page, 'Live').waitFor();
  await show(page, 'hidden');
  await world.make(page, waiting(1, 'behind'));
  await show(page, 'visible');
  await said(page, 'The list has changed');
});

for (const [what, queue, rest, goOn] of [
  ['while live updates are paused', 'failed-paused', (page) => button(page, 'Live').click(), (page) => button(page, 'Paused').click()],
  ['in the background', 'failed-behind', (page) => show(page, 'hidden'), (page) => show(page, 'visible')],
]) {
  check(`what has failed is not asked for again ${what}, and is afterwards`, async (page, world) => {
    const made = waiting(1, queue);
    await world.make(page, made);
    let asked = 0;
    await page.route('**/api/v1/jobs?*', (route) => {
      asked += 1;
      return route.fulfill({ status: 503, json: { error: { code: 'unavailable', message: 'not now', request_id: 'r-7' } } });
    });
    await world.go(page, `/jobs?queue=${queue}`);
    await button(page, 'Live').waitFor();
    await main(page).getByRole('alert').filter({ hasText: 'ot now' }).waitFor();
    await rest(page);
    // What was asked before it rests may be on its way yet.
    await page.waitForTimeout(500);
    asked = 0;
    // Longer than the first wait before another try.
    await page.waitForTimeout(5000);
    assert.equal(asked, 0);
    await page.unroute('**/api/v1/jobs?*');
    await goOn(page);
    await lists(page, made.map((job) => job.id));
  }, { real: 'no server is asked', expect: ['503'] });
}

check('an id and a payload are copied by a click, and of a long one its name is said', async (page, world) => {
  const payload = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`copied-${n}`, n]));
  const made = { id: newId(), kind: 'waits', queue: 'copied', payload };
  await world.make(page, [made]);
  await world.go(page, `/jobs/${made.id}`);
  await button(page, made.id).click();
  await said(page, `Copied ${made.id}`);
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), made.id);
  const copy = button(region(page, 'Payload'), 'Copy JSON');
  await copy.click();
  await said(page, 'Copied the JSON of “Payload”');
  assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), payload);
  assert.ok((await copy.getAttribute('title')).length < 80);
  for (const text of await page.getByRole('status').allTextContents()) assert.ok(text.length < 80, text);
}, { permissions: ['clipboard-read', 'clipboard-write'] });
