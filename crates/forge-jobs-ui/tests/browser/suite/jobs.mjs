// Lists of jobs: all, scheduled, retrying, dead. What finds them, and what is done to many.

import assert from 'node:assert/strict';
import { id as newId, list, scheduled, waiting } from './checks.mjs';
import { all, answer, box, boxes, button, chosen, dialog, filter, heading, ids, job, link, lists, main, region, said, someJobs, tab } from './person.mjs';

const { checks, check } = list();
export default checks;

const statuses = (queue) => `SELECT status, count(*) AS n FROM {v}forge_inspect_jobs WHERE queue = '${queue}' GROUP BY status ORDER BY status`;
// How often a job was claimed.
const starts = (id) => `SELECT count(*) AS n FROM {v}forge_job_events WHERE job = '${id}' AND event = 'started'`;
const audited = (action, since) => `SELECT action FROM {t}audit WHERE action = '${action}' AND target = '${since}'`;
const choose = async (page, wanted) => {
  for (const id of wanted) await box(page, id).check();
};
const matching = (page, text) => all(page).getByText(text, { exact: true }).waitFor();

check('pages of a list have no job twice, none is left out, and the first is a link away', async (page, world) => {
  const made = waiting(120, 'pages');
  await world.make(page, made);
  await world.go(page, '/jobs?queue=pages&kind=waits');
  const seen = new Set();
  const pager = main(page).getByRole('navigation', { name: 'Pages of the list' });
  const next = pager.getByRole('link', { name: 'Next page' });
  for (const [length, last] of [[50, false], [50, false], [20, true]]) {
    await page.waitForFunction(([seen, length]) => {
      const boxes = [...document.querySelectorAll('main input[aria-label^="Choose 0"]')];
      return boxes.length === length && !seen.includes(boxes[0].getAttribute('aria-label').slice('Choose '.length));
    }, [[...seen], length]);
    for (const id of await ids(page)) {
      assert.ok(!seen.has(id), `${id} came twice`);
      seen.add(id);
    }
    if (last) await next.waitFor({ state: 'hidden' });
    else await next.click();
  }
  assert.deepEqual([...seen].sort(), made.map((job) => job.id).sort());
  await pager.getByRole('link', { name: 'First page' }).click();
  await page.waitForURL(/queue=pages&kind=waits$/);
});

check('the filter suggests, by mouse and by keys, says what it does not know, and is cleared', async (page, world) => {
  await world.go(page, '/jobs');
  await someJobs(page);
  const options = page.getByRole('listbox', { name: 'Suggestions' }).getByRole('option');
  await page.keyboard.press('/');
  await page.keyboard.type('que');
  assert.match(await options.first().textContent(), /queue:/);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.keyboard.type('rep');
  await options.filter({ hasText: 'queue:reports/nightly' }).click();
  await page.waitForURL(/queue=reports%2Fnightly/);
  await filter(page).fill('nonsense:1');
  await filter(page).press('Enter');
  await main(page).getByRole('alert').filter({ hasText: 'nonsense' }).waitFor();
  await filter(page).fill('queue:nevermind');
  await button(page, 'Apply').click();
  await main(page).getByText('No job matches').waitFor();
  await said(page, /spelled/);
  await button(page, 'Clear').click();
  await page.waitForURL(/\/jobs$/);
  await someJobs(page);
  assert.equal(await filter(page).inputValue(), '');
});

check('a text of the payload finds jobs, and so do kind, status, tag and time', async (page, world) => {
  const made = waiting(3, 'found', { tags: ['vip'] });
  made[1].payload = { to: 'user-77' };
  made[2] = { ...made[2], kind: 'waits.long', tags: [] };
  await world.make(page, made);
  await world.go(page, '/jobs');
  const finds = async (text, wanted) => {
    await filter(page).fill(text);
    await filter(page).press('Enter');
    await lists(page, wanted.map((at) => made[at].id));
  };
  await finds('queue:found payload:"user-77"', [1]);
  await finds('queue:found kind:waits.long', [2]);
  await finds('queue:found tag:vip', [0, 1]);
  await finds('queue:found status:pending', [0, 1, 2]);
  await finds('queue:found status:dead', []);
});

