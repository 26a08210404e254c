// A panel that stays open for days.

import assert from 'node:assert/strict';
import { watchMemory } from '../rig.mjs';
import { list, waiting } from './checks.mjs';
import { main } from './person.mjs';

const { checks, check } = list();
export default checks;

// Bytes of the module, which only grows.
const memory = (page) => page.evaluate(() => window.memory.buffer.byteLength);

check('rows that are drawn anew again and again leave nothing behind', async (page, world) => {
  await watchMemory(page);
  await world.go(page, '/jobs');
  const rows = main(page).locator('tbody');
  await rows.nth(49).waitFor();
  // Two lists, of which each takes the other's place.
  const turn = async (path, least) => {
    await page.evaluate((to) => {
      history.replaceState(null, '', to);
      dispatchEvent(new PopStateEvent('popstate'));
    }, world.url(path));
    await page.waitForFunction(
      ([url, least]) => location.href === url && document.querySelectorAll('main tbody').length >= least && !document.querySelector('main [aria-busy]'),
      [world.url(path), least],
    );
  };
  const turns = async (count) => {
    for (let n = 0; n < count; n += 1) {
      await turn('/jobs?status=pending', 40);
      await turn('/jobs', 50);
    }
  };
  await turns(20);
  const before = await memory(page);
  await turns(60);
  const grown = (await memory(page)) - before;
  // Some 5,000 rows were drawn meanwhile: a hundred bytes of each would be found.
  assert.ok(grown <= 256 * 1024, `the module has grown by ${grown} bytes`);
});

// Each row leaves something with its list, so that all are drawn anew now and then.
check('a list that has drawn thousands of rows is drawn anew, and can be used as before', async (page, world) => {
  // The latest job there can be is the first of the list, whatever comes.
  const [stays] = waiting(1, 'thousands', { id: 'ffffffff-ffff-7fff-bfff-ffffffffffff', payload: 'it stays' });
  await world.go(page, '/jobs');
  await world.make(page, [stays]);
  const row = (job) => main(page).locator(`tbody[data-id="${job.id}"]`);
  await page.keyboard.press('n');
  await row(stays).waitFor();
  let anew = 0;
  for (let n = 0; n < 45; n += 1) {
    await row(stays).evaluate((element) => { element.marked = true; });
    const jobs = waiting(49, 'thousands', { payload: { round: n } });
    await world.make(page, jobs);
    await page.keyboard.press('n');
    await row(jobs[0]).waitFor();
    anew += Number(!(await row(stays).evaluate((element) => element.marked)));
  }
  assert.equal(anew, 1);
  assert.equal(await main(page).locator('tbody').count(), 50);
  await row(stays).getByRole('checkbox').check();
  await main(page).getByText('1 chosen').waitFor();
  await row(stays).getByRole('button', { name: /^Look inside/ }).click();
  await row(stays).getByText('it stays').waitFor();
}, { made: 'it has thousands of jobs in no time' });
