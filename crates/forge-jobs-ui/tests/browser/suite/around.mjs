// What is looked at and not changed: charts and their ranges, processes, the database, and what people did.

import assert from 'node:assert/strict';
import { id as newId, list, waiting } from './checks.mjs';
import { alert, button, field, group, heading, link, main, region, row, saved, settled } from './person.mjs';

const { checks, check } = list();
export default checks;

const ranges = (page) => main(page).getByRole('navigation', { name: 'Range of the charts' });
const charts = (page) => main(page).getByRole('figure');

check('every page of charts has them, and each range is a link', async (page, world) => {
  for (const [path, least] of [['/', 5], ['/metrics/mail', 5], ['/resources', 5], ['/database', 6]]) {
    await world.go(page, path);
    await charts(page).nth(least - 1).waitFor();
    for (const range of ['5m', '7d']) {
      await link(ranges(page), range).click();
      await page.waitForURL(new RegExp(`range=${range}`));
      assert.equal(await link(ranges(page), range).getAttribute('aria-current'), 'true');
    }
  }
});

check('a drag over a chart zooms all of them, in the address, and back leads back', async (page, world) => {
  await world.go(page);
  await settled(page);
  const stage = charts(page).first().getByRole('application');
  await stage.scrollIntoViewIfNeeded();
  const at = await stage.boundingBox();
  await page.mouse.move(at.x + at.width * 0.3, at.y + 60);
  await page.mouse.down();
  await page.mouse.move(at.x + at.width * 0.6, at.y + 60, { steps: 8 });
  await page.mouse.up();
  await page.waitForURL(/from=.*&to=/);
  await link(ranges(page), 'Back to live').waitFor();
  await page.goBack();
  await page.waitForFunction(() => !location.search.includes('from='));
  await page.goForward();
  await link(ranges(page), 'Back to live').click();
  await page.waitForFunction(() => !location.search.includes('from='));
  await link(ranges(page), '6h').click();
  await page.waitForURL(/range=6h/);
});

check('the last bucket of a range that is over has its end', async (page, world) => {
  const fills = charts(page).filter({ hasText: 'The last bucket still fills.' });
  await world.go(page, '/?range=1h');
  await fills.first().waitFor();
  const hour = (n) => new Date(Date.now() - n * 3600e3).toISOString();
  await world.go(page, `/?from=${hour(3)}&to=${hour(2)}`);
  await charts(page).first().getByRole('application').waitFor();
  await settled(page);
  assert.equal(await fills.count(), 0);
}, { real: 'its buckets end now' });

check('charts whose range is refused say so, and wait for nothing', async (page, world) => {
  for (const path of ['/', '/resources', '/database']) {
    await world.go(page, `${path}?from=1990-01-01T00:00:00Z&to=1990-01-02T00:00:00Z`);
    await charts(page).filter({ hasText: 'use a time within' }).first().waitFor();
    await settled(page);
    assert.equal(await charts(page).getByText('Loading…').count(), 0);
  }
}, { real: 'it refuses no range', expect: ['400', '422'] });

const stage = (page) => charts(page).first().getByRole('application');
const live = (page) => page.waitForFunction(() => !location.search.includes('from='));
const MINUTE = 60000;
// A range of time as the address has it, and of an address.
const asked = (from, to) => `from=${[from, to].map((at) => new Date(at).toISOString().replace('.000', '')).join('&to=')}`;
const range = (page) => ['from', 'to'].map((name) => Date.parse(new URL(page.url()).searchParams.get(name)));

check('a chart over a range that is over is zoomed out, moved, and left, by keys and a double click', async (page, world) => {
  const to = Math.floor(Date.now() / MINUTE) * MINUTE - 24 * 60 * MINUTE;
  const from = to - 60 * MINUTE;
  const zoomed = async () => {
    await world.go(page, `/?${asked(from, to)}`);
    await settled(page);
    await stage(page).focus();
  };
  for (const key of ['0', 'Escape', 'Backspace']) {
    await zoomed();
    await page.keyboard.press(key);
    await live(page);
  }
  await zoomed();
  await stage(page).dblclick();
  await live(page);
  await zoomed();
  const press = async (key, wanted) => {
    const before = page.url();
    await page.keyboard.press(key);
    await page.waitForURL((url) => url.href !== before);
    assert.deepEqual(range(page), wanted, key);
    await charts(page).first().locator('[aria-live]').filter({ hasText: /^Shows \d/ }).waitFor({ state: 'attached' });
    await settled(page);
  };
  await press('-', [from - 30 * MINUTE, to + 30 * MINUTE]);
  await press('Shift+ArrowLeft', [from - 60 * MINUTE, to]);
  await press('Shift+ArrowRight', [from - 30 * MINUTE, to + 30 * MINUTE]);
  await press('+', [from, to]);
  assert.ok(await stage(page).evaluate((it) => it === document.activeElement), 'the chart has lost the focus');
});