// As if the list were longer than one look at it.
check('a search that has found nothing yet says in how many jobs, and goes on', async (page, world) => {
  const [made] = waiting(1, 'far');
  await world.make(page, [made]);
  const further = { '': 'further', further: 'furthest' };
  await page.route('**/api/v1/jobs?*', (route) => {
    const url = new URL(route.request().url());
    const next = further[url.searchParams.get('after') ?? ''];
    url.searchParams.delete('after');
    return next ? route.fulfill({ json: { jobs: [], next, unknown: [], scanned: 2000, complete: false } }) : route.continue({ url: url.href });
  });
  await page.route('**/api/v1/jobs/count?*', (route) => route.fulfill({ json: { jobs: { count: 0, more: true }, unknown: [] } }));
  await world.go(page, '/jobs?queue=far');
  const none = (which) => main(page).getByText(`None among the ${which} 2000 jobs`, { exact: true }).waitFor();
  await none('newest');
  await matching(page, 'not counted');
  assert.equal(await main(page).getByText('No job matches').count(), 0);
  // There is one way on.
  assert.equal(await main(page).getByRole('link', { name: 'Next page' }).count(), 0);
  await link(main(page), 'Search on').click();
  await page.waitForURL(/after=further$/);
  await none('next');
  await link(main(page), 'Search on').click();
  await page.waitForURL(/after=furthest$/);
  await lists(page, [made.id]);
  await page.goBack();
  await page.goBack();
  await none('newest');
}, { real: 'it looks at all jobs at once' });

check('a look inside shows payload and error in the list, and is in the address', async (page, world) => {
  const [made] = waiting(1, 'inside');
  made.payload = { html: '<b>bold</b>', big: 1 };
  await world.make(page, [made]);
  await world.go(page, '/jobs?queue=inside');
  await button(job(page, made.id), `Look inside ${made.id}`).click();
  await main(page).getByRole('heading', { level: 3, name: 'Payload' }).waitFor();
  await main(page).getByText('<b>bold</b>').waitFor();
  assert.match(page.url(), new RegExp(`peek=${made.id}`));
  await button(job(page, made.id), `Look inside ${made.id}`).click();
  await main(page).getByText('<b>bold</b>').waitFor({ state: 'hidden' });
  assert.doesNotMatch(page.url(), /peek/);
  // Of one that failed the row has how its error begins, and the look all of it.
  const failed = { id: newId(), kind: 't.err', queue: 'inside', payload: { text: 'the tide is out\nand the boats lie dry' }, max_attempts: 1 };
  await world.make(page, [failed]);
  await world.eventually(page, `SELECT status FROM {v}forge_inspect_jobs WHERE id = '${failed.id}'`, [{ status: 'dead' }]);
  await world.go(page, '/dead?queue=inside');
  const [begins, whole] = world.isReal
    ? ['the tide is out', 'the tide is out\nand the boats lie dry']
    : ['connection refused (os error 111)', 'connection refused (os error 111)\n   at upstream::call (src/upstream.rs:42)'];
  await job(page, failed.id).getByRole('cell', { name: begins, exact: true }).waitFor();
  assert.equal(await main(page).getByRole('heading', { name: 'Latest error' }).count(), 0);
  await button(job(page, failed.id), `Look inside ${failed.id}`).click();
  await main(page).getByRole('heading', { level: 3, name: 'Latest error' }).waitFor();
  const told = await main(page).locator('pre').allTextContents();
  assert.ok(told.includes(whole), told.join(' | '));
});

check('a look inside one job leaves what is chosen, and another filter does not', async (page, world) => {
  const made = waiting(2, 'looked');
  await world.make(page, made);
  await world.go(page, '/jobs?queue=looked');
  await choose(page, made.map((job) => job.id));
  await button(job(page, made[0].id), `Look inside ${made[0].id}`).click();
  await main(page).getByRole('heading', { level: 3, name: 'Payload' }).waitFor();
  await chosen(page).getByText('2 chosen').waitFor();
  await filter(page).fill(`queue:looked kind:${made[0].kind}`);
  await filter(page).press('Enter');
  await page.waitForURL(/kind=/);
  await chosen(page).waitFor({ state: 'hidden' });
});

