// The panel in a headless Chromium, against a real `forge serve`: what only a browser can show. What pages compute is
// tested on the host.
//
//   cargo xtask panel --check
//
// builds panel and programs and calls this once for each storage, side by side. FORGE and FORGE_DB name the programs,
// STORAGE is sqlite or postgres, CHROMIUM the browser, SHOTS a directory for pictures; words after it pick the checks whose
// name holds one of them. What is done through the page is asked of the tables themselves.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import axe from '@axe-core/playwright';
import * as forms from './forms.mjs';
import * as late from './late.mjs';
import { browser as launch, world as begin } from './rig.mjs';

const AxeBuilder = axe.default ?? axe;
const wanted = process.argv.slice(2);
const storage = process.env.STORAGE ?? 'sqlite';
const world = begin();
const browser = await launch();
let passed = 0;
let failed = 0;

// What is in the queue before anybody looks.
const XSS = [
  '<img src=x onerror="window.hacked=1">',
  '<script>window.hacked=1</script>',
  '"><svg onload=window.hacked=1>',
  'javascript:window.hacked=1',
  '{{constructor.constructor("window.hacked=1")()}}',
  '</title><script>window.hacked=1</script>',
];
world.cli('migrate');
const later = '2050-01-01T00:00:00Z';
world.bulk([
  ...Array.from({ length: 120 }, (_, n) => ({ kind: 'mail.send', queue: 'mail', payload: { to: `user-${n}`, n } })),
  ...Array.from({ length: 8 }, (_, n) => ({ kind: 'report', queue: 'reports/nightly', payload: { n }, run_at: later })),
  ...XSS.map((text) => ({ kind: 't.err', queue: 'errors', payload: { text }, max_attempts: 1, tags: [text.slice(0, 20)] })),
  { kind: 't.fail', queue: 'errors', payload: { n: 99 } },
  { kind: 't.dead', queue: 'errors', payload: {} },
  { kind: 't.echo', queue: 'default', payload: { big: 1 } },
]);
world.cli('cron', 'set', 'nightly', '--expression', '30 2 * * *', '--kind', 'report', '--zone', 'Europe/Berlin');
world.cli('limit', 'set', 'slack', '60', '--per', '1m');
let server = await world.serve('--worker', '--test-handlers');

// Runs one check on a page of its own. An error on the page fails it, and so does a payload that became more than text.
async function check(name, body, options = {}) {
  if (wanted.length && !wanted.some((word) => name.includes(word))) return;
  const begun = performance.now();
  const took = () => `${storage.padEnd(8)} ${((performance.now() - begun) / 1000).toFixed(1).padStart(5)} s`;
  const { expect = [], ...context } = options;
  const at = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: 'Europe/Berlin', ...context });
  const page = await at.newPage();
  page.setDefaultTimeout(10000);
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  try {
    await body(page);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.deepEqual(errors.filter((text) => !expect.some((known) => text.includes(known))), []);
    passed += 1;
    console.log(`ok      ${took()}  ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${took()}  ${name}\n        ${String(error.stack ?? error).split('\n').slice(0, 8).join('\n        ')}`);
    if (errors.length) console.log(`        page: ${errors.join(' | ')}`);
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `failed-${storage}-${failed}.png`) });
  }
  await at.close();
}

const go = async (page, path = '/') => {
  await page.goto(`${server.url}/panel${path}`);
  await page.waitForSelector('.fp-nav');
};
const heading = (page) => page.locator('.fp-main h1').first().textContent();
const jobs = (page) => page.locator('.fp-jobs .fp-row');
// One job, how many there are, one queue: as the tables have them.
const job = (id) => world.one(`SELECT * FROM {v}forge_inspect_jobs WHERE id = '${id}'`);
const count = (where) => world.one(`SELECT count(*) AS n FROM {v}forge_inspect_jobs WHERE ${where}`).n;
const queue = (name) => world.one(`SELECT * FROM {t}queues WHERE name = '${name}'`);
const settled = (page) => page.waitForFunction(() => !document.querySelector('.fp-main .fp-skeleton'));

