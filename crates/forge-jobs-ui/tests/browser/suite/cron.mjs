// Schedules: made, edited, paused, run, given back, deleted.

import assert from 'node:assert/strict';
import { list } from './checks.mjs';
import { acts, alert, answer, button, dialog, field, group, heading, link, main, off, region, row, said, saved, settled, stands, wrong } from './person.mjs';

const { checks, check } = list();
export default checks;

const schedule = (name, columns) => `SELECT ${columns} FROM {t}schedules WHERE name = '${name}'`;
const enabled = (wanted) => (rows) => assert.deepEqual(rows.map((row) => Boolean(row.enabled)), [wanted]);
const edit = (page) => main(page).getByRole('form', { name: 'Edit', exact: true });
const fires = (scope) => scope.getByRole('listitem').filter({ has: scope.page().getByRole('time') });
// One of its own for a check. On the made-up queue all begin alike.
const begin = async (page, world, name) => {
  await world.declare(page, name);
  await world.go(page, `/cron/${encodeURIComponent(name)}`);
  await heading(page, name).waitFor();
  await field(edit(page), 'Expression').waitFor();
};

check('a schedule is paused, resumed and run in the list', async (page, world) => {
  await world.declare(page, 'in-list');
  await world.go(page, '/cron');
  const it = row(page, 'Schedules', /^in-list/);
  await button(it, 'Pause: in-list').click();
  await it.getByText('paused', { exact: true }).waitFor();
  world.holds(schedule('in-list', 'enabled'), enabled(false));
  await button(it, 'Resume: in-list').click();
  await it.getByText('fires', { exact: true }).waitFor();
  world.holds(schedule('in-list', 'enabled'), enabled(true));
  await button(it, 'Run now: in-list').click();
  await page.waitForURL(/\/jobs\//);
  await said(page, 'Enqueued');
  const id = new URL(page.url()).pathname.split('/').pop();
  world.holds(`SELECT kind FROM {v}forge_inspect_jobs WHERE id = '${id}'`, [{ kind: 'report' }]);
  await world.go(page, '/cron');
  await it.getByRole('img', { name: /\d run by a person/ }).waitFor();
});

check('the list of schedules and the page of one say when it fires next, and when it did last', async (page, world) => {
  await world.declare(page, 'when');
  // As if it had fired when it was made. A made-up one has fired a day ago.
  if (world.isReal) world.run("UPDATE {t}schedules SET last_fire_at = created_at WHERE name = 'when'");
  const at = (scope) => scope.getByRole('time').getAttribute('datetime').then(Date.parse);
  const says = async (next, last) => {
    assert.ok((await at(next)) > Date.now(), 'the next one is to come');
    assert.ok((await at(last)) < Date.now(), 'the last one is over');
  };
  await world.go(page, '/cron');
  const it = row(page, 'Schedules', /^when/);
  await it.waitFor();
  const headings = await main(page).getByRole('table', { name: 'Schedules' }).getByRole('columnheader').allTextContents();
  const cell = (name) => it.getByRole('rowheader').or(it.getByRole('cell')).nth(headings.indexOf(name));
  await says(cell('Next fire'), cell('Last fire'));
  await cell('When').getByText('30 2 * * *', { exact: true }).waitFor();
  await link(it, 'when').click();
  await heading(page, 'when').waitFor();
  const fact = (name) => main(page).locator('dl > div').filter({ has: page.getByRole('term').getByText(name, { exact: true }) });
  await says(fact('Next'), fact('Last'));
});

check('a schedule is paused, resumed and run on its page', async (page, world) => {
  await begin(page, world, 'on-page');
  await button(acts(page), 'Pause: on-page').click();
  await stands(page, 'paused');
  world.holds(schedule('on-page', 'enabled'), enabled(false));
  await button(acts(page), 'Resume: on-page').click();
  await stands(page, 'fires');
  world.holds(schedule('on-page', 'enabled'), enabled(true));
  await button(acts(page), 'Run now: on-page').click();
  await page.waitForURL(/\/jobs\//);
  await page.goBack();
  await region(page, 'Past fires').getByText('run by a person').first().waitFor();
  await link(region(page, 'Past fires'), 'its job').first().click();
  await page.waitForURL(/\/jobs\//);
});

check('cron: the next fires, an edit with the fires that it would have, and what is wrong with it', async (page, world) => {
  await begin(page, world, 'edited');
  await fires(region(page, 'Next fires')).nth(3).waitFor();
  await field(edit(page), 'Expression').fill('0 4 * * *');
  await fires(edit(page)).first().waitFor();
  await field(edit(page), 'Missed fires').selectOption('None');
  await field(edit(page), 'While one is unfinished').selectOption('It fires all the same');
  await field(edit(page), 'Missed within').fill('2h');
  await field(edit(page), 'Payload').fill('{"edited":1}');
  await group(edit(page), 'This edit changes').getByText(/Expression: .* → 0 4 \* \* \*/).waitFor();
  await button(edit(page), 'Save').click();
  await said(page, 'Saved');
  await saved(edit(page));
  await off(edit(page), 'Save');
  world.holds(schedule('edited', 'expression, spec'), ([row]) => {
    assert.equal(row.expression, '0 4 * * *');
    assert.match(row.spec, /edited\\*": ?1/);
    assert.match(row.spec, /skip/);
  });
  await field(edit(page), 'Jitter').fill('long');
  await wrong(field(edit(page), 'Jitter'), /time such as/);
  await button(edit(page), 'Undo').click();
  await field(edit(page), 'Expression').fill('not cron');
  await alert(edit(page), /cron|field|expression/i).first().waitFor();
  await button(edit(page), 'Undo').click();
  assert.equal(await field(edit(page), 'Expression').inputValue(), '0 4 * * *');
}, { expect: ['400', '422'] });

check('a preview of fires has the times that were typed', async (page, world) => {
  await begin(page, world, 'previewed');
  await field(edit(page), 'Expression').fill('15 6 * * *');
  await fires(edit(page)).filter({ hasText: '06:15:00' }).nth(4).waitFor();
}, { real: 'its fires are of one night' });

check('clocks that were turned are marked between fires', async (page, world) => {
  await world.go(page, '/cron/reports%2Fnightly');
  await region(page, 'Next fires').getByText(/back by 60 min/).first().waitFor();
}, { made: 'the next night in which they are turned may be far' });

check('two who edit a schedule meet: mine is saved on top, or theirs is taken', async (page, world) => {
  await begin(page, world, 'met');
  const zone = field(edit(page), 'Time zone');
  await field(edit(page), 'Expression').fill('5 5 * * *');
  await world.other(page, 'schedule', 'met', { zone: 'UTC' });
  await button(edit(page), 'Save').click();
  const met = alert(edit(page), 'Somebody changed this schedule');
  await met.getByRole('listitem').filter({ hasText: 'UTC' }).waitFor();
  await button(met, 'Save mine on top of it').click();
  await said(page, 'Saved');
  await saved(edit(page));
  await off(edit(page), 'Save');
  // What nobody typed here stays theirs.
  world.holds(schedule('met', 'expression, zone'), [{ expression: '5 5 * * *', zone: 'UTC' }]);
  assert.equal(await zone.inputValue(), 'UTC');
  await field(edit(page), 'Expression').fill('6 6 * * *');
  await world.other(page, 'schedule', 'met', { expression: '7 7 * * *' });
  await button(edit(page), 'Save').click();
  await button(met, 'Take theirs').click();
  assert.equal(await field(edit(page), 'Expression').inputValue(), '7 7 * * *');
  world.holds(schedule('met', 'expression'), [{ expression: '7 7 * * *' }]);
}, { expect: ['412'] });

check('a schedule that a person has changed is given back to the code', async (page, world) => {
  await begin(page, world, 'given');
  await field(edit(page), 'Expression').fill('1 1 * * *');
  await button(edit(page), 'Save').click();
  await said(page, 'Saved');
  await main(page).getByText(/A person overrides what/).waitFor();
  await button(acts(page), 'Give it back to the code').click();
  await main(page).getByText(/A person overrides what/).waitFor({ state: 'hidden' });
  world.holds(schedule('given', 'owner, expression'), [{ owner: 0, expression: '30 2 * * *' }]);
  await button(acts(page), 'Give it back to the code').waitFor({ state: 'hidden' });
  assert.equal(await field(edit(page), 'Expression').inputValue(), '30 2 * * *');
});

check('a schedule is deleted by whoever types its name', async (page, world) => {
  await begin(page, world, 'deleted');
  await button(acts(page), 'Delete').click();
  await button(dialog(page, /deleted/), 'Back').click();
  world.holds(schedule('deleted', 'name'), [{ name: 'deleted' }]);
  await button(acts(page), 'Delete').click();
  await answer(page, /deleted/, 'Delete', 'deleted');
  await said(page, 'Deleted');
  await heading(page, 'Cron').waitFor();
  await settled(page);
  await row(page, 'Schedules', /^deleted/).waitFor({ state: 'hidden' });
  world.holds(schedule('deleted', 'name'), []);
  // The change may be told before its answer is here: the page asks for what is gone then.
}, { expect: ['404'] });

check('a schedule is made, with its fires before it is', async (page, world) => {
  await world.go(page, '/cron');
  await button(main(page), 'New schedule').click();
  const form = main(page).getByRole('form', { name: 'New schedule' });
  await field(form, 'Name').fill('nightly');
  await field(form, 'Expression').fill('not cron');
  await alert(form, /cron|field|expression/i).first().waitFor();
  await field(form, 'Expression').fill('15 6 * * *');
  await field(form, 'Time zone').fill('Europe/Berlin');
  await fires(form).first().waitFor();
  await off(form, 'Make it');
  await field(form, 'Kind').fill('report');
  await button(form, 'Make it').click();
  await wrong(field(form, 'Name'), /of this name/);
  await field(form, 'Name').fill('by-hand/morning');
  await field(form, 'Payload').fill('{"full": true}');
  await button(form, 'Make it').click();
  await page.waitForURL(/\/cron\/by-hand%2Fmorning$/);
  await heading(page, 'by-hand/morning').waitFor();
  world.holds(schedule('by-hand/morning', 'expression, zone, owner, enabled, spec'), ([made]) => {
    assert.deepEqual([made.expression, made.zone, Boolean(made.enabled), made.owner], ['15 6 * * *', 'Europe/Berlin', true, 1]);
    assert.match(made.spec, /"report"/);
  });
  world.holds(schedule('nightly', 'expression'), ([row]) => assert.notEqual(row.expression, '15 6 * * *'));
}, { expect: ['400', '404', '422'] });

check('a schedule that is not made after all leaves the list as it was', async (page, world) => {
  await world.go(page, '/cron');
  await button(main(page), 'New schedule').click();
  await button(main(page).getByRole('form', { name: 'New schedule' }), 'Back').click();
  await main(page).getByRole('form', { name: 'New schedule' }).waitFor({ state: 'hidden' });
  await button(main(page), 'New schedule').waitFor();
});