check('jobs are chosen one by one, all of a page, and none', async (page, world) => {
  const made = waiting(3, 'choosing');
  await world.make(page, made);
  await world.go(page, '/jobs?queue=choosing');
  await box(page, made[0].id).check();
  await chosen(page).getByText('1 chosen').waitFor();
  const whole = main(page).getByRole('checkbox', { name: 'Choose all of this page' });
  await whole.check();
  await chosen(page).getByText('3 chosen').waitFor();
  for (const one of await boxes(page).all()) assert.ok(await one.isChecked());
  await button(chosen(page), 'Choose none').click();
  await chosen(page).waitFor({ state: 'hidden' });
  assert.ok(!(await whole.isChecked()));
});

check('a chosen job that has left the list is chosen no more, and nothing is done to it', async (page, world) => {
  const [gone, stays] = waiting(2, 'choice');
  await world.make(page, [gone, stays, ...waiting(1, 'choice-elsewhere')]);
  await world.go(page, '/jobs?queue=choice');
  await lists(page, [gone.id, stays.id]);
  await button(page, 'Live').waitFor();
  await box(page, gone.id).check();
  await chosen(page).getByText('1 chosen').waitFor();
  await world.other(page, 'job', gone.id, { queue: 'choice-elsewhere' });
  await said(page, 'The list has changed');
  // It is on the page until the list is drawn anew, and chosen so long.
  await chosen(page).getByText('1 chosen').waitFor();
  await button(page, 'Show it (n)').click();
  await lists(page, [stays.id]);
  await chosen(page).waitFor({ state: 'hidden' });
  await box(page, stays.id).check();
  await chosen(page).getByText('1 chosen').waitFor();
  await button(chosen(page), 'Drop').click();
  await answer(page, 'Drop 1 job?', 'Drop 1 job');
  await said(page, '1 dropped');
  world.holds(statuses('choice'), []);
  world.holds(`SELECT queue FROM {v}forge_inspect_jobs WHERE id = '${gone.id}'`, [{ queue: 'choice-elsewhere' }]);
});

check('what is scheduled runs when it is told to: one that is chosen', async (page, world) => {
  const made = scheduled(2, 'run-chosen');
  await world.make(page, made);
  await world.go(page, '/scheduled?queue=run-chosen');
  await choose(page, [made[0].id]);
  await button(chosen(page), 'Run now').click();
  await said(page, '1 made pending');
  await lists(page, [made[1].id]);
  world.holds(statuses('run-chosen'), [{ status: 'pending', n: 1 }, { status: 'scheduled', n: 1 }]);
  world.holds(audited('job.run_now', made[0].id), [{ action: 'job.run_now' }]);
});

check('deleting many needs their number, and deletes them alone', async (page, world) => {
  const made = waiting(5, 'drop-chosen');
  await world.make(page, made);
  await world.go(page, '/jobs?queue=drop-chosen&status=pending');
  await choose(page, made.slice(0, 3).map((job) => job.id));
  await button(chosen(page), 'Drop').click();
  await answer(page, 'Drop 3 jobs?', 'Drop 3 jobs', '3');
  await said(page, '3 dropped');
  await lists(page, made.slice(3).map((job) => job.id));
  world.holds(`SELECT id FROM {v}forge_inspect_jobs WHERE queue = 'drop-chosen' ORDER BY id`, made.slice(3).map(({ id }) => ({ id })));
});

check('chosen ones are cancelled, and a question that is closed does nothing', async (page, world) => {
  const made = scheduled(3, 'cancel-chosen');
  await world.make(page, made);
  await world.go(page, '/jobs?queue=cancel-chosen');
  await choose(page, made.slice(0, 2).map((job) => job.id));
  await button(chosen(page), 'Cancel').click();
  await button(dialog(page, 'Cancel 2 jobs?'), 'Back').click();
  world.holds(statuses('cancel-chosen'), [{ status: 'scheduled', n: 3 }]);
  await button(chosen(page), 'Cancel').click();
  await answer(page, 'Cancel 2 jobs?', 'Cancel 2 jobs');
  await said(page, '2 cancelled');
  world.holds(statuses('cancel-chosen'), [{ status: 'dead', n: 2 }, { status: 'scheduled', n: 1 }]);
});