await check('every page has an address, a heading and a title, and is marked in the navigation', async (page) => {
  await go(page);
  const links = await page.locator('.fp-nav a').evaluateAll((all) => all.map((a) => [a.textContent, a.getAttribute('href')]));
  assert.equal(links.length, 13);
  for (const [name, href] of links) {
    await page.goto(server.url + href);
    await page.waitForSelector('.fp-main h1');
    assert.equal(await heading(page), name);
    assert.equal(await page.title(), `${name} · Mission Control`);
    assert.equal(await page.locator('.fp-nav [aria-current=page]').textContent(), name);
    await settled(page);
    assert.equal(await page.locator('.fp-main .fp-error').count(), 0, `${name} shows an error`);
  }
});

await check('the root leads to the panel, and unknown places say so', async (page) => {
  await page.goto(server.url);
  assert.equal(new URL(page.url()).pathname.replace(/\/$/, ''), '/panel');
  await go(page, '/nowhere');
  assert.equal(await heading(page), 'Not found');
});

await check('clicks, back and forward, reload and a pasted link all come to the same page', async (page) => {
  await go(page);
  await page.locator('.fp-nav a', { hasText: 'Jobs' }).click();
  await page.locator('#fp-filter').fill('queue:mail status:pending');
  await page.keyboard.press('Enter');
  await page.waitForURL(/queue=mail&status=pending/);
  await jobs(page).first().waitFor();
  assert.equal(await jobs(page).count(), 50);
  const id = await jobs(page).first().getAttribute('data-id');
  await jobs(page).first().locator('.fp-id').click();
  await page.waitForURL(new RegExp(id));
  await page.waitForSelector('.fp-json');
  await page.goBack();
  await jobs(page).first().waitFor();
  assert.equal(await page.locator('#fp-filter').inputValue(), 'queue:mail status:pending');
  await page.reload();
  await jobs(page).first().waitFor();
  assert.equal(await page.locator('#fp-filter').inputValue(), 'queue:mail status:pending');
  await page.goForward();
  await page.waitForSelector('.fp-json');
  const pasted = await page.context().newPage();
  await pasted.goto(page.url());
  await pasted.waitForSelector('.fp-json');
  assert.equal(await pasted.locator('.fp-h1').textContent(), id);
});

await check('pages of a list have no job twice and none is left out', async (page) => {
  await go(page, '/jobs?queue=mail&kind=mail.send');
  const seen = new Set();
  for (let pages = 0; pages < 5; pages += 1) {
    await jobs(page).first().waitFor();
    for (const id of await jobs(page).evaluateAll((rows) => rows.map((row) => row.dataset.id))) {
      assert.ok(!seen.has(id), `${id} came twice`);
      seen.add(id);
    }
    const next = page.locator('.fp-pager a[rel=next]');
    if (!(await next.count())) break;
    const first = await jobs(page).first().getAttribute('data-id');
    await next.click();
    await page.waitForFunction((id) => document.querySelector('.fp-row') && document.querySelector('.fp-row').dataset.id !== id, first);
  }
  assert.equal(seen.size, 120);
});

await check('the filter suggests, and says what it does not know', async (page) => {
  await go(page, '/jobs');
  await jobs(page).first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('que');
  assert.match(await page.locator('[role=option]').first().textContent(), /queue:/);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.locator('[role=option]', { hasText: 'queue:reports/nightly' }).waitFor();
  await page.keyboard.type('rep');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForURL(/queue=reports%2Fnightly/);
  await page.locator('#fp-filter').fill('nonsense:1');
  await page.keyboard.press('Enter');
  assert.match(await page.locator('.fp-wrong').textContent(), /nonsense/);
  await page.locator('#fp-filter').fill('queue:nevermind');
  await page.keyboard.press('Enter');
  await page.locator('.fp-empty').waitFor();
  assert.match(await page.locator('.fp-banner').textContent(), /spelled/);
});

await check('what is scheduled runs when it is told to, and the database says so', async (page) => {
  await go(page, '/scheduled?queue=reports/nightly');
  await jobs(page).first().waitFor();
  const id = await jobs(page).first().getAttribute('data-id');
  await page.locator(`[data-id="${id}"] input`).check();
  await page.locator('.fp-bulk button', { hasText: 'Run now' }).click();
  await page.locator('.fp-said', { hasText: '1 made pending' }).waitFor();
  assert.notEqual(job(id).status, 'scheduled');
});

