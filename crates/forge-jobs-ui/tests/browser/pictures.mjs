// The pictures of the documents, of the made-up queue: `node pictures.mjs PAGE INTO`, two directories.
// `cargo xtask panel --mock` builds the page and says where it is.

import { join } from 'node:path';
import { browser as launch, site } from './rig.mjs';

const [root, into] = process.argv.slice(2);
const { url, close } = await site(root);
const browser = await launch();
for (const colorScheme of ['light', 'dark']) {
  for (const [name, path] of [['overview', '/'], ['job', '/dead/0195e004-0000-7000-8000-000000000000']]) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: 'Europe/Berlin', colorScheme });
    const page = await context.newPage();
    await page.goto(url + path);
    await page.waitForSelector('.fp-main h1');
    await page.waitForFunction(() => !document.querySelector('.fp-main .fp-skeleton'));
    await page.screenshot({ path: join(into, `panel-${name}-${colorScheme}.png`), fullPage: true });
    await context.close();
  }
}
await browser.close();
close();