check('what failed is retried or run at once, cancelled or dropped, where it waits', async (page, world) => {
  const made = Array.from({ length: 4 }, () => ({ id: newId(), kind: 't.fail', queue: 'failing', payload: { n: 99 } }));
  // They wait until somebody comes: the queue is there, and its backoff long, before they fail.
  await world.make(page, scheduled(1, 'failing'));
  await world.other(page, 'queue', 'failing', { base_seconds: 3600 });
  await world.make(page, made);
  await world.eventually(page, statuses('failing'), [{ status: 'retrying', n: 4 }, { status: 'scheduled', n: 1 }]);
  await world.go(page, '/retries?queue=failing');
  await lists(page, made.map((job) => job.id));
  // What they failed of is above them, and leads to those of this queue.
  await main(page).getByRole('listitem').filter({ hasText: 't.fail in ' }).getByRole('link').click();
  await page.waitForURL(/\/retries\?queue=failing&error_group=/);
  await page.goBack();
  await lists(page, made.map((job) => job.id));
  const [retried, run, cancelled, dropped] = made.map((job) => job.id);
  const does = async (id, verb, then, title) => {
    await choose(page, [id]);
    await button(chosen(page), verb).click();
    if (title) await answer(page, title, title.slice(0, -1));
    await said(page, then);
    await chosen(page).waitFor({ state: 'hidden' });
    world.holds(audited(`job.${verb.toLowerCase().replace(' ', '_')}`, id), (rows) => assert.equal(rows.length, 1));
  };
  await does(cancelled, 'Cancel', '1 cancelled', 'Cancel 1 job?');
  await does(dropped, 'Drop', '1 dropped', 'Drop 1 job?');
  await does(run, 'Run now', '1 made pending');
  await does(retried, 'Retry', '1 retried');
  world.holds(`SELECT id FROM {v}forge_inspect_jobs WHERE id = '${dropped}'`, []);
  world.holds(`SELECT status, dead_reason FROM {v}forge_inspect_jobs WHERE id = '${cancelled}'`, [{ status: 'dead', dead_reason: 'cancelled' }]);
  for (const id of [retried, run]) {
    await world.eventually(page, starts(id), [{ n: 2 }]);
  }
});

check('the dead are retried and dropped: some that are chosen', async (page, world) => {
  const made = Array.from({ length: 3 }, () => ({ id: newId(), kind: 't.dead', queue: 'dead-chosen', payload: {} }));
  await world.make(page, made);
  await world.eventually(page, statuses('dead-chosen'), [{ status: 'dead', n: 3 }]);
  await world.go(page, '/dead?queue=dead-chosen');
  await choose(page, [made[0].id]);
  await button(chosen(page), 'Retry').click();
  await said(page, '1 retried');
  await world.eventually(page, starts(made[0].id), [{ n: 2 }]);
  world.holds(starts(made[1].id), [{ n: 1 }]);
  await world.eventually(page, statuses('dead-chosen'), [{ status: 'dead', n: 3 }]);
  await world.go(page, '/dead?queue=dead-chosen');
  await choose(page, [made[1].id]);
  await button(chosen(page), 'Drop').click();
  await answer(page, 'Drop 1 job?', 'Drop 1 job');
  await said(page, '1 dropped');
  world.holds(`SELECT id FROM {v}forge_inspect_jobs WHERE id = '${made[1].id}'`, []);
});

for (const [verb, label, tabName, path, make, said_, after, typed] of [
  ['Cancel', 'Cancel all', 'Scheduled', '/scheduled', scheduled, '30 cancelled', [{ status: 'dead', n: 30 }]],
  ['Run now', 'Run all now', 'Scheduled', '/scheduled', scheduled, '30 made pending', [{ status: 'pending', n: 30 }]],
  ['Drop', 'Drop all', 'Jobs', '/jobs', waiting, '30 dropped', [], '30'],
]) {
  check(`all that a filter lets through, ${verb.toLowerCase()}: the number first, some of them, then what came of it`, async (page, world) => {
    const queue = `all-${verb.toLowerCase().replace(' ', '-')}`;
    await world.make(page, [...make(30, queue), ...make(2, `${queue}-not`)]);
    await world.go(page, `${path}?queue=${queue}`);
    await heading(page, tabName).waitFor();
    await matching(page, '30 match');
    await button(all(page), label).click();
    const asked = dialog(page, `${verb} all that match`);
    await asked.getByText('30 jobs', { exact: true }).waitFor();
    await asked.getByText(path === '/scheduled' ? `queue:${queue} status:scheduled` : `queue:${queue}`, { exact: true }).waitFor();
    await answer(page, `${verb} all that match`, `${verb} 30 jobs`, typed);
    await said(page, said_);
    await asked.waitFor({ state: 'hidden' });
    world.holds(statuses(queue), after);
    world.holds(`SELECT count(*) AS n FROM {v}forge_inspect_jobs WHERE queue = '${queue}-not'`, [{ n: 2 }]);
  });
}