await check('deleting many needs their number, and deletes them alone', async (page) => {
  await go(page, '/jobs?queue=mail&status=pending');
  await jobs(page).first().waitFor();
  const ids = await jobs(page).evaluateAll((rows) => rows.slice(0, 3).map((row) => row.dataset.id));
  for (const id of ids) await page.locator(`[data-id="${id}"] input`).check();
  await page.locator('.fp-bulk button', { hasText: 'Drop' }).click();
  const yes = page.locator('dialog[open] .fp-danger');
  assert.equal(await yes.textContent(), 'Drop 3 jobs');
  assert.ok(await yes.isDisabled());
  await page.locator('dialog[open] input').fill('3');
  await yes.click();
  await page.locator('.fp-said', { hasText: '3 dropped' }).waitFor();
  await page.waitForFunction((id) => !document.querySelector(`[data-id="${id}"]`), ids[0]);
  for (const id of ids) assert.deepEqual(world.rows(`SELECT status FROM {v}forge_inspect_jobs WHERE id = '${id}'`), []);
  assert.equal(count("queue = 'mail'"), 117);
});

await check('all that a filter lets through: the number first, some of them, then what came of it', async (page) => {
  world.bulk(Array.from({ length: 30 }, (_, n) => ({ kind: 'later', queue: 'bulk', payload: { n }, run_at: later })));
  await go(page, '/scheduled?queue=bulk');
  await page.locator('.fp-all', { hasText: '30 match' }).waitFor();
  await page.locator('.fp-all button', { hasText: 'Cancel all' }).click();
  const dialog = page.locator('dialog[open]');
  await dialog.locator('strong', { hasText: '30' }).waitFor();
  assert.match(await dialog.textContent(), /queue:bulk/);
  await dialog.locator('.fp-danger').click();
  await page.locator('.fp-said', { hasText: '30 cancelled' }).waitFor();
  assert.equal(count("queue = 'bulk' AND status = 'scheduled'"), 0);
  assert.equal(count("queue = 'bulk' AND status = 'dead' AND dead_reason = 'cancelled'"), 30);
});

await check('a text of the payload finds jobs', async (page) => {
  await go(page, '/jobs');
  await page.locator('#fp-filter').fill('queue:mail payload:"user-77"');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('.fp-row').length === 1);
});

await check('a dead job tells its story and is retried', async (page) => {
  await go(page, '/dead?dead_reason=discarded');
  await jobs(page).first().waitFor();
  const id = await jobs(page).first().getAttribute('data-id');
  await jobs(page).first().locator('.fp-id').click();
  await page.locator('.fp-attempts li').first().waitFor();
  assert.match(await page.locator('.fp-events').textContent(), /enqueued/);
  const before = job(id).claim_no;
  await page.locator('.fp-actions button', { hasText: 'Retry' }).click();
  await page.locator('.fp-event', { hasText: 'retried' }).first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.fp-attempts > li').length === 2);
  assert.ok(job(id).claim_no > before);
});

await check('a copy of a job is enqueued with the payload that was typed', async (page) => {
  const [{ id }] = world.cli('job', 'list', '--kind', 't.echo').jobs;
  await go(page, `/jobs/${id}`);
  await page.locator('button', { hasText: 'Enqueue a copy' }).click();
  await page.locator('dialog[open] textarea').fill('{"n": 12345678901234567890123, "b": 1.0}');
  await page.locator('dialog[open] .fp-primary').click();
  await page.waitForFunction((old) => !location.pathname.includes(old), id);
  const copy = decodeURIComponent(new URL(page.url()).pathname.split('/').pop());
  await page.locator('.fp-number', { hasText: '12345678901234567890123' }).first().waitFor();
  assert.equal(job(copy).kind, 't.echo');
  assert.equal(job(copy).payload, '{"n": 12345678901234567890123, "b": 1.0}');
});

await check('settings: two edits in a row both stick, and what changes is said before', async (page) => {
  await go(page, '/queues/mail');
  const workers = page.getByLabel('Workers of each process');
  await workers.waitFor();
  await workers.fill('7');
  assert.match(await page.locator('.fp-banner-info').textContent(), /→ 7/);
  await page.locator('form .fp-primary').click();
  await page.locator('.fp-said', { hasText: 'Saved' }).waitFor();
  assert.equal(queue('mail').workers, 7);
  await page.getByLabel('First delay').fill('2 min');
  // The button is also off while it saves, and the words of the first time may still stand there.
  const answered = page.waitForResponse((r) => r.url().includes('/queues/mail') && r.request().method() !== 'GET');
  await page.locator('form .fp-primary').click();
  assert.equal((await answered).status(), 200);
  await page.waitForFunction(() => document.querySelector('form .fp-primary').disabled);
  assert.deepEqual([queue('mail').workers, queue('mail').backoff_base_us], [7, 120_000_000]);
  await workers.fill('many');
  assert.match(await page.locator('.fp-wrong').textContent(), /whole number/);
  assert.ok(await page.locator('form .fp-primary').isDisabled());
});

