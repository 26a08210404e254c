// One chart at a time in #root, driven by `bench.mjs`: window.libraries has the same four functions for each library.

import uPlot from './uplot/uPlot.esm.js';

const START = 1795959000;

// Numbers from 0 to 65,535, the same as in `lib.rs`.
function noise(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 16;
  };
}

function ofWasm(file) {
  let wasm;
  return {
    async load() {
      wasm = await import(`./${file}.js`);
      await wasm.default({ module_or_path: `./${file}_bg.wasm` });
    },
    columns: (seed, series, points) => wasm.columns(seed, series, points),
    mount: (root, columns, lines) => wasm.mount(root, columns, lines),
    together: file === 'forge' && ((root, columns, charts) => wasm.mount_together(root, columns, charts)),
    replace: (columns) => wasm.replace(columns),
    append: () => wasm.append(),
    unmount: () => wasm.unmount(),
  };
}

const colours = ['#275b9f', '#e66500', '#248850', '#7b1d69', '#2296ea'];
let plot;
let others = [];
let shown;
let next;
let fresh;
const ofUplot = {
  async load() {},
  columns(seed, series, points) {
    const xs = Float64Array.from({ length: points }, (_, i) => START + i);
    const columns = Array.from({ length: series }, (_, i) => Float64Array.from({ length: points }, noise(seed + i)));
    return [xs, ...columns];
  },
  mount(root, columns) {
    const series = columns.slice(1).map((_, i) => ({ label: `series ${i}`, stroke: colours[i % colours.length], width: 1.75 }));
    plot = new uPlot({ width: 800, height: 300, title: 'Bench', series: [{}, ...series] }, columns, root);
    [shown, next, fresh] = [columns, START + columns[0].length, noise(7)];
  },
  together(root, columns, charts) {
    const cursor = { sync: { key: 'bench' } };
    const series = columns.slice(1).map((_, i) => ({ label: `series ${i}`, stroke: colours[i % colours.length], width: 1.75 }));
    const one = () => new uPlot({ width: 800, height: 150, title: 'Bench', cursor, series: [{}, ...series] }, columns, root);
    [plot, ...others] = Array.from({ length: charts }, one);
  },
  replace(columns) {
    shown = columns;
    plot.setData(columns);
  },
  append() {
    shown = shown.map((column, i) => {
      const moved = new Float64Array(column.length);
      moved.set(column.subarray(1));
      moved[column.length - 1] = i ? fresh() : next;
      return moved;
    });
    next += 1;
    plot.setData(shown);
  },
  unmount() {
    for (const one of [plot, ...others]) one.destroy();
    others = [];
  },
};

window.libraries = { 'forge-charts': ofWasm('forge'), uPlot: ofUplot, 'leptos-chartistry': ofWasm('chartistry') };

// Until all that was scheduled by the call has run: microtasks, then the next task.
const channel = new MessageChannel();
let done;
channel.port1.onmessage = () => done();
window.settled = () => new Promise((resolve) => {
  done = resolve;
  channel.port2.postMessage(0);
});

// The time of a call with all the script that follows from it, and with layout and style, which drawing waits for.
window.timed = async (call) => {
  const start = performance.now();
  call();
  await window.settled();
  document.body.getBoundingClientRect();
  return performance.now() - start;
};
window.frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