// The page stays when the way back leads to another filter of it: what was asked about the jobs before is not done to others.
check('all that match are asked about under one filter: another one takes the question back', async (page, world) => {
  await world.make(page, [...waiting(2, 'took-back'), ...waiting(3, 'took-back-not')]);
  await world.go(page, '/jobs?queue=took-back-not');
  await matching(page, '3 match');
  await filter(page).fill('queue:took-back');
  await filter(page).press('Enter');
  await matching(page, '2 match');
  await button(all(page), 'Drop all').click();
  const asked = dialog(page, 'Drop all that match');
  await asked.getByText('2 jobs', { exact: true }).waitFor();
  await asked.getByText('queue:took-back', { exact: true }).waitFor();
  await asked.getByRole('textbox').fill('2');
  await page.goBack();
  await asked.waitFor({ state: 'hidden' });
  await matching(page, '3 match');
  world.holds(statuses('took-back'), [{ status: 'pending', n: 2 }]);
  world.holds(statuses('took-back-not'), [{ status: 'pending', n: 3 }]);
  // Asked anew, it is about what is shown.
  await button(all(page), 'Drop all').click();
  await asked.getByText('queue:took-back-not', { exact: true }).waitFor();
  await answer(page, 'Drop all that match', 'Drop 3 jobs', '3');
  await said(page, '3 dropped');
  world.holds(statuses('took-back'), [{ status: 'pending', n: 2 }]);
  world.holds(statuses('took-back-not'), []);
});

check('all dead ones of a filter are retried', async (page, world) => {
  const made = Array.from({ length: 3 }, () => ({ id: newId(), kind: 't.dead', queue: 'all-retry', payload: {} }));
  await world.make(page, made);
  await world.eventually(page, statuses('all-retry'), [{ status: 'dead', n: 3 }]);
  await world.go(page, '/dead?queue=all-retry');
  await matching(page, '3 match');
  await button(all(page), 'Retry all').click();
  await answer(page, 'Retry all that match', 'Retry 3 jobs');
  await said(page, '3 retried');
  for (const { id } of made) await world.eventually(page, starts(id), [{ n: 2 }]);
});

// An address says anything; the page is of the dead all the same, and what it asks says so.
check('what is asked about all that match is what is done to them, whatever the address says', async (page, world) => {
  await world.make(page, [{ id: newId(), kind: 't.dead', queue: 'words', payload: {} }, ...waiting(2, 'words')]);
  await world.eventually(page, statuses('words'), [{ status: 'dead', n: 1 }, { status: 'pending', n: 2 }]);
  await world.go(page, '/dead?queue=nowhere&status=pending&queue=words');
  await matching(page, '1 matches');
  assert.equal(await filter(page).inputValue(), 'queue:words');
  await button(all(page), 'Drop all').click();
  const asked = dialog(page, 'Drop all that match');
  await asked.getByText('queue:words status:dead', { exact: true }).waitFor();
  await answer(page, 'Drop all that match', 'Drop 1 job', '1');
  await said(page, '1 dropped');
  world.holds(statuses('words'), [{ status: 'pending', n: 2 }]);
  const address = page.url();
  await filter(page).fill('queue:words status:pending');
  await filter(page).press('Enter');
  await main(page).getByRole('alert').filter({ hasText: '“status:pending” is no filter here' }).waitFor();
  assert.equal(page.url(), address);
});