await check('settings: a conflict is shown and solved', async (page) => {
  await go(page, '/queues/mail');
  const workers = page.getByLabel('Workers of each process');
  await workers.waitFor();
  await workers.fill('9');
  world.cli('queue', 'set', 'mail', '--max-seconds', '7200');
  await page.locator('form .fp-primary').click();
  await page.locator('form .fp-banner-warn', { hasText: 'Somebody changed' }).waitFor();
  await page.locator('button', { hasText: 'Save mine on top' }).click();
  await page.locator('.fp-said', { hasText: 'Saved' }).waitFor();
  assert.deepEqual([queue('mail').workers, queue('mail').backoff_max_us], [9, 7_200_000_000]);
}, { expect: ['412'] });

await check('a queue is paused and resumed, and the audit says by whom', async (page) => {
  await go(page, '/queues');
  const row = page.locator('tr', { hasText: 'reports/nightly' });
  await row.locator('button', { hasText: 'Pause' }).click();
  await row.locator('.fp-status', { hasText: 'paused' }).waitFor();
  assert.ok(queue('reports/nightly').paused);
  await row.locator('button', { hasText: 'Resume' }).click();
  await row.locator('.fp-status', { hasText: 'open' }).waitFor();
  assert.ok(!queue('reports/nightly').paused);
  await go(page, '/audit?action=queue.pause');
  await page.locator('.fp-audit li', { hasText: 'reports/nightly' }).first().waitFor();
});

