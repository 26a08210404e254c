// Budgets: made, edited, drained, lifted, removed.

import assert from 'node:assert/strict';
import { list } from './checks.mjs';
import { alert, answer, button, dialog, field, main, off, region, said, wrong } from './person.mjs';

const { checks, check } = list();
export default checks;

const limit = (scope) => `SELECT permits, window_us, CASE WHEN smooth THEN 1 ELSE 0 END AS smooth, CASE WHEN by_operator THEN 1 ELSE 0 END AS by_operator FROM {t}limits WHERE scope = '${scope}'`;
const drained = (scope) => `SELECT drained_until FROM {t}budgets WHERE scope = '${scope}' AND drained_until > ${(Date.now() + 1000) * 1000}`;
const form = (page, name) => main(page).getByRole('form', { name, exact: true });

check('a scope is given a limit', async (page, world) => {
  await world.go(page, '/limits');
  await button(main(page), 'New limit').click();
  const made = form(page, 'New limit');
  await field(made, 'Scope').fill('slack');
  await field(made, 'Permits').fill('25');
  await field(made, 'Window').fill('30 s');
  await wrong(field(made, 'Scope'), /limit already/);
  await off(made, 'Save');
  await field(made, 'Scope').fill('by-hand');
  await field(made, 'Permits').fill('0');
  await wrong(field(made, 'Permits'), /from 1 to 1000000/);
  await field(made, 'Permits').fill('25');
  await field(made, 'Window').fill('soon');
  await wrong(field(made, 'Window'), /100ms/);
  await field(made, 'Window').fill('30 s');
  await field(made, 'Given').selectOption('Evenly');
  await field(made, 'Scope').fill('not a scope');
  await button(made, 'Save').click();
  await wrong(field(made, 'Scope'), /scope/i);
  await field(made, 'Scope').fill('by-hand');
  await button(made, 'Save').click();
  await said(page, 'Saved');
  await region(page, 'by-hand').waitFor();
  world.holds(limit('by-hand'), [{ permits: 25, window_us: 30_000_000, smooth: 1, by_operator: 1 }]);
}, { expect: ['400', '422'] });

check('a limit is edited, and an edit that is left changes nothing', async (page, world) => {
  await world.limit(page, 'edited');
  await world.go(page, '/limits');
  await button(region(page, 'edited'), 'Edit: edited').click();
  const edit = form(page, 'The limit of edited');
  await field(edit, 'Permits').fill('99');
  await button(edit, 'Back').click();
  await edit.waitFor({ state: 'hidden' });
  world.holds(limit('edited'), ([row]) => assert.equal(row.permits, 60));
  await button(region(page, 'edited'), 'Edit: edited').click();
  await field(edit, 'Permits').fill('77');
  await field(edit, 'Window').fill('2 min');
  await field(edit, 'Given').selectOption('Evenly');
  await button(edit, 'Save').click();
  await said(page, 'Saved');
  await region(page, 'edited').getByText(/of 77/).waitFor();
  await region(page, 'edited').getByText('set by a person').waitFor();
  world.holds(limit('edited'), [{ permits: 77, window_us: 120_000_000, smooth: 1, by_operator: 1 }]);
});

check('two who edit a limit meet: theirs is taken, or mine is saved on top', async (page, world) => {
  await world.limit(page, 'limit-met');
  await world.go(page, '/limits');
  const it = region(page, 'limit-met');
  await button(it, 'Edit: limit-met').click();
  const edit = form(page, 'The limit of limit-met');
  await field(edit, 'Window').fill('2 min');
  await world.limit(page, 'limit-met', 5);
  await it.getByText(/of 5$/).waitFor();
  assert.equal(await field(edit, 'Permits').inputValue(), '60');
  await button(edit, 'Save').click();
  const met = alert(edit, 'Somebody changed this limit');
  await met.getByRole('listitem').filter({ hasText: 'Permits: 60 → 5' }).waitFor();
  world.holds(limit('limit-met'), [{ permits: 5, window_us: 60_000_000, smooth: 0, by_operator: 1 }]);
  await button(met, 'Take theirs').click();
  await met.waitFor({ state: 'hidden' });
  assert.equal(await field(edit, 'Permits').inputValue(), '5');
  // What only they changed stays theirs, also where mine is saved.
  await field(edit, 'Window').fill('3 min');
  await world.limit(page, 'limit-met', 7);
  await it.getByText(/of 7$/).waitFor();
  await button(edit, 'Save').click();
  await button(met, 'Save mine on top of it').click();
  await said(page, 'Saved');
  await edit.waitFor({ state: 'hidden' });
  world.holds(limit('limit-met'), [{ permits: 7, window_us: 180_000_000, smooth: 0, by_operator: 1 }]);
}, { expect: ['412'] });

