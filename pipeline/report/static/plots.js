'use strict';
// Plots: how latency and cost are spread over the rows that are shown, drawn as inline SVG.

const BINS = 28;

/** A histogram of what is known of `values`. `format` writes a value for people. */
function histogram(name, values, format) {
  const known = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
  if (!known.length) return element('p', {class: 'quiet'}, `No ${name.toLowerCase()} is known.`);
  const at = (share) => known[Math.min(known.length - 1, Math.floor(share * known.length))];
  // The few largest would leave the rest no room; they are counted in the last bar.
  const low = known[0];
  const high = Math.max(at(0.995), low);
  const counts = new Array(BINS).fill(0);
  for (const value of known) {
    const bin = high === low ? Math.floor(BINS / 2) : Math.floor(((value - low) / (high - low)) * BINS);
    counts[Math.min(BINS - 1, bin)] += 1;
  }
  const most = Math.max(...counts);
  const drawing = shape('svg', {viewBox: `0 0 ${BINS * 10} 84`, class: 'plot', preserveAspectRatio: 'none', role: 'img', 'aria-label': plotText(name, known.length, at, format)});
  counts.forEach((amount, bin) => {
    if (!amount) return;
    const height = Math.max(2, (amount / most) * 76);
    drawing.append(shape('rect', {x: bin * 10 + 1, y: 80 - height, width: 8, height, rx: 1.5}));
  });
  drawing.append(shape('line', {x1: 0, y1: 82, x2: BINS * 10, y2: 82}));
  if (high > low) {
    const x = ((at(0.5) - low) / (high - low)) * BINS * 10;
    drawing.append(shape('line', {class: 'median', x1: x, y1: 0, x2: x, y2: 82}));
  }
  const ends = high > low
    ? [element('span', {}, format(low)), element('span', {class: 'median'}, `median ${format(at(0.5))}`), element('span', {}, format(high))]
    : [element('span', {class: 'median'}, `all ${format(low)}`)];
  return element('figure', {class: 'histogram'}, element('figcaption', {}, name), drawing, element('div', {class: 'ends'}, ends));
}

function plotText(name, size, at, format) {
  return `${name} of ${count(size)} rows: median ${format(at(0.5))}, 95 of 100 below ${format(at(0.95))}, highest ${format(at(1))}`;
}