await check('cron: fires, an edit with its preview, and a run now', async (page) => {
  await go(page, '/cron');
  await page.locator('tr', { hasText: 'nightly' }).locator('a', { hasText: 'nightly' }).click();
  await page.locator('.fp-fires li').nth(9).waitFor();
  const expression = page.getByLabel('Expression');
  await expression.fill('0 4 * * *');
  await page.locator('.fp-banner-info', { hasText: 'it fires' }).locator('.fp-fires li', { hasText: '04:00:00' }).first().waitFor();
  await page.locator('form .fp-primary').click();
  await page.locator('.fp-said', { hasText: 'Saved' }).waitFor();
  assert.equal(world.one("SELECT expression FROM {t}schedules WHERE name = 'nightly'").expression, '0 4 * * *');
  await expression.fill('not cron');
  await page.locator('.fp-banner-info .fp-error').waitFor();
  await page.locator('.fp-main button', { hasText: 'Run now' }).click();
  await page.waitForURL(/\/jobs\//);
}, { expect: ['400', '422'] });

await check('a job is made out of nothing, and what is wrong with it is said at its field', (page) => forms.newJob(page, go, world), { expect: ['400', '422'] });
await check('a job that waits is edited, and a conflict is shown and solved', (page) => forms.editJob(page, go, world), { expect: ['400', '404', '412', '422'] });
await check('a scope is given a limit', (page) => forms.newLimit(page, go, world), { expect: ['400', '422'] });
await check('a schedule is made, with its fires before it is', (page) => forms.newSchedule(page, go, world), { expect: ['400', '404', '422'] });

await check('deploys are marked, and each schedule shows its latest fires', async (page) => {
  await go(page);
  const version = world.one('SELECT min(version) AS version FROM {t}processes').version;
  await page.locator('.fp-charts .fc-stage').first().getByText(version).waitFor({ state: 'attached' });
  world.cli('cron', 'run', 'nightly');
  await go(page, '/cron');
  const spark = page.locator('tr', { hasText: 'nightly' }).locator('.fp-spark');
  await spark.waitFor();
  assert.match(await spark.getAttribute('aria-label'), /\d run by a person/);
});

await check('a budget is drained and its drain lifted', async (page) => {
  await go(page, '/limits');
  const card = page.locator('section.fp-card', { has: page.locator('h2', { hasText: /^slack$/ }) });
  await card.locator('button', { hasText: 'Drain for' }).click();
  await page.locator('dialog[open] .fp-danger').click();
  await card.locator('.fp-badge-bad', { hasText: 'drained' }).waitFor();
  // A scope of which nothing is known any more has no row.
  const budget = () => world.rows("SELECT drained_until FROM {t}budgets WHERE scope = 'slack'")[0];
  const drained = () => Number(budget()?.drained_until ?? 0) / 1000;
  assert.ok(drained() > Date.now());
  await card.locator('button', { hasText: 'Lift the drain' }).click();
  await card.locator('button', { hasText: 'Drain for' }).waitFor();
  assert.ok(drained() <= Date.now());
});

await check('an answer that comes after its change is on the page does no harm', (page) => late.answers(page, go, world));
await check('what is typed beside a pause whose answer comes late is saved on top of it', (page) => late.typing(page, go, world));
await check('who leaves while all that match are being done ends it there', (page) => late.leaving(page, go, world));

await check('texts of jobs stay texts on every page', async (page) => {
  await go(page, '/dead?queue=errors');
  await jobs(page).first().waitFor();
  const ids = await jobs(page).evaluateAll((rows) => rows.map((row) => row.dataset.id));
  assert.ok(ids.length >= XSS.length);
  for (const row of await jobs(page).all()) await row.locator('button', { hasText: 'Look' }).click();
  for (const id of ids.slice(0, XSS.length)) {
    await go(page, `/dead/${id}`);
    await page.locator('.fp-json').first().waitFor();
  }
  for (const text of XSS) {
    await go(page, `/jobs?tag=${encodeURIComponent(text)}&queue=${encodeURIComponent(text)}`);
    await go(page, `/jobs/${encodeURIComponent(text)}`);
  }
  assert.equal(await page.locator('img, iframe, main script').count(), 0);
}, { expect: ['400', '404', '422'] });

await check('a list does not move under who reads it, and shows what is new when told to', async (page) => {
  await go(page, '/jobs?queue=mail');
  await jobs(page).first().waitFor();
  await page.locator('.fp-live[data-live=on]').waitFor();
  const before = await jobs(page).evaluateAll((rows) => rows.map((row) => row.dataset.id));
  const { id } = world.cli('enqueue', 'mail.send', '{"to":"new"}', '--queue', 'mail');
  await page.locator('.fp-news').waitFor();
  assert.deepEqual(await jobs(page).evaluateAll((rows) => rows.map((row) => row.dataset.id)), before);
  await page.keyboard.press('n');
  await page.locator(`[data-id="${id}"]`).waitFor();
});

await check('paused means that nothing is asked', async (page) => {
  await go(page, '/jobs?queue=mail');
  await jobs(page).first().waitFor();
  await page.locator('.fp-live[data-live=on]').waitFor();
  await page.keyboard.press('p');
  await page.locator('.fp-live[data-live=paused]').waitFor();
  let asked = 0;
  page.on('request', () => (asked += 1));
  world.cli('enqueue', 'mail.send', '{"to":"quiet"}', '--queue', 'mail');
  await page.waitForTimeout(2500);
  assert.equal(asked, 0);
  await page.keyboard.press('p');
  await page.locator('.fp-news').waitFor();
});

await check('keys: pages, the sheet, and a dialog that keeps the focus', async (page) => {
  await go(page);
  await page.locator('.fp-tile').first().waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('d');
  await page.waitForURL(/\/dead$/);
  await page.keyboard.press('?');
  const sheet = page.locator('dialog[open]');
  assert.match(await sheet.textContent(), /Live|live updates/);
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'detached' }).catch(() => {});
  assert.equal(await page.locator('dialog[open]').count(), 0);
  await page.locator('.fp-skip').focus();
  await page.keyboard.press('Enter');
});

