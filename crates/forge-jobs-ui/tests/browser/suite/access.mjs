// Who is here, and what they may do.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { list, scheduled } from './checks.mjs';
import { acts, alert, box, button, chosen, field, heading, ids, link, main, said, someJobs, tab } from './person.mjs';

const { checks, check } = list();
export default checks;
const real = 'everybody may do all of it there';

const login = (page) => main(page).getByRole('form', { name: 'Log in' });
const logIn = async (page, token) => {
  await field(login(page), 'Token').fill(token);
  await button(login(page), 'Log in').click();
};
// Each time in a file of their own: a file has a name once.
let files = 0;
const people = (world, ...roles) => {
  files += 1;
  const file = join(world.dir, `tokens-${files}`);
  return { file, tokens: roles.map((role) => world.cli('token', `${role}-vera`, '--role', role, '--file', file).token) };
};

check('with tokens one logs in, and who may only look is told so', async (page, world) => {
  const { file, tokens: [token] } = people(world, 'viewer');
  const guarded = await world.serve('--tokens', file);
  await page.goto(`${guarded.url}/panel/jobs?queue=mail`);
  await logIn(page, 'not-a-token');
  await alert(login(page), /./).waitFor();
  await logIn(page, token);
  await someJobs(page);
  await page.getByText('viewer-vera · viewer').waitFor();
  await box(page, (await ids(page))[0]).check();
  const cancel = button(chosen(page), 'Cancel');
  assert.ok(await cancel.isDisabled());
  // Its reason is there for who comes to it by keys as well.
  await cancel.focus();
  assert.match(await cancel.getAttribute('title'), /needs the role operator/);
  await page.keyboard.press('Enter');
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.equal(await tab(page, 'Audit').count(), 0);
  assert.equal(await page.evaluate(() => document.cookie), '');
  await page.reload();
  await someJobs(page);
  await page.goto(`${guarded.url}/panel/audit`);
  await main(page).getByText('The audit is for operators').waitFor();
  await page.goto(`${guarded.url}/panel/database`);
  await main(page).getByText('It needs the role operator.').waitFor();
  await button(page, 'Log out').click();
  await login(page).waitFor();
  await page.reload();
  await login(page).waitFor();
  await guarded.stop();
}, { real, expect: ['401', '403', 'ERR_'] });

check('who came in without a session is offered no way out', async (page, world) => {
  await world.go(page);
  await page.getByText(/ · admin$/).waitFor();
  assert.equal(await button(page, 'Log out').count(), 0);
});

check('an operator does what operators may, and is told what is for others', async (page, world) => {
  const { file, tokens: [token] } = people(world, 'operator');
  const [job] = scheduled(1, 'of-operator');
  await world.make(page, [job]);
  const guarded = await world.serve('--tokens', file);
  await page.goto(`${guarded.url}/panel/scheduled/${job.id}`);
  await logIn(page, token);
  await heading(page, job.id).waitFor();
  assert.ok(await button(acts(page), 'Drop').isDisabled());
  assert.match(await button(acts(page), 'Drop').getAttribute('title'), /needs the role admin/);
  await button(acts(page), 'Run now').click();
  await said(page, '1 made pending');
  world.holds(`SELECT actor, role FROM {t}audit WHERE action = 'job.run_now' AND target = '${job.id}'`, [{ actor: 'operator-vera', role: 'operator' }]);
  await page.goto(`${guarded.url}/panel/queues/of-operator`);
  await field(main(page), 'Workers of each process').fill('3');
  assert.ok(await button(main(page), 'Save').isDisabled());
  await guarded.stop();
}, { real, expect: ['401', 'ERR_'] });

check('a server that changes nothing says so', async (page, world) => {
  const still = await world.serve('--read-only');
  await page.goto(`${still.url}/panel/jobs?queue=mail`);
  await someJobs(page);
  await page.getByText(/read-only/).first().waitFor();
  await box(page, (await ids(page))[0]).check();
  assert.match(await button(chosen(page), 'Retry').getAttribute('title'), /read-only/);
  assert.ok(await button(chosen(page), 'Retry').isDisabled());
  await still.stop();
}, { real, expect: ['ERR_'] });

check('a session that ends while one works leads to the login, and back to the place', async (page, world) => {
  const { file, tokens: [token] } = people(world, 'admin');
  const guarded = await world.serve('--tokens', file);
  await page.goto(`${guarded.url}/panel/queues/mail`);
  await logIn(page, token);
  await heading(page, 'mail').waitFor();
  // What changes meanwhile would be asked for, and lead to the login before the click does.
  await button(page, 'Live').click();
  await button(page, 'Paused').waitFor();
  await page.context().clearCookies();
  await button(acts(page), 'Pause: mail').click();
  await login(page).waitFor();
  await logIn(page, token);
  await heading(page, 'mail').waitFor();
  world.holds("SELECT CASE WHEN paused THEN 1 ELSE 0 END AS paused FROM {t}queues WHERE name = 'mail'", [{ paused: 0 }]);
  await guarded.stop();
}, { real, expect: ['401', 'ERR_'] });

check('a host that has a login of its own has it for the panel too, and its end', async (page, world) => {
  const { file, tokens: [token] } = people(world, 'operator');
  const guarded = await world.serve('--tokens', file);
  // What a host writes with `PanelService::with_login_page`, and its page.
  await page.route('**/panel/**', async (route) => {
    if (route.request().resourceType() !== 'document') return route.continue();
    const response = await route.fetch();
    const text = await response.text();
    assert.match(text, /data-api="[^"]*"/);
    await route.fulfill({ response, body: text.replace(/data-api="[^"]*"/, '$& data-login="/who"') });
  });
  await page.route('**/who', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><h1>Who are you?</h1>' }));
  await page.goto(`${guarded.url}/panel/queues/mail`);
  await main(page).getByText('Nobody is logged in here').waitFor();
  assert.equal(await login(page).count(), 0, 'no token is asked for');
  await link(main(page), 'Log in').click();
  await page.waitForURL(`${guarded.url}/who`);
  await page.getByRole('heading', { name: 'Who are you?' }).waitFor();
  const answer = await page.request.post(`${guarded.url}/api/v1/session`, { data: { token } });
  assert.ok(answer.ok(), `${answer.status()}`);
  await page.goto(`${guarded.url}/panel/queues/mail`);
  await heading(page, 'mail').waitFor();
  await page.getByText('operator-vera · operator').waitFor();
  assert.equal(await button(page, 'Log out').count(), 0);
  await guarded.stop();
}, { real, expect: ['401', 'ERR_'] });