check('a limit that is removed while it is edited is made again only by who wants that', async (page, world) => {
  await world.limit(page, 'limit-gone');
  await world.go(page, '/limits');
  await button(region(page, 'limit-gone'), 'Edit: limit-gone').click();
  const edit = form(page, 'The limit of limit-gone');
  await field(edit, 'Permits').fill('9');
  world.cli('limit', 'remove', 'limit-gone');
  await region(page, 'limit-gone').waitFor({ state: 'hidden' });
  await button(edit, 'Save').click();
  const met = alert(edit, 'Somebody removed this limit');
  await met.waitFor();
  world.holds(limit('limit-gone'), []);
  await button(met, 'Save mine on top of it').click();
  await said(page, 'Saved');
  await region(page, 'limit-gone').getByText(/of 9$/).waitFor();
  world.holds(limit('limit-gone'), ([row]) => assert.equal(row.permits, 9));
}, { real: 'nobody else removes a limit there', expect: ['412'] });

check('a new limit does not undo one that somebody gave the scope meanwhile', async (page, world) => {
  await world.go(page, '/limits');
  // The page is told of nothing, so that its list does not have the other one.
  await button(page, 'Live').click();
  await button(main(page), 'New limit').click();
  const made = form(page, 'New limit');
  await field(made, 'Scope').fill('limit-both');
  await field(made, 'Permits').fill('25');
  await world.limit(page, 'limit-both', 5);
  await button(made, 'Save').click();
  const met = alert(made, 'Somebody gave this scope a limit');
  await met.getByRole('listitem').filter({ hasText: 'Permits: 5' }).waitFor();
  world.holds(limit('limit-both'), ([row]) => assert.equal(row.permits, 5));
  await button(met, 'Take theirs').click();
  const edit = form(page, 'The limit of limit-both');
  await edit.waitFor();
  assert.equal(await field(edit, 'Permits').inputValue(), '5');
});

check('a budget is drained and its drain lifted', async (page, world) => {
  await world.limit(page, 'drained');
  await world.go(page, '/limits');
  const it = region(page, 'drained');
  await button(it, 'Drain for 5 min: drained').click();
  await button(dialog(page, 'Drain drained?'), 'Back').click();
  world.holds(drained('drained'), []);
  await button(it, 'Drain for 5 min: drained').click();
  await answer(page, 'Drain drained?', 'Drain');
  await it.getByText(/drained: nothing is given until/).waitFor();
  world.holds(drained('drained'), (rows) => assert.equal(rows.length, 1));
  await button(it, 'Lift the drain: drained').click();
  await button(it, 'Drain for 5 min: drained').waitFor();
  world.holds(drained('drained'), []);
  world.holds("SELECT action FROM {t}audit WHERE target = 'drained' AND action IN ('limit.drain', 'limit.lift') ORDER BY no", [
    { action: 'limit.drain' }, { action: 'limit.lift' },
  ]);
});

check('a limit is removed after a question', async (page, world) => {
  await world.limit(page, 'removed');
  await world.go(page, '/limits');
  await button(region(page, 'removed'), 'Remove: removed').click();
  await answer(page, 'Remove the limit of removed?', 'Remove');
  await region(page, 'removed').waitFor({ state: 'hidden' });
  world.holds(limit('removed'), []);
});