// What a page looks like does not depend on the storage: each has one of the themes, and one alone has both.
const themes = { sqlite: ['light'], postgres: ['dark'] }[process.env.SHARED ? storage : ''] ?? ['light', 'dark'];
for (const theme of themes) {
  for (const width of [1280, 360]) {
    await check(`axe finds nothing: ${theme}, ${width} pixels`, async (page) => {
      const dead = world.cli('job', 'list', '--status', 'dead').jobs[0].id;
      for (const path of ['/', '/jobs', '/scheduled', '/retries', '/dead', `/dead/${dead}`, '/cron', '/cron/nightly', '/queues',
        '/queues/mail', '/processes', '/limits', '/metrics', '/metrics/mail', '/resources', '/database', '/audit', '/nowhere']) {
        await go(page, path);
        await settled(page);
        await page.waitForTimeout(150);
        const found = await new AxeBuilder({ page }).analyze();
        assert.deepEqual(found.violations.map((v) => `${path}: ${v.id} ${v.nodes.slice(0, 3).map((n) => n.target).join(' ')}`), []);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${path} is ${wide} pixels too wide`);
        if (process.env.SHOTS) {
          const name = path.replace(dead, 'job').replaceAll('/', '-').replace(/^-$/, '-overview');
          await page.screenshot({ path: join(process.env.SHOTS, `${theme}-${width}${name}.png`), fullPage: true });
        }
      }
      await go(page, '/dead');
      await page.keyboard.press('?');
      const open = await new AxeBuilder({ page }).include('dialog[open]').analyze();
      assert.deepEqual(open.violations.map((v) => v.id), []);
    }, { colorScheme: theme, viewport: { width, height: 900 } });
  }
}

await check('a server that fails is shown where it fails, and the rest goes on', async (page) => {
  await page.route('**/api/v1/queues', (route) => route.fulfill({ status: 500, body: '{"error":{"code":"failed","message":"the disk is full","request_id":"r-7"}}' }));
  await page.route('**/api/v1/processes', (route) => route.fulfill({ status: 200, body: '<html>' }));
  await go(page);
  await page.locator('.fp-error', { hasText: 'The disk is full' }).waitFor();
  assert.match(await page.locator('.fp-error', { hasText: 'disk' }).textContent(), /r-7/);
  await page.locator('.fp-error', { hasText: 'cannot be read' }).waitFor();
  await page.locator('.fp-tile-count', { hasText: /\d/ }).first().waitFor();
}, { expect: ['500'] });

await check('with tokens one logs in, and who may only look is told so', async (page) => {
  const file = join(world.dir, 'tokens');
  const { token } = world.cli('token', 'vera', '--role', 'viewer', '--file', file);
  const guarded = await world.serve('--tokens', file);
  await page.goto(`${guarded.url}/panel/jobs?queue=mail`);
  await page.locator('.fp-login input').fill('not-a-token');
  await page.locator('.fp-login .fp-primary').click();
  await page.locator('.fp-login .fp-error').waitFor();
  await page.locator('.fp-login input').fill(token);
  await page.locator('.fp-login .fp-primary').click();
  await jobs(page).first().waitFor();
  assert.match(await page.locator('.fp-who').textContent(), /vera · viewer/);
  await jobs(page).first().locator('input').check();
  const cancel = page.locator('.fp-bulk button', { hasText: 'Cancel' });
  assert.ok(await cancel.isDisabled());
  assert.match(await cancel.getAttribute('title'), /needs the role operator/);
  assert.ok(!(await page.locator('.fp-nav a', { hasText: 'Audit' }).isVisible()));
  assert.equal(await page.evaluate(() => document.cookie), '');
  await page.reload();
  await jobs(page).first().waitFor();
  await page.locator('button', { hasText: 'Log out' }).click();
  await page.locator('.fp-login').waitFor();
  await guarded.stop();
}, { expect: ['401'] });

await check('a server that dies is told of, and the panel comes back by itself', async (page) => {
  await go(page, '/jobs?queue=mail');
  await jobs(page).first().waitFor();
  await page.locator('.fp-live[data-live=on]').waitFor();
  const { port } = server;
  await server.stop();
  await page.locator('.fp-banner-bad', { hasText: 'does not answer' }).waitFor({ timeout: 6000 });
  assert.ok((await jobs(page).count()) > 0, 'what was there stays to be seen');
  server = await world.serve('--worker', '--test-handlers', '--listen', `127.0.0.1:${port}`);
  await page.locator('.fp-live[data-live=on]').waitFor({ timeout: 30000 });
  assert.equal(await page.locator('.fp-banner-bad').count(), 0);
}, { expect: ['ERR_', 'Failed to load'] });

await server.stop();
await world.close();
await browser.close();
console.log(`${storage}: ${passed} passed, ${failed} failed`);
process.exitCode = failed || !passed ? 1 : 0;
