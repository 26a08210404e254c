// Queues: paused and resumed, and their settings.

import assert from 'node:assert/strict';
import { list, waiting } from './checks.mjs';
import { COUNTED, acts, alert, button, field, heading, link, main, off, on, row, said, saved, stands, wrong } from './person.mjs';

const { checks, check } = list();
export default checks;

const queue = (name, columns) => `SELECT ${columns} FROM {t}queues WHERE name = '${name}'`;
// A queue of its own for a check, with a job in it: without one there is no queue.
const begin = async (page, world, name) => {
  await world.make(page, waiting(1, name));
  await world.go(page, `/queues/${name}`);
  await field(settings(page), 'Workers of each process').waitFor();
};
const settings = (page) => main(page).getByRole('form', { name: 'Settings' });
const save = (page) => button(settings(page), 'Save').click();
const paused = (wanted) => (rows) => assert.deepEqual(rows.map((row) => Boolean(row.paused)), [wanted]);

check('a queue is paused and resumed in the list, and the audit says by whom', async (page, world) => {
  await world.make(page, waiting(1, 'switch'));
  await world.go(page, '/queues');
  const it = row(page, 'Queues', /^switch /);
  await it.waitFor(COUNTED);
  await button(it, 'Pause: switch').click();
  await said(page, 'switch');
  await it.getByText('paused', { exact: true }).waitFor();
  world.holds(queue('switch', 'paused'), paused(true));
  await button(it, 'Resume: switch').click();
  await it.getByText('open', { exact: true }).waitFor();
  world.holds(queue('switch', 'paused'), paused(false));
  await world.go(page, '/audit?action=queue.pause');
  await main(page).getByRole('listitem').filter({ hasText: 'switch' }).first().waitFor();
});

check('a queue is paused and resumed on its page, which leads to its jobs', async (page, world) => {
  await begin(page, world, 'switch-two');
  await button(acts(page), 'Pause: switch-two').click();
  await stands(page, 'paused');
  world.holds(queue('switch-two', 'paused'), paused(true));
  await button(acts(page), 'Resume: switch-two').click();
  await stands(page, 'open');
  world.holds(queue('switch-two', 'paused'), paused(false));
  await link(acts(page), 'Its jobs').click();
  await heading(page, 'Jobs').waitFor();
  assert.match(page.url(), /queue=switch-two/);
});

check('settings: each of them is saved, and what changes is said before', async (page, world) => {
  await begin(page, world, 'settings');
  for (const [label, text] of [['Workers of each process', '7'], ['Running in all processes', '40'], ['Done jobs are kept', '12h'],
    ['Dead jobs are kept', 'forever'], ['First delay', '2 min'], ['Longest delay', '3h']]) {
    await field(settings(page), label).fill(text);
  }
  await settings(page).getByRole('checkbox', { name: 'Wait between attempts (backoff)' }).uncheck();
  for (const line of [/Workers of each process: .* → 7/, /no bound → 40/, /Backoff: on → off/]) {
    await settings(page).getByRole('listitem').filter({ hasText: line }).waitFor();
  }
  await save(page);
  await said(page, 'Saved');
  world.holds(
    `SELECT workers, max_running, backoff_base_us, backoff_max_us, done_retention_us, dead_retention_us, CASE WHEN backoff_enabled THEN 1 ELSE 0 END AS backoff FROM {t}queues WHERE name = 'settings'`,
    [{ workers: 7, max_running: 40, backoff_base_us: 120_000_000, backoff_max_us: 10_800_000_000, done_retention_us: 43_200_000_000, dead_retention_us: null, backoff: 0 }],
  );
  world.holds(`SELECT action FROM {t}audit WHERE action = 'queue.set' AND target = 'settings'`, (rows) => assert.equal(rows.length, 1));
});

check('settings: two edits in a row both stick, a wrong one is said, and one is undone', async (page, world) => {
  await begin(page, world, 'twice');
  const workers = field(settings(page), 'Workers of each process');
  await workers.fill('7');
  await save(page);
  await said(page, 'Saved');
  await saved(settings(page));
  await field(settings(page), 'First delay').fill('2 min');
  await on(settings(page), 'Save');
  await save(page);
  await saved(settings(page));
  await off(settings(page), 'Save');
  world.holds(queue('twice', 'workers, backoff_base_us'), [{ workers: 7, backoff_base_us: 120_000_000 }]);
  await workers.fill('many');
  await wrong(workers, /whole number/);
  await off(settings(page), 'Save');
  await button(settings(page), 'Undo').click();
  assert.equal(await workers.inputValue(), '7');
  await button(settings(page), 'Undo').waitFor({ state: 'hidden' });
  world.holds(queue('twice', 'workers'), [{ workers: 7 }]);
});

check('settings: two who edit meet: mine is saved on top, or theirs is taken', async (page, world) => {
  await begin(page, world, 'met');
  const workers = field(settings(page), 'Workers of each process');
  await workers.fill('9');
  await world.other(page, 'queue', 'met', { max_seconds: 7200 });
  await save(page);
  const met = alert(settings(page), 'Somebody changed this queue');
  await met.getByRole('listitem').filter({ hasText: 'Longest delay' }).waitFor();
  await button(met, 'Save mine on top of it').click();
  await said(page, 'Saved');
  await saved(settings(page));
  world.holds(queue('met', 'workers, backoff_max_us'), [{ workers: 9, backoff_max_us: 7_200_000_000 }]);
  await workers.fill('10');
  await world.other(page, 'queue', 'met', { workers: 11 });
  await save(page);
  await button(met, 'Take theirs').click();
  assert.equal(await workers.inputValue(), '11');
  world.holds(queue('met', 'workers'), [{ workers: 11 }]);
}, { expect: ['412'] });

check('settings: a change of somebody else before my pause is met when mine are saved', async (page, world) => {
  await begin(page, world, 'met-paused');
  await field(settings(page), 'First delay').fill('2 min');
  await world.other(page, 'queue', 'met-paused', { workers: 11 });
  await button(acts(page), 'Pause: met-paused').click();
  await stands(page, 'paused');
  await said(page, 'met-paused is paused');
  await save(page);
  const met = alert(settings(page), 'Somebody changed this queue');
  await met.getByRole('listitem').filter({ hasText: 'Workers of each process' }).waitFor();
  world.holds(queue('met-paused', 'workers, backoff_base_us'), ([row]) => {
    assert.equal(row.workers, 11);
    assert.notEqual(row.backoff_base_us, 120_000_000);
  });
  await button(met, 'Save mine on top of it').click();
  await said(page, 'Saved');
  await saved(settings(page));
  world.holds(queue('met-paused', 'workers, backoff_base_us, CASE WHEN paused THEN 1 ELSE 0 END AS paused'), [{ workers: 11, backoff_base_us: 120_000_000, paused: 1 }]);
}, { expect: ['412'] });