check('errors by sort: the jobs of one are a link away, and its dead are retried and dropped', async (page, world) => {
  const text = 'the sea is empty';
  const made = Array.from({ length: 2 }, () => ({ id: newId(), kind: 't.err', queue: 'sorts', payload: { text }, max_attempts: 1 }));
  await world.make(page, made);
  await world.eventually(page, statuses('sorts'), [{ status: 'dead', n: 2 }]);
  await world.go(page, '/dead?queue=sorts');
  await lists(page, made.map((job) => job.id));
  const sorts = main(page).getByRole('listitem').filter({ has: page.getByRole('button', { name: /^Retry its dead: / }) });
  // The errors are counted after the jobs are read. More than one of them would be in the way of the click.
  await sorts.getByRole('link').click();
  await page.waitForURL(/error_group=/);
  await someJobs(page);
  for (const { id } of made) await box(page, id).waitFor();
  await world.go(page, '/dead?queue=sorts');
  await sorts.getByRole('button', { name: /^Retry its dead: / }).click();
  await answer(page, 'Retry the dead jobs with this error', 'Retry 2 jobs');
  await said(page, '2 retried');
  for (const { id } of made) await world.eventually(page, starts(id), [{ n: 2 }]);
  await world.make(page, made.map((job) => ({ ...job, id: newId() })));
  await world.eventually(page, statuses('sorts'), [{ status: 'dead', n: 4 }]);
  await world.go(page, '/dead?queue=sorts');
  await sorts.getByRole('button', { name: /^Drop its dead: / }).click();
  // Nobody runs what was retried in the made-up queue: it is not dead again.
  const dead = world.isReal ? '4' : '2';
  await answer(page, 'Drop the dead jobs with this error', `Drop ${dead} jobs`, dead);
  await said(page, `${dead} dropped`);
  world.holds(statuses('sorts'), []);
});

check('errors by sort: what is done to the dead of one is told first, and done in the queue of the filter alone', async (page, world) => {
  const dead = (queue, count) =>
    Array.from({ length: count }, () => ({ id: newId(), kind: 't.err', queue, payload: { text: 'the well is dry' }, max_attempts: 1 }));
  const [here, there] = [dead('sort-here', 2), dead('sort-there', 1)];
  await world.make(page, [...here, ...there]);
  await world.eventually(page, statuses('sort-here'), [{ status: 'dead', n: 2 }]);
  await world.eventually(page, statuses('sort-there'), [{ status: 'dead', n: 1 }]);
  await world.go(page, '/dead?queue=sort-here');
  const drop = page.getByRole('button', { name: /^Drop its dead: / });
  // What its link leads to is under the filter too: all of it may be dropped there.
  await main(page).getByRole('listitem').filter({ has: drop }).getByRole('link').click();
  await page.waitForURL(/\/dead\?queue=sort-here&error_group=/);
  await lists(page, here.map((job) => job.id));
  await page.goBack();
  await drop.click();
  const title = 'Drop the dead jobs with this error';
  const asked = dialog(page, title);
  await asked.getByText('2 jobs', { exact: true }).waitFor();
  await asked.getByText(/^queue:sort-here status:dead error:[0-9a-f]{16}$/).waitFor();
  await answer(page, title, 'Drop 2 jobs', '2');
  await said(page, '2 dropped');
  await asked.waitFor({ state: 'hidden' });
  await lists(page, []);
  world.holds(statuses('sort-here'), []);
  world.holds(statuses('sort-there'), [{ status: 'dead', n: 1 }]);
  await world.go(page, '/dead?queue=sort-there');
  await lists(page, there.map((job) => job.id));
});

check('texts of jobs stay texts on every page', async (page, world) => {
  await world.go(page, '/dead?queue=errors');
  await someJobs(page);
  const dead = await ids(page);
  assert.ok(dead.length >= 6);
  for (const id of dead) await button(job(page, id), `Look inside ${id}`).click();
  for (const id of dead.slice(0, 6)) {
    await world.go(page, `/dead/${id}`);
    await region(page, 'Payload').waitFor();
  }
  for (const text of HOSTILE) {
    await world.go(page, `/jobs?tag=${encodeURIComponent(text)}&queue=${encodeURIComponent(text)}`);
    await world.go(page, `/jobs/${encodeURIComponent(text)}`);
  }
  await tab(page, 'Jobs').click();
  await heading(page, 'Jobs').waitFor();
  // What is looked for is markup itself, which must not be there.
  assert.equal(await page.locator('img, iframe, main script').count(), 0);
}, { expect: ['400', '404', '422'] });

export const HOSTILE = [
  '<img src=x onerror="window.hacked=1">',
  '<script>window.hacked=1</script>',
  '"><svg onload=window.hacked=1>',
  'javascript:window.hacked=1',
  '{{constructor.constructor("window.hacked=1")()}}',
  '</title><script>window.hacked=1</script>',
];
