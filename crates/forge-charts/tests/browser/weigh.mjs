// What the charts add to a page: `page_charts` less `page_empty`, wasm and JavaScript together.
//
//   node weigh.mjs PAGE-DIRECTORY

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

// In bytes after brotli at its best. What is beyond it needs a reason, and a new bound here.
const BOUND = 73000;

const forms = {
  raw: (bytes) => bytes.length,
  gzip: (bytes) => gzipSync(bytes, { level: 9 }).length,
  brotli: (bytes) => brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  }).length,
};

async function weights(page) {
  const files = await Promise.all([`${page}_bg.wasm`, `${page}.js`].map((name) => readFile(join(process.argv[2], name))));
  return Object.fromEntries(Object.entries(forms).map(([name, of]) => [name, files.reduce((sum, bytes) => sum + of(bytes), 0)]));
}

const [empty, charts] = [await weights('page_empty'), await weights('page_charts')];
for (const name of Object.keys(forms)) {
  console.log(`${name.padEnd(7)} empty ${String(empty[name]).padStart(7)}  with charts ${String(charts[name]).padStart(7)}  charts ${String(charts[name] - empty[name]).padStart(7)}`);
}
const share = charts.brotli - empty.brotli;
if (share > BOUND) {
  console.error(`the charts add ${share} bytes after brotli; the bound is ${BOUND}`);
  process.exitCode = 1;
}
