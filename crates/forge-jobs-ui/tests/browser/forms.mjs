// What forms make and change: on a real server with both storages, where `world` asks the tables, and on the made-up queue,
// where `world` is null and the page has to do.

import assert from 'node:assert/strict';

// A field by what stands above it, letter for letter.
const field = (scope, label) =>
  scope.locator('.fp-field', { has: scope.page().locator(':scope > span', { hasText: new RegExp(`^${label}$`) }) }).locator('input, textarea, select');
const wrong = (scope, label) =>
  scope.locator('.fp-field', { has: scope.page().locator(':scope > span', { hasText: new RegExp(`^${label}$`) }) }).locator('.fp-wrong');

export async function newJob(page, go, world) {
  await go(page, '/jobs?queue=mail');
  await page.locator('button', { hasText: 'Enqueue a job' }).click();
  const dialog = page.locator('dialog[open]');
  const send = dialog.locator('.fp-primary');
  assert.equal(await field(dialog, 'Queue').inputValue(), 'mail');
  assert.ok(await send.isDisabled(), 'without a kind there is no job');
  await field(dialog, 'Kind').fill('made.by_hand');
  await field(dialog, 'Payload').fill('{"n": 1,}');
  assert.match(await wrong(dialog, 'Payload').textContent(), /no JSON/);
  await field(dialog, 'Payload').fill('{"n": 9007199254740993}');
  await field(dialog, 'Priority').fill('low');
  assert.match(await wrong(dialog, 'Priority').textContent(), /whole number/);
  await field(dialog, 'Priority').fill('-7');
  await field(dialog, 'Run at').fill('2050-01-01T00:00:00Z');
  await field(dialog, 'Attempts').fill('3');
  await field(dialog, 'Tags').fill('by hand, urgent');
  if (world) {
    // What only the server knows is said at its field.
    await field(dialog, 'Queue').fill('no such queue!');
    await send.click();
    await wrong(dialog, 'Queue').waitFor();
    await field(dialog, 'Queue').fill('mail');
  }
  await send.click();
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/);
  await page.locator('.fp-json').first().waitFor();
  const id = new URL(page.url()).pathname.split('/').pop();
  if (!world) return id;
  const job = world.one(`SELECT * FROM {v}forge_inspect_jobs WHERE id = '${id}'`);
  assert.deepEqual(
    [job.kind, job.queue, job.status, job.priority, job.max_attempts, job.payload, job.tags],
    ['made.by_hand', 'mail', 'scheduled', -7, 3, '{"n": 9007199254740993}', '["by hand","urgent"]'],
  );
  return id;
}

export async function editJob(page, go, world) {
  const id = await newJob(page, go, world);
  const open = () => page.locator('.fp-main .fp-actions button', { hasText: /^Edit$/ }).click();
  await open();
  const dialog = page.locator('dialog[open]');
  const save = dialog.locator('.fp-primary');
  await field(dialog, 'Payload').waitFor();
  assert.ok(await save.isDisabled(), 'nothing is changed yet');
  await field(dialog, 'Due').fill('tomorrow');
  assert.match(await wrong(dialog, 'Due').textContent(), /moment/);
  assert.ok(await save.isDisabled());
  await field(dialog, 'Due').fill('2051-02-03T04:05:06Z');
  await field(dialog, 'Payload').fill('{"edited": 1.0}');
  assert.match(await dialog.locator('.fp-banner-info').textContent(), /Payload: .* → \{"edited": 1.0\}/);
  await field(dialog, 'Queue').fill('nowhere');
  await save.click();
  await page.waitForFunction(() => document.querySelector('dialog[open] :is(.fp-wrong, .fp-error)'));
  await field(dialog, 'Queue').fill('reports/nightly'.slice(0, world ? 15 : 7));
  await save.click();
  await page.locator('dialog[open]').waitFor({ state: 'hidden' });
  await page.locator('.fp-main .fp-json', { hasText: 'edited' }).first().waitFor();
  if (!world) return;
  const job = () => world.one(`SELECT * FROM {v}forge_inspect_jobs WHERE id = '${id}'`);
  assert.deepEqual(
    [job().payload, job().queue, job().due_at, job().status],
    ['{"edited": 1.0}', 'reports/nightly', Date.UTC(2051, 1, 3, 4, 5, 6) * 1000, 'scheduled'],
  );
  // Two at once: what the other one changed is shown, and what nobody typed here stays theirs.
  await open();
  await field(dialog, 'Priority').fill('4');
  world.cli('job', 'edit', id, '--payload', '{"theirs":true}');
  await save.click();
  await dialog.locator('.fp-banner-warn', { hasText: 'theirs' }).waitFor();
  await dialog.locator('button', { hasText: 'Save mine on top' }).click();
  await page.locator('dialog[open]').waitFor({ state: 'hidden' });
  assert.deepEqual([job().payload, job().priority], ['{"theirs":true}', 4]);
  await open();
  await field(dialog, 'Priority').fill('5');
  world.cli('job', 'edit', id, '--priority', '6');
  await save.click();
  await dialog.locator('button', { hasText: 'Take theirs' }).click();
  assert.equal(await field(dialog, 'Priority').inputValue(), '6');
  await dialog.locator('button', { hasText: 'Back' }).click();
  assert.equal(job().priority, 6);
  const said = world.rows(`SELECT actor FROM {t}audit WHERE action = 'job.edit' AND target = '${id}'`);
  assert.ok(said.length >= 3, 'the audit has each edit');
}

