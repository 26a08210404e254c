// The picture of the documents: the window after some minutes of work, as it is on the display, taken by ImageMagick's
// `import`.
//
//   dbus-run-session -- node examples/desktop/tests/picture.mjs target/debug/forge-desktop docs/pictures/desktop.png
//
// A third word says how many minutes of work it shows.

import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { driven, pause, until, windows, world as begin } from './rig.mjs';

const [program, picture, minutes = '6'] = process.argv.slice(2);
const world = await begin(program);
process.on('exit', world.close);
const folder = join(world.dir, 'pictures');
mkdirSync(folder);
const window = await driven(world);
const invoke = (command, args) => window.wait('(c, a) => window.__TAURI_INTERNALS__.invoke(c, a)', command, args);
const running = () => world.sql('forge.db', "SELECT progress FROM forge_inspect_jobs WHERE status = 'running' AND kind = 'file.hash'");

function file(name, text) {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), text);
}

// Nothing on the disk, and seconds to read.
function film(name, bytes) {
  file(name, '');
  truncateSync(join(folder, name), bytes);
}

await window.seen('#choose');
await window.type('#path', folder);
await window.click('#choose button');

const end = Date.now() + Number(minutes) * 60_000;
for (let round = 0; Date.now() < end; round += 1) {
  // More by day than by night, and now and then a card full of films.
  const photos = Math.round(45 + 35 * Math.sin(round / 9) + ((round * 37) % 23));
  for (let n = 0; n < photos; n += 1) file(`${2001 + (round % 25)}/${round}-${n}.raw`, `${round}/${n} `.repeat(900 + 37 * n));
  if (round % 4 === 0) file(`copies/${round} (1).raw`, `${round}/0 `.repeat(900));
  if (round % 13 === 5) for (const n of [1, 2, 3]) film(`films/${round}-${n}.mov`, 2e9 + round * 1e6 + n);
  // A download that is not over: it changes while it is read, and is tried again.
  if (round % 8 === 3) {
    film('downloads/film.part', 4e9 + round);
    await invoke('folder_scan');
    await until('it is read', () => running().length > 0);
    appendFileSync(join(folder, 'downloads/film.part'), 'more');
  }
  await invoke('folder_scan');
  await pause(4_000);
}

// The moment: films are read, and photos wait behind them.
for (const n of [1, 2, 3, 4, 5, 6, 7, 8]) film(`films/last-${n}.mov`, 60e9 + n);
await invoke('folder_scan');
await until('films are read', () => running().filter((job) => /"done"/.test(job.progress ?? '')).length > 0);
for (let n = 0; n < 64; n += 1) file(`2026/last-${n}.raw`, `last/${n} `.repeat(2_000));
await invoke('folder_scan');
await window.js("() => location.assign('/panel/?range=5m')");
await until('charts are drawn', () => window.js("() => document.querySelectorAll('.fp-main svg path').length > 6"));
await pause(3_000);
execFileSync('import', ['-display', `:${world.number}`, '-window', String(windows(world)[0]), picture]);
process.exit(0);
