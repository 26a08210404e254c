// One job: its story, what is done to it, an edit, a copy, and a new one.

import assert from 'node:assert/strict';
import { id as newId, later, list, scheduled, waiting } from './checks.mjs';
import { about, acts, alert, answer, button, dialog, field, group, heading, link, main, off, on, region, said, stands, wrong } from './person.mjs';

const { checks, check } = list();
export default checks;

const jobs = (id, columns) => `SELECT ${columns} FROM {v}forge_inspect_jobs WHERE id = '${id}'`;
const audited = (action, id) => `SELECT action FROM {t}audit WHERE action = '${action}' AND target = '${id}'`;
const once = (rows) => assert.equal(rows.length, 1);
const story = (page) => region(page, 'What happened').getByRole('listitem');
const attempts = (page) => region(page, 'Attempts').getByRole('listitem').filter({ has: page.getByText(/^Attempt \d/) });

check('a dead job tells its story and what led to its error, and is retried', async (page, world) => {
  const payload = { text: 'not sent', causes: ['no route', 'the line is dead'] };
  const made = { id: newId(), kind: 't.err', queue: 'story', payload, max_attempts: 1 };
  await world.make(page, [made]);
  await world.eventually(page, jobs(made.id, 'status'), [{ status: 'dead' }]);
  await world.go(page, `/dead/${made.id}`);
  await stands(page, 'dead');
  // What led to its error, the outermost first.
  const chain = attempts(page).first().getByRole('listitem');
  await chain.nth(1).waitFor();
  const led = world.isReal ? ['not sent', 'no route', 'the line is dead'].map((text) => `Caused: ${text}`) : ['FetchError: fetch the original', 'connection refused'];
  assert.deepEqual(await chain.allTextContents(), led);
  await story(page).filter({ hasText: 'enqueued' }).waitFor();
  await button(acts(page), 'Retry').click();
  await said(page, '1 retried');
  await story(page).filter({ hasText: 'retried' }).first().waitFor();
  world.holds(audited('job.retry', made.id), once);
  await world.eventually(page, `SELECT count(*) AS n FROM {v}forge_job_events WHERE job = '${made.id}' AND event = 'started'`, [{ n: 2 }]);
});

check('the second attempt of a job is beside the first', async (page, world) => {
  const made = { id: newId(), kind: 't.dead', queue: 'story', payload: {} };
  await world.make(page, [made]);
  await world.eventually(page, jobs(made.id, 'status'), [{ status: 'dead' }]);
  await world.go(page, `/dead/${made.id}`);
  await button(acts(page), 'Retry').click();
  await attempts(page).nth(1).waitFor();
  assert.equal(await attempts(page).count(), 2);
}, { real: 'nobody works there' });

check('a job whose time has not come is run now, and says where it stands', async (page, world) => {
  const [made] = scheduled(1, 'one');
  await world.make(page, [made]);
  await world.go(page, `/scheduled/${made.id}`);
  await stands(page, 'scheduled');
  await region(page, 'Why it is where it is').waitFor();
  await button(acts(page), 'Run now').click();
  await said(page, '1 made pending');
  await stands(page, 'pending');
  world.holds(jobs(made.id, 'status'), [{ status: 'pending' }]);
  world.holds(audited('job.run_now', made.id), once);
});

check('a job that waits is cancelled after a question, and then dropped', async (page, world) => {
  const [made] = scheduled(1, 'one');
  await world.make(page, [made]);
  await world.go(page, `/jobs/${made.id}`);
  await button(acts(page), 'Cancel').click();
  await answer(page, 'Cancel 1 job?', 'Cancel 1 job');
  await said(page, '1 cancelled');
  await stands(page, 'dead');
  world.holds(jobs(made.id, 'status, dead_reason'), [{ status: 'dead', dead_reason: 'cancelled' }]);
  await button(acts(page), 'Drop').click();
  await answer(page, 'Drop 1 job?', 'Drop 1 job');
  await said(page, '1 dropped');
  world.holds(jobs(made.id, 'status'), []);
  world.holds(audited('job.drop', made.id), once);
  // What it was is not offered for anything any more.
  await heading(page, 'Jobs').waitFor();
}, { expect: ['404'] });