export async function newLimit(page, go, world) {
  await go(page, '/limits');
  await page.locator('button', { hasText: 'New limit' }).click();
  const form = page.locator('form.fp-card');
  const save = form.locator('.fp-primary');
  await field(form, 'Scope').fill('slack');
  await field(form, 'Permits').fill('25');
  await field(form, 'Window').fill('30 s');
  assert.match(await wrong(form, 'Scope').textContent(), /limit already/);
  assert.ok(await save.isDisabled());
  await field(form, 'Scope').fill('by-hand');
  await field(form, 'Permits').fill('0');
  assert.match(await wrong(form, 'Permits').textContent(), /from 1 to 1000000/);
  await field(form, 'Permits').fill('25');
  await field(form, 'Given').selectOption('smooth');
  if (world) {
    await field(form, 'Scope').fill('not a scope');
    await save.click();
    await wrong(form, 'Scope').waitFor();
    await field(form, 'Scope').fill('by-hand');
  }
  await save.click();
  await page.locator('.fp-card h2', { hasText: /^by-hand$/ }).waitFor();
  if (!world) return;
  const limit = world.one("SELECT * FROM {t}limits WHERE scope = 'by-hand'");
  assert.deepEqual([limit.permits, limit.window_us, Boolean(limit.smooth), Boolean(limit.by_operator)], [25, 30_000_000, true, true]);
}

export async function newSchedule(page, go, world) {
  await go(page, '/cron');
  await page.locator('button', { hasText: 'New schedule' }).click();
  const form = page.locator('form.fp-card');
  const save = form.locator('.fp-primary');
  const taken = world ? 'nightly' : 'cleanup';
  await field(form, 'Name').fill(taken);
  await field(form, 'Expression').fill('not cron');
  await form.locator('.fp-banner-info .fp-error').waitFor();
  await field(form, 'Expression').fill('15 6 * * *');
  await field(form, 'Time zone').fill('Europe/Berlin');
  await form.locator('.fp-banner-info .fp-fires li').first().waitFor();
  if (world) await form.locator('.fp-fires li', { hasText: '06:15:00' }).nth(4).waitFor();
  assert.ok(await save.isDisabled(), 'without a kind there is no schedule');
  await field(form, 'Kind').fill('report');
  await save.click();
  assert.match(await wrong(form, 'Name').textContent(), /of this name/);
  await field(form, 'Name').fill('by-hand/morning');
  await field(form, 'Payload').fill('{"full": true}');
  await save.click();
  await page.waitForURL(/\/cron\/by-hand%2Fmorning$/);
  await page.locator('h1', { hasText: 'by-hand/morning' }).waitFor();
  if (!world) return;
  const made = world.one("SELECT * FROM {t}schedules WHERE name = 'by-hand/morning'");
  assert.deepEqual([made.expression, made.zone, Boolean(made.enabled), made.owner], ['15 6 * * *', 'Europe/Berlin', true, 1]);
  assert.match(made.spec, /"report"/);
  assert.equal(world.one("SELECT expression FROM {t}schedules WHERE name = 'nightly'").expression === '15 6 * * *', false);
}
