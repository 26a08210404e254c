// Draws the same data with each library in turns, in one browser, and prints a table of medians.
//
//   node bench.mjs PAGE-DIRECTORY [--rounds N] [--json]
//
// `cargo xtask bench-charts` builds the directory and calls this. CHROMIUM names the browser.

import { createServer } from 'node:http';
import { readFile, readdir } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { chromium } from 'playwright-core';

const [root, ...options] = process.argv.slice(2);
const option = (name, otherwise) => {
  const at = options.indexOf(name);
  return at < 0 ? otherwise : Number(options[at + 1]);
};
const rounds = option('--rounds', 3);
const SERIES = 5;
const POINTS = 10000;
const MILLION = 1000000;
const TOGETHER = 6;
// Longer than this, a chart is not usable, and the others are to have their turn.
const PATIENCE = 30000;

const types = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' };
const server = createServer(async (request, response) => {
  const path = normalize(new URL(request.url, 'http://localhost').pathname).replace(/^\/$/, '/index.html');
  try {
    const body = await readFile(join(root, path));
    response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const url = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage'],
});

const sorted = (values) => [...values].sort((a, b) => a - b);
const quantile = (values, share) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))];
const median = (values) => quantile(values, 0.5);

// Clock ticks that this process's children, the browser's processes, have used.
async function ticks() {
  const parents = new Map();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields.length > 12) parents.set(Number(name), [Number(fields[1]), Number(fields[11]) + Number(fields[12])]);
  }
  const ours = (id) => id === process.pid || (parents.has(id) && ours(parents.get(id)[0]));
  let sum = 0;
  for (const [id, [parent, used]] of parents) if (ours(parent)) sum += used;
  return sum;
}

// Calls something ten times a second; the time of each call, and the share of a core that the browser took.
async function tenTimesASecond(page, count, call) {
  const [before, start] = [await ticks(), performance.now()];
  const times = [];
  for (let i = 0; i < count; i += 1) {
    times.push(await page.evaluate(call, i));
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, start + (i + 1) * 100 - performance.now())));
  }
  const seconds = (performance.now() - start) / 1000;
  return { times, cpu: (await ticks() - before) / 100 / seconds * 100 };
}

// Moves the pointer over the chart; the time of the main thread for each move, and that of its script alone.
async function hover(page, client, count) {
  const busy = async () => {
    const { metrics } = await client.send('Performance.getMetrics');
    return ['TaskDuration', 'ScriptDuration'].map((name) => metrics.find((m) => m.name === name).value * 1000);
  };
  await page.mouse.move(200, 150);
  await page.evaluate(() => window.frame());
  const before = await busy();
  for (let i = 0; i < count; i += 1) {
    await page.mouse.move(100 + (i * 577) / count, 150);
    await page.evaluate(() => window.frame());
  }
  const [all, script] = (await busy()).map((after, i) => (after - before[i]) / count);
  return { all, script };
}

async function round(name) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 600 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const found = {};
  const within = (promise) => Promise.race([promise, new Promise((_, late) => setTimeout(() => late(new Error('too slow')), PATIENCE))]);
  try {
    await page.goto(url);
    await page.waitForFunction(() => window.libraries);
    const client = await context.newCDPSession(page);
    await client.send('Performance.enable');
    await page.evaluate(async ([name, series, points]) => {
      window.lib = window.libraries[name];
      await window.lib.load();
      window.root = document.getElementById('root');
      window.draw = (columns) => window.timed(() => window.lib.mount(window.root, columns, true));
      window.make = (seed) => window.lib.columns(seed, series, points);
    }, [name, SERIES, POINTS]);
    const mounts = [];
    for (let i = 0; i < 8; i += 1) {
      mounts.push(await page.evaluate(async (seed) => {
        const columns = window.make(seed);
        const took = await window.draw(columns);
        await window.frame();
        return took;
      }, i * 10));
      if (i < 7) await page.evaluate(() => { window.lib.unmount(); window.root.replaceChildren(); });
    }
    found['first draw in a fresh page'] = mounts[0];
    found['first draw, warm'] = median(mounts.slice(2));
    found.elements = await page.evaluate(() => window.root.querySelectorAll('*').length);
    const replace = await tenTimesASecond(page, 60, async (i) => {
      const columns = window.make(1000 + i * 10);
      return window.timed(() => window.lib.replace(columns));
    });
    // Making the columns is no part of a chart's work, nor of its share of a core.
    const idle = await tenTimesASecond(page, 30, async (i) => { window.made = window.make(i); return 0; });
    found['replace all'] = median(replace.times);
    found['replace all, p95'] = quantile(replace.times, 0.95);
    found['replace at 10 Hz, % of a core'] = Math.max(0, replace.cpu - idle.cpu);
    const append = await tenTimesASecond(page, 60, () => window.timed(() => window.lib.append()));
    found['append one'] = median(append.times);
    found['append one, p95'] = quantile(append.times, 0.95);
    found['append at 10 Hz, % of a core'] = append.cpu;
    found['pointer move'] = (await hover(page, client, 60)).all;
    await page.evaluate(() => { window.lib.unmount(); window.root.replaceChildren(); });
    found['million, first draw'] = await within(page.evaluate(async (points) => {
      const columns = window.lib.columns(1, 1, points);
      const took = await window.draw(columns);
      await window.frame();
      return took;
    }, MILLION));
    found['million, pointer move'] = (await within(hover(page, client, 20))).all;
    await page.evaluate(() => { window.lib.unmount(); window.root.replaceChildren(); });
    if (await page.evaluate(() => Boolean(window.lib.together))) {
      await page.evaluate(([charts, series, points]) => {
        window.lib.together(window.root, window.lib.columns(1, series, points), charts);
      }, [TOGETHER, SERIES, POINTS]);
      await page.evaluate(() => window.frame());
      const { all, script } = await hover(page, client, 60);
      found['six charts, pointer move'] = all;
      found['six charts, pointer move, script alone'] = script;
    }
  } catch (error) {
    console.error(`${name}: ${String(error.message ?? error).split('\n')[0]}`);
  }
  await context.close();
  return found;
}

const only = options.includes('--only') ? options[options.indexOf('--only') + 1] : undefined;
const names = ['forge-charts', 'uPlot', 'leptos-chartistry'].filter((name) => !only || name === only);
const results = new Map(names.map((name) => [name, []]));
for (let i = 0; i < rounds; i += 1) {
  for (const name of names) results.get(name).push(await round(name));
}
await browser.close();
server.close();

const cases = [...new Set(names.flatMap((name) => results.get(name).flatMap(Object.keys)))];
const value = (name, key) => {
  const values = results.get(name).map((found) => found[key]).filter((v) => v !== undefined);
  return values.length ? median(values) : undefined;
};
const shown = (number, key) => (number === undefined ? '–' : key === 'elements' ? String(number) : number.toFixed(2));
console.log(`| ms, unless said otherwise | ${names.join(' | ')} |${only ? '' : ' forge / uPlot | forge / chartistry |'}`);
console.log(`| --- |${names.map(() => ' ---: |').join('')}${only ? '' : ' ---: | ---: |'}`);
for (const key of cases) {
  const row = names.map((name) => value(name, key));
  const ratio = (of) => (row[0] === undefined || !of ? '–' : (row[0] / of).toFixed(2));
  const ratios = only ? '' : ` ${ratio(row[1])} | ${ratio(row[2])} |`;
  console.log(`| ${key} | ${row.map((v) => shown(v, key)).join(' | ')} |${ratios}`);
}
