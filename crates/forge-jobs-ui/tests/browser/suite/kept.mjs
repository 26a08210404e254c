// What a person would lose: the filter and the page of a list.

import assert from 'node:assert/strict';
import { list, scheduled } from './checks.mjs';
import { acts, answer, button, filter, heading, ids, link, lists, main, open, said, someJobs } from './person.mjs';

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