check('a job that runs is asked to stop', async (page, world) => {
  const made = { id: newId(), kind: 't.sleep', queue: 'stopping', payload: { ms: 60000 }, max_attempts: 1 };
  await world.make(page, [made]);
  await world.eventually(page, jobs(made.id, 'status'), [{ status: 'running' }]);
  await world.go(page, `/jobs/${made.id}`);
  await stands(page, 'running');
  await button(acts(page), 'Cancel').click();
  await answer(page, 'Cancel 1 job?', 'Cancel 1 job');
  await said(page, '1 asked to stop');
  await world.eventually(page, jobs(made.id, 'status, dead_reason'), [{ status: 'dead', dead_reason: 'cancelled' }]);
});

check('how far a job is moves on while nothing else happens', async (page, world) => {
  const made = { id: newId(), kind: 't.steps', queue: 'steps', payload: { ms: 200, n: 600 }, max_attempts: 1 };
  await world.make(page, [made]);
  await world.go(page, `/jobs/${made.id}`);
  await stands(page, 'running');
  const far = () => main(page).getByRole('progressbar', { name: 'Progress' }).getAttribute('value').then(Number);
  const before = await far();
  await page.waitForFunction((before) => Number(document.querySelector('main progress')?.getAttribute('value')) > before + 10, before);
  // The processes tell it too.
  await world.go(page, '/processes');
  const told = main(page).getByText(/^\d+ of 600/);
  const first = Number.parseInt(await told.textContent(), 10);
  await page.waitForFunction((first) => [...document.querySelectorAll('main *')].some((e) => e.children.length === 0 && Number(/^(\d+) of 600/.exec(e.textContent)?.[1]) > first + 10), first);
  await world.go(page, `/jobs/${made.id}`);
  await button(acts(page), 'Cancel').click();
  await answer(page, 'Cancel 1 job?', 'Cancel 1 job');
  await stands(page, 'dead');
}, { real: 'nobody works there', alone: true });

check('what a handler logs and gives is beside its job', async (page, world) => {
  const [logs, gives] = [['t.log', { n: 2, text: 'hello from inside' }], ['t.echo', { given: 12345678901234567 }]].map(([kind, payload]) =>
    ({ id: newId(), kind, queue: 'logs', payload }));
  await world.make(page, [logs, gives]);
  await world.go(page, `/jobs/${logs.id}`);
  await page.getByRole('list', { name: 'Lines of the log' }).getByText('hello from inside').nth(1).waitFor();
  await world.go(page, `/jobs/${gives.id}`);
  await region(page, 'Result').getByText('given').waitFor();
  await stands(page, 'done');
}, { real: 'nobody works there' });

check('a job leads to its queue, its kind, its tags, and to others with its error', async (page, world) => {
  const made = { id: newId(), kind: 't.err', queue: 'leads', payload: { text: 'no way' }, max_attempts: 1, tags: ['vip'] };
  await world.make(page, [made]);
  await world.eventually(page, jobs(made.id, 'status'), [{ status: 'dead' }]);
  for (const [name, address] of [['leads', /\/queues\/leads$/], ['t.err', /kind=t\.err/], ['vip', /tag=vip/], ['Other jobs with this error', /error_group=/]]) {
    await world.go(page, `/dead/${made.id}`);
    await link(main(page), name).first().click();
    await page.waitForURL(address);
  }
});

