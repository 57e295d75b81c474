'use strict';
// The sheet: which rows are shown, in which order and on which page. Its state is in the address, so it can be linked to.

const ROWS_SHOWN = 24;
const NO_FILTER = {q: '', status: '', reason: -1, drift: false, sort: 'index', page: 0};

let totals = null;
let state = {...NO_FILTER};
let selected = null;
let drawing = 0;

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  return {
    q: given.get('q') || '',
    status: given.get('status') || '',
    reason: Number(given.get('reason') ?? -1),
    drift: given.has('drift'),
    sort: given.get('sort') || 'index',
    page: Math.max(0, Number(given.get('page') || 1) - 1) || 0,
  };
}

function writeAddress() {
  const parts = new URLSearchParams();
  if (state.q) parts.set('q', state.q);
  if (state.status) parts.set('status', state.status);
  if (state.reason >= 0) parts.set('reason', state.reason);
  if (state.drift) parts.set('drift', '');
  if (state.sort !== 'index') parts.set('sort', state.sort);
  if (state.page) parts.set('page', state.page + 1);
  history.replaceState(null, '', `#${parts}`);
}

function isFiltered() {
  return Boolean(state.q.trim() || state.status || state.reason >= 0 || state.drift);
}

/** The positions of the rows that pass the filters, in order. */
function selectRows(index) {
  const query = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const status = totals.statuses.findIndex(({name}) => name === state.status);
  const kept = [];
  for (let row = 0; row < totals.rows; row += 1) {
    if (status >= 0 && index.status[row] !== status) continue;
    if (state.reason >= 0 && index.reason[row] !== state.reason) continue;
    if (state.drift && !index.drift[row]) continue;
    if (query.length && !query.every((word) => index.text[row].includes(word))) continue;
    kept.push(row);
  }
  const [name, isDown] = state.sort.split('-');
  const column = name === 'index' ? null : index[name];
  if (!column) return kept;
  // Rows of which it is not known come last either way.
  const sign = isDown ? -1 : 1;
  return kept.sort((one, other) => {
    const [left, right] = [column[one], column[other]];
    if (Number.isNaN(left) || Number.isNaN(right)) return Number.isNaN(left) - Number.isNaN(right) || one - other;
    return sign * (left - right) || one - other;
  });
}

/** Positions on a page; without filters they are known before the index is. */
function positionsOf(page) {
  const start = page * ROWS_SHOWN;
  if (selected) return selected.slice(start, start + ROWS_SHOWN);
  const end = Math.min(totals.rows, start + ROWS_SHOWN);
  return Array.from({length: Math.max(0, end - start)}, (_, number) => start + number);
}

function sizeOfSelection() {
  return selected ? selected.length : totals.rows;
}

async function draw(isTurning = false) {
  const mine = (drawing += 1);
  writeAddress();
  const needsIndex = isFiltered() || state.sort !== 'index';
  try {
    if (needsIndex && !contactSheet.indexNow()) {
      document.getElementById('shown').textContent = 'Loading the index…';
      await contactSheet.index();
      if (mine !== drawing) return;
    }
    selected = needsIndex ? selectRows(contactSheet.indexNow()) : null;
    state.page = Math.min(state.page, Math.max(0, Math.ceil(sizeOfSelection() / ROWS_SHOWN) - 1));
    const cards = await contactSheet.cards(positionsOf(state.page));
    if (mine !== drawing) return;
    showCards(cards);
  } catch (error) {
    document.getElementById('grid').replaceChildren(element('p', {class: 'note'}, `${error.message}: the report is not complete, make it again.`));
  }
  // They are of all rows that pass, whichever page they are on.
  if (!isTurning && contactSheet.indexNow()) drawPlots();
}

function drawPlots() {
  const everything = () => Array.from({length: totals.rows}, (_, row) => row);
  renderPlots(contactSheet.indexNow(), selected || everything());
}

function showCards(cards) {
  const size = sizeOfSelection();
  const first = state.page * ROWS_SHOWN;
  const rows = size === 1 ? 'row' : 'rows';
  document.getElementById('shown').textContent = size
    ? `${count(first + 1)}–${count(first + cards.length)} of ${count(size)} ${rows}${isFiltered() ? ` (${count(totals.rows)} in all)` : ''}`
    : totals.rows ? 'No row fits.' : 'The run had no rows.';
  document.getElementById('clear').hidden = !isFiltered();
  document.getElementById('grid').replaceChildren(...cards.map((row) => makeCard(row, (opened) => viewer.open(opened, stepFrom))));
  for (const pager of document.querySelectorAll('.pager')) drawPager(pager, Math.ceil(size / ROWS_SHOWN));
}

function drawPager(pager, pages) {
  const go = (page) => () => change({page}, true);
  const button = (label, page, isOff) => element('button', {type: 'button', disabled: isOff, onclick: go(page)}, label);
  const number = element('input', {type: 'number', min: 1, max: pages, value: state.page + 1, 'aria-label': `Page, 1 to ${pages}`});
  number.addEventListener('change', () => change({page: Math.min(pages, Math.max(1, Number(number.value) || 1)) - 1}, true));
  pager.replaceChildren(...(pages < 2 ? [] : [
    button('Previous', state.page - 1, state.page === 0),
    element('label', {}, 'Page ', number, ` of ${count(pages)}`),
    button('Next', state.page + 1, state.page >= pages - 1),
  ]));
}

/** The row after or before one in the order shown, for the viewer; turns the page when it has to. */
async function stepFrom(row, direction) {
  const cards = await contactSheet.cards(positionsOf(state.page));
  const place = cards.findIndex((card) => card.index === row.index) + direction;
  if (place >= 0 && place < cards.length) return cards[place];
  const page = state.page + direction;
  if (page < 0 || page * ROWS_SHOWN >= sizeOfSelection()) return null;
  await change({page}, true);
  return (await contactSheet.cards(positionsOf(page))).at(direction > 0 ? 0 : -1);
}

/** Changes what is shown; filters lead back to the first page. */
function change(changes, isTurning = false) {
  state = {...state, page: 0, ...changes};
  if (isTurning) document.querySelector('main').scrollIntoView();
  else renderPanelAgain();
  return draw(isTurning);
}

/** The panel as it is to be now; the filter that was pressed keeps the focus. */
function renderPanelAgain() {
  const pressed = document.activeElement?.closest('.filter')?.textContent;
  renderPanel(totals, state, change);
  if (pressed) [...document.querySelectorAll('.filter')].find((button) => button.textContent === pressed)?.focus();
}

function startSheet(given) {
  totals = given;
  state = readAddress();
  document.getElementById('title').textContent = totals.title;
  document.title = `Contact sheet of ${totals.title}`;
  const [search, sort] = [document.getElementById('search'), document.getElementById('sort')];
  search.value = state.q;
  sort.value = state.sort;
  search.addEventListener('input', () => change({q: search.value}));
  sort.addEventListener('change', () => change({sort: sort.value}));
  document.getElementById('clear').addEventListener('click', () => {
    search.value = '';
    change({...NO_FILTER, sort: state.sort});
  });
  // Beside the pictures where there is room, to be opened where there is none.
  const isWide = matchMedia('(min-width: 900px)');
  const place = () => { document.getElementById('panel').open = isWide.matches; };
  isWide.addEventListener('change', place);
  place();
  renderPanel(totals, state, change);
  draw().then(() => contactSheet.index()).then(drawPlots, () => {});
}