check('charts show nothing that is to come', async (page, world) => {
  const to = Math.floor(Date.now() / 1000) * 1000 - 1000;
  await world.go(page, `/?${asked(to - 60 * MINUTE, to)}`);
  await settled(page);
  await stage(page).focus();
  // To the right there is next to nothing, to the left there is a quarter of an hour.
  await page.keyboard.press('Shift+ArrowRight');
  await page.waitForURL((url) => Date.parse(url.searchParams.get('to')) !== to);
  assert.ok(range(page)[1] <= Date.now(), 'it shows what is to come');
  assert.equal(range(page)[1] - range(page)[0], 60 * MINUTE, 'to the right');
  await page.keyboard.press('Shift+ArrowLeft');
  await page.waitForURL((url) => Date.parse(url.searchParams.get('to')) < to - 10 * MINUTE);
  assert.equal(range(page)[1] - range(page)[0], 60 * MINUTE, 'and back');
});

check('turns of the wheel over a chart are one zoom, and one step back is live again', async (page, world) => {
  await world.go(page);
  await settled(page);
  await stage(page).scrollIntoViewIfNeeded();
  await stage(page).hover();
  const before = await page.evaluate(() => history.length);
  const turn = async (by) => {
    const old = page.url();
    await page.keyboard.down('Control');
    for (let n = 0; n < 5; n += 1) await page.mouse.wheel(0, by);
    await page.keyboard.up('Control');
    await page.waitForURL((url) => url.href !== old);
    // What comes late is a zoom of its own: until there is no more.
    for (let at; at !== page.url();) {
      at = page.url();
      await page.waitForTimeout(500);
    }
    await settled(page);
    return range(page)[1] - range(page)[0];
  };
  const near = await turn(-60);
  assert.ok(near < 40 * MINUTE, `${near / MINUTE} minutes`);
  assert.ok((await turn(60)) > near, 'away from it more is shown');
  assert.equal(await page.evaluate(() => history.length), before + 1);
  await page.goBack();
  await live(page);
});

check('two fingers zoom a chart as far as they go, in one step of the history', async (page, world) => {
  await world.go(page);
  await settled(page);
  await stage(page).scrollIntoViewIfNeeded();
  const { x, y, width } = await stage(page).boundingBox();
  const client = await page.context().newCDPSession(page);
  const touch = (type, ...pixels) =>
    client.send('Input.dispatchTouchEvent', { type, touchPoints: pixels.map((at, id) => ({ x: x + width / 2 + at, y: y + 60, id })) });
  const before = await page.evaluate(() => history.length);
  await touch('touchStart', -20, 20);
  for (const apart of [30, 40, 50, 60, 70, 80]) await touch('touchMove', -apart, apart);
  await touch('touchEnd');
  // A quarter of an hour.
  await page.waitForURL((url) => {
    const minutes = (Date.parse(url.searchParams.get('to')) - Date.parse(url.searchParams.get('from'))) / MINUTE;
    return minutes > 12 && minutes < 18;
  });
  await settled(page);
  assert.equal(await page.evaluate(() => history.length), before + 1);
  await page.goBack();
  await live(page);
}, { hasTouch: true });

check('the crosshair of the keys stays where it is when a chart is zoomed', async (page, world) => {
  await world.go(page);
  await settled(page);
  await stage(page).focus();
  const said = async () => Date.parse((await charts(page).first().locator('[aria-live]').textContent()).match(/\d+ \w+ \d+, [\d:]+/)[0].replace(/:$/, ''));
  await page.keyboard.press('End');
  for (let n = 0; n < 9; n += 1) await page.keyboard.press('ArrowLeft');
  const at = await said();
  await page.keyboard.press('+');
  await page.waitForURL(/from=/);
  await settled(page);
  await page.keyboard.press('ArrowRight');
  const away = (await said()) - at;
  assert.ok(away > -MINUTE && away < 3 * MINUTE, `the next point is ${away / 1000} s away`);
});

