'use strict';
// Rows: what the scripts in content/ hand over, kept as long as it is needed.

const contactSheet = (() => {
  const KEPT_PAGES = 60;
  const waiting = new Map();
  const pages = new Map();
  let totals = null;
  let index = null;
  let indexLoading = null;

  /** Runs a script of content/; resolves to what it hands over. */
  function load(name) {
    if (!waiting.has(name)) {
      const entry = {};
      entry.promise = new Promise((resolve, reject) => { Object.assign(entry, {resolve, reject}); });
      waiting.set(name, entry);
      const script = element('script', {src: `content/${name}`});
      script.addEventListener('error', () => {
        waiting.delete(name);
        entry.reject(new Error(`content/${name} can not be read`));
      });
      script.addEventListener('load', () => script.remove());
      document.head.append(script);
    }
    return waiting.get(name).promise;
  }

  function hand(name, value) {
    const entry = waiting.get(name);
    waiting.delete(name);
    if (entry) entry.resolve(value);
  }

  const pad = (number, digits) => String(number).padStart(digits, '0');
  const pageName = (number) => `rows-${pad(number, 5)}.js`;
  const blockName = (number) => `index-${pad(number, 3)}.js`;

  async function page(number) {
    let cards = pages.get(number);
    cards = cards || (await load(pageName(number)));
    // The ones used last come last.
    pages.delete(number);
    pages.set(number, cards);
    if (pages.size > KEPT_PAGES) pages.delete(pages.keys().next().value);
    return cards;
  }

  /** The cards of rows, given by their positions. */
  async function cards(positions) {
    return Promise.all(positions.map(async (position) => {
      const rows = await page(Math.floor(position / totals.rowsPerPage));
      return rows[position % totals.rowsPerPage];
    }));
  }

  async function loadIndex() {
    const size = totals.rows;
    const columns = {
      status: new Uint8Array(size),
      latency: new Float64Array(size),
      cost: new Float64Array(size),
      reason: new Int16Array(size),
      drift: new Uint8Array(size),
      text: new Array(size),
    };
    const blocks = Math.ceil(size / totals.rowsPerBlock);
    for (let number = 0; number < blocks; number += 1) {
      const block = await load(blockName(number));
      const start = number * totals.rowsPerBlock;
      for (let row = 0; row < block.text.length; row += 1) {
        columns.status[start + row] = block.status.charCodeAt(row) - 48;
        columns.drift[start + row] = block.drift.charCodeAt(row) - 48;
        columns.latency[start + row] = block.latency[row] ?? NaN;
        columns.cost[start + row] = block.cost[row] ?? NaN;
        columns.reason[start + row] = block.reason[row];
        columns.text[start + row] = block.text[row];
      }
    }
    index = columns;
    return index;
  }

  return {
    begin(given) {
      totals = given;
      startSheet(totals);
    },
    addRows: (number, given) => hand(pageName(number), given),
    addIndex: (number, given) => hand(blockName(number), given),
    cards,
    /** The columns of all rows; loaded once. */
    index: () => (indexLoading ||= loadIndex()),
    /** The columns if they are there already. */
    indexNow: () => index,
  };
})();
