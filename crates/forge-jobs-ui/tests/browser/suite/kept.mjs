// What a person would lose: the filter and the page of a list, and what came of what was done.

import assert from 'node:assert/strict';
import { id, later, list, scheduled } from './checks.mjs';
import { acts, all, answer, button, filter, group, heading, ids, link, lists, main, open, said, someJobs } from './person.mjs';

const { checks, check } = list();
export default checks;

check('a look at a job loses neither the filter nor the page of its list: by the way up, and when it is dropped', async (page, world) => {
  const made = scheduled(52, 'kept-place');
  await world.make(page, made);
  await world.go(page, '/scheduled?queue=kept-place');
  await someJobs(page);
  const first = await ids(page);
  const rest = made.map((job) => job.id).filter((id) => !first.includes(id));
  await link(main(page), 'Next page').click();
  await lists(page, rest);
  const address = page.url();
  assert.match(address, /queue=kept-place&after=/);
  const [one, other] = rest;
  await open(page, one).click();
  await heading(page, one).waitFor();
  await link(main(page), 'Scheduled').click();
  await lists(page, rest);
  assert.equal(page.url(), address);
  assert.equal(await filter(page).inputValue(), 'queue:kept-place');
  await open(page, other).click();
  await heading(page, other).waitFor();
  await button(acts(page), 'Drop').click();
  await answer(page, 'Drop 1 job?', 'Drop 1 job');
  await said(page, '1 dropped');
  await lists(page, [one]);
  assert.equal(page.url(), address);
}, { expect: ['404'] });

check('what came of all that match stays on the page until it is closed', async (page, world) => {
  const dead = { id: id(), kind: 't.dead', queue: 'came', payload: {}, dedupe_key: 'came' };
  await world.make(page, [dead]);
  await world.eventually(page, "SELECT status FROM {v}forge_inspect_jobs WHERE queue = 'came'", [{ status: 'dead' }]);
  // Nobody tells of twins in the made-up queue.
  if (world.isReal) await world.make(page, [{ ...dead, id: id(), run_at: later }]);
  await world.go(page, '/dead?queue=came');
  await all(page).getByText('1 matches', { exact: true }).waitFor();
  await button(all(page), 'Retry all').click();
  await answer(page, 'Retry all that match', 'Retry 1 job');
  const told = world.isReal ? '1 left, since another job has their dedupe key' : '1 retried';
  const aloud = page.getByRole('status').filter({ hasText: told });
  await aloud.waitFor();
  await aloud.waitFor({ state: 'hidden' });
  const came = group(page, 'What came of it');
  await came.getByText(new RegExp(`^Retry all that match \\(.*queue:came.*\\): ${told}`)).waitFor();
  await button(came, 'Close').click();
  await came.waitFor({ state: 'hidden' });
});
