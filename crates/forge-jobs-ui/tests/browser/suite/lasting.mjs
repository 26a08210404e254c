// A panel that stays open for days.

import assert from 'node:assert/strict';
import { list, waiting } from './checks.mjs';
import { main } from './person.mjs';

const { checks, check } = list();
export default checks;

// Bytes of the module's memory, which only grows.
const watched = (page) =>
  page.addInitScript(() => {
    const begin = WebAssembly.instantiateStreaming;
    WebAssembly.instantiateStreaming = async (...args) => {
      const made = await begin.apply(WebAssembly, args);
      window.memory = made.instance.exports.memory;
      return made;
    };
  });
const memory = (page) => page.evaluate(() => window.memory.buffer.byteLength);

check('rows that are drawn anew again and again leave nothing behind', async (page, world) => {
  await watched(page);
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

// Now and then all rows are drawn anew, so that what each leaves with its list is gone.
check('a list that has drawn thousands of rows can be used as before', async (page, world) => {
  await world.go(page, '/jobs');
  let last;
  for (let n = 0; n < 45; n += 1) {
    const jobs = waiting(50, 'thousands', { payload: { round: n } });
    await world.make(page, jobs);
    last = main(page).locator(`tbody[data-id="${jobs.at(-1).id}"]`);
    await page.keyboard.press('n');
    await last.waitFor();
  }
  assert.equal(await main(page).locator('tbody').count(), 50);
  await last.getByRole('checkbox').check();
  await main(page).getByText('1 chosen').waitFor();
  await last.getByRole('button', { name: /^Look inside/ }).click();
  await last.getByText('44').first().waitFor();
}, { made: 'it has thousands of jobs in no time' });
