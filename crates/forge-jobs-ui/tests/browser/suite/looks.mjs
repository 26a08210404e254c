// What a machine can see of what the pages look like, and are like for those who do not see them.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import axe from '@axe-core/playwright';
import { list, waiting } from './checks.mjs';
import { box, button, chosen, dialog, filter, goes, heading, ids, job, lists, main, said, settled, someJobs, tab } from './person.mjs';

const AxeBuilder = axe.default ?? axe;
const { checks, check } = list();
export default checks;

const PLACES = ['/', '/jobs', '/scheduled', '/retries', '/dead', '/cron', '/cron/nightly', '/queues', '/queues/mail', '/processes', '/limits',
  '/metrics', '/metrics/mail', '/resources', '/database', '/audit', '/nowhere'];
const found = async (page, what) => {
  const { violations } = await what.analyze();
  return violations.map((v) => `${new URL(page.url()).pathname}: ${v.id} ${v.nodes.slice(0, 3).map((n) => n.target).join(' ')}`);
};

// What a page looks like does not depend on the storage: each has one of the themes, and one alone has both.
const shared = process.env.SHARED ? process.env.STORAGE : '';
const themes = { sqlite: ['light'], postgres: ['dark'], mock: ['light'] }[shared] ?? ['light', 'dark'];
const widths = shared === 'mock' ? [1280] : [1280, 360];
for (const colorScheme of themes) {
  for (const width of widths) {
    check(`axe finds nothing: ${colorScheme}, ${width} pixels`, async (page, world) => {
      await world.go(page, '/dead');
      await someJobs(page);
      const [dead] = await ids(page);
      for (const path of [...PLACES, `/dead/${dead}`]) {
        await world.go(page, path);
        await settled(page);
        assert.deepEqual(await found(page, new AxeBuilder({ page })), []);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${path} is ${wide} pixels too wide`);
        if (process.env.SHOTS) {
          const name = path.replace(dead, 'job').replaceAll('/', '-').replace(/^-$/, '-overview');
          await page.screenshot({ path: join(process.env.SHOTS, `${world.name}-${colorScheme}-${width}${name}.png`), fullPage: true });
        }
      }
      await world.go(page, '/cron');
      await button(main(page), 'New schedule').click();
      await main(page).getByRole('form', { name: 'New schedule' }).waitFor();
      assert.deepEqual(await found(page, new AxeBuilder({ page }).include('form')), []);
      await world.go(page, '/jobs');
      await button(main(page), 'Enqueue a job').click();
      await dialog(page, 'Enqueue a job').waitFor();
      assert.deepEqual(await found(page, new AxeBuilder({ page }).include('dialog[open]')), []);
      await page.keyboard.press('Escape');
      await button(page, 'Keys').click();
      await dialog(page, 'Keys').waitFor();
      assert.deepEqual(await found(page, new AxeBuilder({ page }).include('dialog[open]')), []);
    }, { colorScheme, viewport: { width, height: 900 } });
  }
}

check('everything that can be pressed or typed into has a name, and no two of a page are told apart by place alone', async (page, world) => {
  for (const path of ['/jobs', '/dead', '/cron', '/queues', '/limits', '/cron/nightly', '/queues/mail']) {
    await world.go(page, path);
    await settled(page);
    // The tree that screen readers have: `- 'button "Pause: mail"': Pause`.
    const tree = (await main(page).ariaSnapshot()).split('\n');
    const of = (roles) => tree.map((line) => line.match(new RegExp(`^\\s*- '?(?:${roles})(?![a-z])(?: "((?:[^"\\\\]|\\\\.)*)")?`))).filter(Boolean);
    const buttons = of('button').map((match) => match[1]);
    assert.ok(buttons.length > 0, `${path} has no button`);
    assert.ok(buttons.every(Boolean), `${path} has a button without a name`);
    const twice = buttons.filter((name, at) => buttons.indexOf(name) !== at);
    assert.deepEqual(twice, [], path);
    const nameless = of('textbox|combobox|checkbox|region|table|meter|form').filter((match) => !match[1]).map((match) => match[0]);
    assert.deepEqual(nameless, [], path);
  }
});

check('what stays in sight over a list never lies on itself, nor on what has the focus', async (page, world) => {
  const made = waiting(40, 'bars');
  await world.make(page, made);
  await world.go(page, '/jobs?queue=bars');
  await lists(page, made.map((job) => job.id));
  await button(page, 'Live').waitFor();
  await box(page, made[0].id).check();
  await world.make(page, waiting(1, 'bars'));
  await said(page, 'The list has changed');
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  const [verbs, news] = [await chosen(page).boundingBox(), await button(page, 'Show it (n)').boundingBox()];
  assert.ok(verbs.y >= 0 && news.y >= 0, 'both are in sight at the end of the list');
  assert.ok(verbs.y + verbs.height <= news.y || news.y + news.height <= verbs.y, 'one lies on the other');
  // Upwards the bars are in the way of what is scrolled to; in a small window they are where they were.
  for (const size of [{ width: 1280, height: 600 }, { width: 320, height: 256 }]) {
    await page.setViewportSize(size);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await job(page, (await ids(page)).at(-1)).getByRole('button').focus();
    for (let steps = 0; steps < 60; steps += 1) {
      await page.keyboard.press('Shift+Tab');
      const hidden = await page.evaluate(() => {
        const on = document.activeElement;
        const { left, top, width, height } = on.getBoundingClientRect();
        const over = document.elementFromPoint(left + Math.min(width, 20) / 2, top + height / 2);
        return on.contains(over) || over?.contains(on) ? '' : `${on.outerHTML.slice(0, 80)} is under ${over?.outerHTML.slice(0, 80)}`;
      });
      assert.equal(hidden, '', JSON.stringify(size));
    }
  }
});

check('on a phone the page that one is at is in sight among the pages', async (page, world) => {
  const isInSight = (name) => tab(page, name).evaluate((it) => {
    const at = it.getBoundingClientRect();
    return at.left >= 0 && at.right <= innerWidth;
  });
  await world.go(page, '/audit');
  await heading(page, 'Audit').waitFor();
  assert.ok(await isInSight('Audit'));
  assert.equal(await page.evaluate(() => scrollY), 0);
  await tab(page, 'DB health').click();
  await heading(page, 'DB health').waitFor();
  assert.ok(await isInSight('DB health'));
  await page.goBack();
  await heading(page, 'Audit').waitFor();
  await goes(page, 'o');
  await heading(page, 'Overview').waitFor();
  assert.ok(await isInSight('Overview'));
}, { viewport: { width: 360, height: 740 } });

check('all jobs of a page are chosen on a phone too', async (page, world) => {
  const made = waiting(3, 'phone');
  await world.make(page, made);
  await world.go(page, '/jobs?queue=phone');
  await lists(page, made.map((job) => job.id));
  const whole = main(page).getByRole('checkbox', { name: 'Choose all of this page' });
  assert.equal(await whole.count(), 1);
  await whole.check();
  await chosen(page).getByText('3 chosen').waitFor();
  await whole.uncheck();
  await chosen(page).waitFor({ state: 'hidden' });
  await page.setViewportSize({ width: 1280, height: 900 });
  assert.equal(await whole.count(), 1);
  await whole.waitFor();
}, { viewport: { width: 360, height: 740 } });

check('where colours are forced, forms tell apart what is picked, and how a schedule fired', async (page, world) => {
  await world.go(page, '/jobs');
  await someJobs(page);
  await filter(page).pressSequentially('que');
  const options = page.getByRole('listbox', { name: 'Suggestions' }).getByRole('option');
  await options.first().waitFor();
  await page.keyboard.press('ArrowDown');
  const outlines = await options.evaluateAll((all) => all.map((e) => [e.getAttribute('aria-selected'), getComputedStyle(e).outlineStyle]));
  for (const [picked, outline] of outlines) assert.equal(outline === 'solid', picked === 'true', JSON.stringify(outlines));
  // The marks have no words, and so no role: they are made here as the list of schedules has them.
  const forms = await main(page).evaluate((e) => ['done', 'running', 'scheduled', 'retrying', 'dead'].map((status) => {
    const mark = Object.assign(document.createElement('span'), { className: 'fp-fire' });
    mark.dataset.status = status;
    const spark = Object.assign(document.createElement('span'), { className: 'fp-spark' });
    spark.append(mark);
    e.append(spark);
    const { height, backgroundColor } = getComputedStyle(mark);
    spark.remove();
    return `${height} ${backgroundColor}`;
  }));
  assert.equal(new Set(forms).size, forms.length, forms.join(', '));
}, { forcedColors: 'active' });