check('charts move while work is done', async (page, world) => {
  // A range moves on with the clock: nothing that is in this one at first leaves it before the end.
  await world.go(page, '/?range=1h');
  await settled(page);
  const work = charts(page).first();
  await work.getByText('Data table').click();
  const completed = () => work.getByRole('table').evaluate((table) => {
    const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim() === 'completed');
    return [...table.tBodies[0].rows].reduce((sum, row) => sum + (Number(row.cells[column].textContent.replaceAll(',', '')) || 0), 0);
  });
  const before = await completed();
  await world.make(page, Array.from({ length: 20 }, () => ({ kind: 't.sleep', queue: 'moves', payload: { ms: 0 } })));
  await world.eventually(page, "SELECT count(*) AS n FROM {v}forge_inspect_jobs WHERE queue = 'moves' AND status = 'done'", [{ n: 20 }]);
  const deadline = Date.now() + 30000;
  while ((await completed()) < before + 20) {
    assert.ok(Date.now() < deadline, `${before} before, ${await completed()} after 20 more`);
    await page.waitForTimeout(200);
  }
  // And so do those of what processes use: they are asked for again by themselves.
  const answer = () => page.waitForResponse((response) => response.url().includes('/metrics/resources?'), { timeout: 30000 });
  const first = answer();
  await world.go(page, '/resources?range=5m');
  await first;
  await answer();
}, { real: 'nothing runs there' });

check('deploys are marked on the charts', async (page, world) => {
  await world.go(page);
  const { version } = world.one('SELECT min(version) AS version FROM {t}processes');
  await charts(page).first().getByText(version).first().waitFor({ state: 'attached' });
}, { real: 'its processes began before the range' });

check('what a queue did is in a row of its own, which leads to its charts and its settings', async (page, world) => {
  await world.go(page, '/metrics?range=24h');
  const mail = row(page, 'Queue metrics', /^mail/);
  await mail.getByRole('img', { name: /^Completed jobs of mail\. / }).waitFor();
  await link(mail, 'mail').click();
  await heading(page, 'mail').waitFor();
  assert.match(page.url(), /metrics\/mail\?range=24h/);
  await link(main(page), 'Its settings').click();
  await page.waitForURL(/\/queues\/mail/);
});

check('processes are listed with what they work on', async (page, world) => {
  await world.go(page, '/processes');
  const one = region(page, 'Registered').getByRole('listitem').filter({ hasText: 'alive' }).first();
  await one.waitFor();
  assert.match(await one.textContent(), /all queues · \d+ kinds?/);
  // The made-up ones began a day ago.
  assert.match(await one.textContent(), world.isReal ? /beat (?:just now|\d+ s ago)/ : /beat \d+ s ago.*since 1 d ago/);
});