check('a copy of a job is enqueued with the payload that was typed, digit for digit', async (page, world) => {
  const [made] = waiting(1, 'copies');
  await world.make(page, [made]);
  await world.go(page, `/jobs/${made.id}`);
  await button(acts(page), 'Enqueue a copy').click();
  const copy = dialog(page, 'Enqueue a copy');
  await field(copy, 'Payload').fill('{"n": 12345678901234567890123, "b": 1.0}');
  await button(copy, 'Enqueue').click();
  await page.waitForFunction((old) => !location.pathname.includes(old), made.id);
  await region(page, 'Payload').getByText('12345678901234567890123').waitFor();
  const id = new URL(page.url()).pathname.split('/').pop();
  world.holds(jobs(id, 'kind, queue, payload'), [{ kind: 'waits', queue: 'copies', payload: '{"n": 12345678901234567890123, "b": 1.0}' }]);
});

async function newJob(page, world, { kind = 'made.by_hand', run_at = later } = {}) {
  await world.go(page, '/jobs?queue=mail');
  await button(main(page), 'Enqueue a job').click();
  const form = dialog(page, 'Enqueue a job');
  assert.equal(await field(form, 'Queue').inputValue(), 'mail', 'what the list is filtered by');
  await field(form, 'Kind').fill(kind);
  await field(form, 'Payload').fill('{"n": 9007199254740993}');
  await field(form, 'Run at').fill(run_at);
  return form;
}
const made = async (page) => {
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/);
  const id = new URL(page.url()).pathname.split('/').pop();
  await heading(page, id).waitFor();
  return id;
};

check('a job is made out of nothing, and what is wrong with it is said at its field', async (page, world) => {
  const form = await newJob(page, world, { kind: '' });
  await off(form, 'Enqueue');
  await field(form, 'Kind').fill('made.by_hand');
  await field(form, 'Payload').fill('{"n": 1,}');
  await wrong(field(form, 'Payload'), /no JSON/);
  await field(form, 'Payload').fill('{"n": 9007199254740993}');
  await field(form, 'Priority').fill('low');
  await wrong(field(form, 'Priority'), /whole number/);
  await field(form, 'Priority').fill('-7');
  await field(form, 'Run at').fill('tomorrow');
  await wrong(field(form, 'Run at'), /moment/);
  // By the clocks of Berlin, where this browser is.
  await field(form, 'Run at').fill('2050-01-01 1:00');
  await field(form, 'Attempts').fill('0');
  await wrong(field(form, 'Attempts'), /1 to 10000/);
  await field(form, 'Attempts').fill('3');
  await field(form, 'Tags').fill('by hand, urgent');
  await field(form, 'Concurrency key').fill('one-at-a-time');
  // What only the server knows is said at its field.
  await field(form, 'Queue').fill('no such queue!');
  await button(form, 'Enqueue').click();
  await wrong(field(form, 'Queue'), /queue/i);
  await field(form, 'Queue').fill('mail');
  await button(form, 'Enqueue').click();
  const id = await made(page);
  await said(page, 'Enqueued');
  world.holds(jobs(id, 'kind, queue, status, due_at, priority, max_attempts, payload, tags, concurrency_key'), [{
    kind: 'made.by_hand', queue: 'mail', status: 'scheduled', due_at: Date.parse(later) * 1000, priority: -7, max_attempts: 3,
    payload: '{"n": 9007199254740993}', tags: '["by hand","urgent"]', concurrency_key: 'one-at-a-time',
  }]);
}, { expect: ['400', '422'] });

check('a job whose dedupe key is taken leads to the one that has it', async (page, world) => {
  const twin = { id: newId(), kind: 'made.once', queue: 'mail', payload: {}, run_at: later, dedupe_key: 'one' };
  await world.make(page, [twin]);
  const form = await newJob(page, world, { kind: 'made.once' });
  await field(form, 'Dedupe key').fill('one');
  await button(form, 'Enqueue').click();
  await said(page, 'Another job stands for it');
  assert.equal(await made(page), twin.id);
  world.holds(`SELECT id FROM {v}forge_inspect_jobs WHERE kind = 'made.once'`, [{ id: twin.id }]);
});

