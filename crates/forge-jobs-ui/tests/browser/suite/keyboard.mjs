// The main tasks without a mouse: nothing here clicks, or puts the focus anywhere. Keys go to what has the focus, and after
// each step it is seen, and is where somebody expects it. The key that goes back is the browser's own, which a browser
// without a window does not have: it is told to go back.

import assert from 'node:assert/strict';
import { list, scheduled, waiting } from './checks.mjs';
import { COUNTED, acts, box, button, chosen, dialog, field, filter, goes, heading, job, link, lists, main, off, open, region, row, said, saved, stands } from './person.mjs';

const { checks, check } = list();
export default checks;

// Until this has the focus, and shows that it has it.
async function focused(it, what) {
  const page = it.page();
  // Asked anew each time: a row may be drawn anew meanwhile, and its button has the focus again then.
  for (let tries = 0; !(await it.evaluate((e) => document.activeElement === e)); tries += 1) {
    const active = () => page.evaluate(() => document.activeElement?.outerHTML.slice(0, 160));
    if (tries === 200) assert.fail(`${what ?? it} has not the focus, which is on ${await active()}`);
    await page.waitForTimeout(50);
  }
  const seen = await it.evaluate((e) => {
    const style = getComputedStyle(e);
    const box = e.getBoundingClientRect();
    const isIn = box.bottom > 0 && box.top < innerHeight && box.width > 0;
    return isIn && ((style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none');
  });
  assert.ok(seen, `nobody sees that ${what ?? it} has the focus`);
}

// Goes on by Tab until this has the focus.
async function tabTo(it, key = 'Tab') {
  const page = it.page();
  await it.waitFor();
  for (let steps = 0; steps < 200; steps += 1) {
    if (await it.evaluate((e) => document.activeElement === e)) return focused(it);
    await page.keyboard.press(key);
  }
  assert.fail(`${it} cannot be reached by ${key}`);
}
const press = (page, ...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
// Replaces what stands in a field that has the focus.
const type = async (page, text) => {
  await press(page, 'ControlOrMeta+a');
  await page.keyboard.type(text);
};

check('by keys: past the navigation, to the jobs, a suggestion, a job, retry, a question, and back', async (page, world) => {
  const [first, second] = scheduled(2, 'keys');
  const dead = { ...waiting(1, 'errors')[0], kind: 't.dead' };
  await world.go(page);
  await world.make(page, [first, second, dead]);
  await world.eventually(page, `SELECT status FROM {v}forge_inspect_jobs WHERE id = '${dead.id}'`, [{ status: 'dead' }]);
  // Over what is the same on every page.
  await press(page, 'Tab');
  await focused(link(page, 'Skip to the page'));
  await press(page, 'Enter');
  await focused(main(page), 'the page');
  await press(page, 'Tab');
  assert.ok(await main(page).evaluate((e) => e.contains(document.activeElement)), 'the next thing is in the page');
  // To the dead by two keys, and to the filter by one.
  await goes(page, 'd');
  await heading(page, 'Dead').waitFor();
  await focused(main(page), 'the page');
  await press(page, '/');
  await focused(filter(page));
  await page.keyboard.type('que');
  await press(page, 'ArrowDown', 'Enter');
  await focused(filter(page));
  await page.keyboard.type('err');
  await page.getByRole('option', { name: 'queue:errors', exact: true }).waitFor();
  await press(page, 'ArrowDown', 'Enter');
  await page.waitForURL(/queue=errors$/);
  await focused(filter(page));
  await box(page, dead.id).waitFor();
  // Into the job, and what is done to it.
  await tabTo(open(page, dead.id));
  await press(page, 'Enter');
  await heading(page, dead.id).waitFor();
  await focused(main(page), 'the page');
  await tabTo(button(acts(page), 'Retry'));
  await press(page, 'Enter');
  await said(page, '1 retried');
  world.holds(`SELECT action FROM {t}audit WHERE action = 'job.retry' AND target = '${dead.id}'`, [{ action: 'job.retry' }]);
  // What stands in its place has the focus: nobody is thrown back to the top of the page.
  await page.waitForFunction(() => document.activeElement?.closest('[role=group]')?.getAttribute('aria-label') === 'What can be done');
  // A question: no, then yes.
  await goes(page, 's');
  await focused(main(page), 'the page');
  await press(page, '/');
  await type(page, 'queue:keys');
  await press(page, 'Enter');
  await lists(page, [first.id, second.id]);
  await tabTo(open(page, first.id));
  await press(page, 'Enter');
  await heading(page, first.id).waitFor();
  await tabTo(button(acts(page), 'Cancel'));
  await press(page, 'Enter');
  const asked = dialog(page, 'Cancel 1 job?');
  await focused(button(asked, 'Back'));
  await press(page, 'Escape');
  await asked.waitFor({ state: 'hidden' });
  await focused(button(acts(page), 'Cancel'));
  await press(page, 'Enter');
  await focused(button(asked, 'Back'));
  await tabTo(button(asked, 'Cancel 1 job'));
  await press(page, 'Enter');
  await said(page, '1 cancelled');
  await stands(page, 'dead');
  await page.waitForFunction(() => document.activeElement?.closest('[role=group]')?.getAttribute('aria-label') === 'What can be done');
  world.holds(`SELECT status FROM {v}forge_inspect_jobs WHERE id = '${first.id}'`, [{ status: 'dead' }]);
  await page.goBack();
  await heading(page, 'Scheduled').waitFor();
  await focused(main(page), 'the page');
});

check('by keys: jobs are chosen and dropped, and a look inside stays where it was', async (page, world) => {
  const made = waiting(4, 'keys-many');
  await world.make(page, made);
  await world.go(page, '/jobs?queue=keys-many');
  await lists(page, made.map((job) => job.id));
  const look = button(job(page, made[0].id), `Look inside ${made[0].id}`);
  await tabTo(look);
  await press(page, 'Enter');
  await main(page).getByRole('heading', { level: 3, name: 'Payload' }).waitFor();
  await focused(look);
  await press(page, 'Enter');
  await main(page).getByRole('heading', { level: 3, name: 'Payload' }).waitFor({ state: 'hidden' });
  for (const { id } of made.slice(0, 2)) {
    await tabTo(box(page, id), 'Shift+Tab');
    await press(page, 'Space');
    assert.ok(await box(page, id).isChecked());
  }
  await tabTo(button(chosen(page), 'Drop'), 'Shift+Tab');
  await press(page, 'Enter');
  const asked = dialog(page, 'Drop 2 jobs?');
  await focused(asked.getByRole('textbox'));
  await page.keyboard.type('2');
  await tabTo(button(asked, 'Drop 2 jobs'));
  await press(page, 'Enter');
  await said(page, '2 dropped');
  await lists(page, made.slice(2).map((job) => job.id));
  // The bar with the button is gone: the page goes on where it stood.
  await page.waitForFunction(() => document.activeElement !== document.body && document.querySelector('main').contains(document.activeElement));
  world.holds("SELECT count(*) AS n FROM {v}forge_inspect_jobs WHERE queue = 'keys-many'", [{ n: 2 }]);
});

check('by keys: a queue is paused and resumed, its settings are edited and saved, and back', async (page, world) => {
  await world.make(page, waiting(1, 'keys-queue'));
  await world.go(page);
  await goes(page, 'q');
  await heading(page, 'Queues').waitFor();
  const it = row(page, 'Queues', /^keys-queue/);
  await it.waitFor(COUNTED);
  await tabTo(button(it, 'Pause: keys-queue'));
  await press(page, 'Enter');
  await it.getByText('paused', { exact: true }).waitFor();
  await focused(button(it, 'Resume: keys-queue'));
  world.holds("SELECT CASE WHEN paused THEN 1 ELSE 0 END AS paused FROM {t}queues WHERE name = 'keys-queue'", [{ paused: 1 }]);
  await press(page, 'Enter');
  await it.getByText('open', { exact: true }).waitFor();
  await focused(button(it, 'Pause: keys-queue'));
  // The list moves under the eyes, and the focus stays.
  await world.make(page, waiting(1, 'keys-queue'));
  await it.getByRole('cell', { name: '2', exact: true }).last().waitFor(COUNTED);
  await focused(button(it, 'Pause: keys-queue'));
  await tabTo(link(it, 'keys-queue'), 'Shift+Tab');
  await press(page, 'Enter');
  await heading(page, 'keys-queue').waitFor();
  await focused(main(page), 'the page');
  const settings = main(page).getByRole('form', { name: 'Settings' });
  await tabTo(field(settings, 'Workers of each process'));
  await type(page, '8');
  await tabTo(button(settings, 'Save'));
  await press(page, 'Enter');
  await said(page, 'Saved');
  await saved(settings);
  await off(settings, 'Save');
  await focused(button(settings, 'Save'));
  world.holds("SELECT workers FROM {t}queues WHERE name = 'keys-queue'", [{ workers: 8 }]);
  // By Enter in a field, and an edit that is undone.
  await tabTo(field(settings, 'First delay'), 'Shift+Tab');
  await type(page, '30s');
  await press(page, 'Enter');
  await saved(settings);
  await focused(field(settings, 'First delay'));
  world.holds("SELECT backoff_base_us FROM {t}queues WHERE name = 'keys-queue'", [{ backoff_base_us: 30_000_000 }]);
  await type(page, '1h');
  await tabTo(button(settings, 'Undo'));
  await press(page, 'Enter');
  await button(settings, 'Undo').waitFor({ state: 'hidden' });
  await page.waitForFunction(() => document.activeElement?.closest('form')?.getAttribute('aria-label') === 'Settings');
  await page.goBack();
  await heading(page, 'Queues').waitFor();
  await focused(main(page), 'the page');
});

check('by keys: a limit is made, and the form that is left leads back to what opened it', async (page, world) => {
  await world.go(page, '/limits');
  await region(page, 'slack').waitFor();
  const opens = button(main(page), 'New limit');
  const form = main(page).getByRole('form', { name: 'New limit' });
  await tabTo(opens);
  await press(page, 'Enter');
  await focused(field(form, 'Scope'));
  await tabTo(button(form, 'Back'));
  await press(page, 'Enter');
  await form.waitFor({ state: 'hidden' });
  await focused(opens);
  await press(page, 'Enter');
  await focused(field(form, 'Scope'));
  await page.keyboard.type('by-keys');
  await tabTo(field(form, 'Permits'));
  await page.keyboard.type('12');
  await press(page, 'Enter');
  await region(page, 'by-keys').waitFor();
  await focused(opens);
  world.holds("SELECT permits FROM {t}limits WHERE scope = 'by-keys'", [{ permits: 12 }]);
});

check('by keys: the sheet of keys and a job that is enqueued', async (page, world) => {
  await world.go(page, '/jobs');
  await press(page, '?');
  await focused(dialog(page, 'Keys').getByRole('checkbox', { name: 'Single characters are keys' }));
  await tabTo(button(dialog(page, 'Keys'), 'Close'));
  await press(page, 'Enter');
  await dialog(page, 'Keys').waitFor({ state: 'hidden' });
  await tabTo(button(main(page), 'Enqueue a job'));
  await press(page, 'Enter');
  const form = dialog(page, 'Enqueue a job');
  await focused(field(form, 'Kind'));
  // A dialog keeps the focus to itself.
  for (let steps = 0; steps < 14; steps += 1) {
    await press(page, 'Tab');
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog[open]') !== null));
  }
  await press(page, 'Escape');
  await form.waitFor({ state: 'hidden' });
  await focused(button(main(page), 'Enqueue a job'));
  await press(page, 'Enter');
  await focused(field(form, 'Kind'));
  await page.keyboard.type('by.keys');
  await press(page, 'Enter');
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/);
  await said(page, 'Enqueued');
  await focused(main(page), 'the page');
  world.holds("SELECT status FROM {v}forge_inspect_jobs WHERE kind = 'by.keys'", [{ status: 'pending' }]);
});