check('jobs that run are beside their process, a link away, and it says how many more it holds', async (page, world) => {
  // More than are listed, in two queues: no more of one than its workers take.
  const queues = ['beside', 'beside-too'];
  const made = queues.flatMap((queue) => Array.from({ length: 8 }, () => ({ id: newId(), kind: 't.sleep', queue, payload: { ms: 60000 } })));
  await world.make(page, made);
  await world.eventually(page, "SELECT count(*) AS n FROM {v}forge_inspect_jobs WHERE queue LIKE 'beside%' AND status = 'running'", [{ n: 16 }]);
  for (const [path, list] of [['/', 'Processes'], ['/processes', 'Registered']]) {
    await world.go(page, path);
    const one = region(page, list).getByRole('listitem').filter({ hasText: 'alive' });
    await one.getByText(/^and \d+ more$/).waitFor();
    await one.getByRole('link', { name: 't.sleep' }).first().click();
    await page.waitForURL(/\/jobs\//);
  }
  // Others look for jobs of their own beside it.
  world.cli('job', 'cancel', ...made.map((job) => job.id));
}, { real: 'what runs there belongs to nobody' });

check('the database says how it does, and is checked again when asked to', async (page, world) => {
  await world.go(page, '/database');
  const tables = region(page, 'Tables of the queue').getByRole('row');
  await tables.nth(1).waitFor();
  await region(page, 'State').getByText('Engine', { exact: true }).waitFor();
  await region(page, 'Facts').getByText('Schema', { exact: true }).waitFor();
  await button(main(page), 'Check again').click();
  await region(page, 'Facts').waitFor();
  assert.equal(await main(page).getByRole('alert').filter({ hasText: /./ }).count(), 0);
});

check('a second check of the database finds what happened since the first', async (page, world) => {
  await world.go(page, '/database');
  await region(page, 'Facts').waitFor();
  const asked = page.waitForResponse((r) => r.url().endsWith('/checkup'));
  await button(main(page), 'Check again').click();
  assert.equal((await asked).status(), 200);
}, { real: 'it is asked by no request' });

// A check reads the whole database: the page does not ask for one after the other by itself.
check('a check of the database that is refused for now is asked for again by a person alone', async (page, world) => {
  const refused = (message) => ({ status: 503, contentType: 'application/json', body: JSON.stringify({ error: { code: 'unavailable', message } }) });
  let asked = 0;
  await page.route('**/api/v1/checkup', (route) => {
    asked += 1;
    return asked === 1 ? route.fulfill(refused('it takes longer than the server waits')) : route.fallback();
  });
  // What the page does ask again for is refused later, and so is there again after a check would have been asked for.
  const slow = alert(main(page), 'It takes longer than the server waits');
  let read = 0;
  await page.route('**/api/v1/database', async (route) => {
    read += 1;
    if (read > 1) return route.fallback();
    await slow.waitFor();
    await route.fulfill(refused('the tables are busy'));
  });
  await world.go(page, '/database');
  await slow.waitFor();
  await alert(region(page, 'State'), 'The tables are busy').waitFor();
  await region(page, 'State').getByText('Engine', { exact: true }).waitFor();
  assert.equal(asked, 1);
  await button(slow, 'Try again').click();
  await region(page, 'Facts').waitFor();
  await slow.waitFor({ state: 'hidden' });
  assert.equal(asked, 2);
}, { real: 'it is asked by no request', expect: ['503'] });

check('the audit is narrowed by who, what was done, to what sort of thing, and to which', async (page, world) => {
  await world.make(page, waiting(1, 'audited'));
  await world.go(page, '/queues/audited');
  await button(main(page), 'Pause: audited').click();
  await button(main(page), 'Resume: audited').click();
  await button(main(page), 'Pause: audited').waitFor();
  await world.go(page, '/audit');
  const items = main(page).getByRole('list', { name: 'Audit' }).getByRole('listitem');
  const type = async (label, text, address) => {
    await field(main(page), label).fill(text);
    await field(main(page), label).press('Enter');
    await page.waitForURL(address);
    await settled(page);
  };
  await type('Name or id', 'audited', /target=audited/);
  await page.waitForFunction(() => document.querySelectorAll('main ol > li').length === 2);
  await type('Action, as queue.pause', 'queue.pause', /action=queue\.pause/);
  await page.waitForFunction(() => document.querySelectorAll('main ol > li').length === 1);
  await items.getByRole('link', { name: 'audited' }).waitFor();
  await type('Sort of thing, as job', 'limit', /what=limit/);
  await main(page).getByText('No action matches').waitFor();
  await type('Sort of thing, as job', 'queue', /what=queue/);
  await type('Who', 'nobody-at-all', /actor=nobody/);
  await main(page).getByText('No action matches').waitFor();
  await page.goBack();
  await items.first().waitFor();
  // What no field shows narrows it too; what is made up has no times.
  if (world.isReal) {
    await world.go(page, '/audit?since=2090-01-01T00:00:00Z');
    await main(page).getByText('No action matches').waitFor();
    await link(main(page), 'Clear').click();
    await page.waitForFunction(() => !location.search.includes('since'));
    await items.first().waitFor();
  }
  world.holds("SELECT action FROM {t}audit WHERE target = 'audited' ORDER BY no", [{ action: 'queue.pause' }, { action: 'queue.resume' }]);
});

check('the audit has pages, shows what changed, and is read again when asked to', async (page, world) => {
  await world.make(page, waiting(1, 'often'));
  for (let n = 0; n < 60; n += 1) await world.touch(page, 'often', n);
  await world.go(page, '/audit?target=often');
  const items = main(page).getByRole('list', { name: 'Audit' }).getByRole('listitem');
  await items.nth(49).waitFor();
  assert.equal(await items.count(), 50);
  await world.touch(page, 'often', 99);
  const earlier = await link(main(page), 'Earlier').getAttribute('href');
  await button(main(page), 'Read again').click();
  // What is new has pushed the oldest of this page to the next.
  await main(page).locator(`a[rel=next]:not([href="${earlier}"])`).waitFor();
  await link(main(page), 'Earlier').click();
  await page.waitForURL(/before=/);
  await page.waitForFunction(() => document.querySelectorAll('main ol[aria-label=Audit] > li').length === 11);
  await page.goBack();
  await items.nth(49).waitFor();
});

check('what an edit changed is in the audit, before and after', async (page, world) => {
  await world.make(page, waiting(1, 'changed'));
  await world.go(page, '/queues/changed');
  await field(main(page), 'Workers of each process').fill('13');
  await button(main(page), 'Save').click();
  await saved(main(page));
  await world.go(page, '/audit?target=changed&action=queue.set');
  const item = main(page).getByRole('list', { name: 'Audit' }).getByRole('listitem').first();
  await item.getByText('What changed').click();
  await item.getByRole('heading', { name: 'After' }).waitFor();
  await item.getByText('13').first().waitFor();
  assert.equal(await group(page, 'Chosen jobs').count(), 0);
}, { real: 'its audit has no values' });
