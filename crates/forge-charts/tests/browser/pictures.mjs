// The pictures of the README, from the gallery: each chart in use, light and dark.
//
//   cargo xtask gallery && node pictures.mjs PAGE-DIRECTORY ../../pictures

import { join } from 'node:path';
import { open } from './page.mjs';

const [root, out] = process.argv.slice(2);
const { browser, url, close } = await open(root);
const charts = { area: 0.62, stacked: 0.72, lines: 0.4, 'stacked-bars': 0.7, 'bars-names': 0.5 };
for (const colorScheme of ['light', 'dark']) {
  const page = await browser.newPage({ viewport: { width: 640, height: 900 }, deviceScaleFactor: 1.5, timezoneId: 'Europe/Berlin' });
  await page.goto(url);
  await page.waitForSelector('#area .fc-plot path');
  if (colorScheme === 'dark') await page.locator('#theme').click();
  await page.addStyleTag({ content: '.fc { padding: 8px; } .fc-table { visibility: hidden; height: 0; }' });
  for (const [name, share] of Object.entries(charts)) {
    const stage = page.locator(`#${name} .fc-stage`);
    await stage.scrollIntoViewIfNeeded();
    const box = await stage.boundingBox();
    await page.mouse.move(box.x + box.width * share, box.y + box.height * 0.6);
    await page.waitForSelector(`#${name} .fc-tip`);
    await page.locator(`#${name} .fc`).screenshot({ path: join(out, `${name}-${colorScheme}.png`) });
    await page.mouse.move(2, 2);
  }
  await page.close();
}
await close();