check('a job that waits is edited, with what changes said before', async (page, world) => {
  await button(await newJob(page, world), 'Enqueue').click();
  const id = await made(page);
  await button(acts(page), 'Edit').click();
  const form = dialog(page, 'Edit this job');
  await off(form, 'Save');
  await field(form, 'Due').fill('tomorrow');
  await wrong(field(form, 'Due'), /moment/);
  await off(form, 'Save');
  await field(form, 'Due').fill('2051-02-03T04:05:06Z');
  await field(form, 'Payload').fill('{"edited": 1.0}');
  await field(form, 'Tags').fill('late');
  await group(form, 'This edit changes').getByText('Payload edited: nothing → 1.0', { exact: true }).waitFor();
  await field(form, 'Queue').fill('nowhere');
  await button(form, 'Save').click();
  await alert(form, /nowhere|queue/i).waitFor();
  await field(form, 'Queue').fill('reports/nightly');
  await button(form, 'Save').click();
  await form.waitFor({ state: 'hidden' });
  await region(page, 'Payload').getByText('edited').waitFor();
  world.holds(jobs(id, 'payload, queue, due_at, status, tags'), [{
    payload: '{"edited": 1.0}', queue: 'reports/nightly', due_at: Date.UTC(2051, 1, 3, 4, 5, 6) * 1000, status: 'scheduled', tags: '["late"]',
  }]);
  world.holds(audited('job.edit', id), once);
}, { expect: ['400', '404', '422'] });

check('an edit of a long payload says what differs, and aloud how much that is', async (page, world) => {
  const [job] = scheduled(1, 'long');
  job.payload = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`key-${n}`, 'x'.repeat(500)]));
  await world.make(page, [job]);
  await world.go(page, `/jobs/${job.id}`);
  await button(acts(page), 'Edit').click();
  const form = dialog(page, 'Edit this job');
  await field(form, 'Payload').fill(JSON.stringify({ ...job.payload, 'key-7': 1, more: true }));
  const lines = group(form, 'This edit changes').getByRole('listitem');
  await lines.nth(1).waitFor();
  assert.match((await lines.allTextContents()).join(' | '), /^Payload key-7: "x+…" → 1 \| Payload more: nothing → true$/);
  const aloud = form.getByRole('status').filter({ hasText: /./ });
  assert.deepEqual(await aloud.allTextContents(), ['This edit changes something: 2 lines say what']);
  // Somebody else's change, and what is told of it, are no longer.
  await world.other(page, 'job', job.id, { payload: { ...job.payload, theirs: 1 } });
  await button(form, 'Save').click();
  const met = alert(form, 'Something happened to this job');
  await met.getByText('Payload theirs: nothing → 1', { exact: true }).waitFor();
  assert.ok((await met.textContent()).length < 500);
}, { expect: ['412'] });

check('two who edit a job meet: mine is saved on top, or theirs is taken', async (page, world) => {
  const [job] = scheduled(1, 'met');
  await world.make(page, [job]);
  await world.go(page, `/jobs/${job.id}`);
  const form = dialog(page, 'Edit this job');
  await button(acts(page), 'Edit').click();
  await field(form, 'Priority').fill('4');
  await world.other(page, 'job', job.id, { payload: { theirs: true } });
  await button(form, 'Save').click();
  const met = alert(form, 'Something happened to this job');
  await met.getByRole('listitem').filter({ hasText: 'theirs' }).waitFor();
  await button(met, 'Save mine on top of it').click();
  await form.waitFor({ state: 'hidden' });
  // What nobody typed here stays theirs.
  world.holds(jobs(job.id, 'payload, priority'), [{ payload: '{"theirs":true}', priority: 4 }]);
  await button(acts(page), 'Edit').click();
  await field(form, 'Priority').fill('5');
  await world.other(page, 'job', job.id, { priority: 6 });
  await button(form, 'Save').click();
  await button(met, 'Take theirs').click();
  assert.equal(await field(form, 'Priority').inputValue(), '6');
  assert.match(await about(field(form, 'Priority')), /Lower runs first/);
  await button(form, 'Back').click();
  world.holds(jobs(job.id, 'priority'), [{ priority: 6 }]);
  await on(acts(page), 'Edit');
}, { expect: ['412'] });
