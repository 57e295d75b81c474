'use strict';
// Cards: a row on the sheet.

/** What a row's pictures are compared as: the first source and the last result. */
function firstPair(row) {
  const sources = (row.sources || []).filter((picture) => picture.label !== 'mask');
  return {before: sources[0] || null, after: (row.results || []).at(-1) || null};
}

function statusMark(status) {
  return element('span', {class: `status ${status}`}, words(status));
}

function sizeOf(picture) {
  return `${picture.width}×${picture.height}`;
}

/** "1024×768 → 1264×848", with a mark where the shape has changed. */
function sizesLine({before, after}) {
  if (!before && !after) return null;
  const sizes = [before, after].filter(Boolean).map(sizeOf).join(' → ');
  const shapes = [before, after].filter(Boolean).map((picture) => picture.ratio).join(' → ');
  return element('span', {title: shapes}, sizes, after && after.drift ? [' ', driftMark(after)] : null);
}

function driftMark(picture) {
  const percent = Math.round(Math.abs(picture.drift) * 100);
  return element('span', {class: 'drift', title: 'Its shape is not that of its source'},
    `${percent} % ${picture.drift > 0 ? 'wider' : 'narrower'}`);
}

function figuresLine(row, pair) {
  const figures = [
    row.model ? element('span', {}, row.model) : null,
    row.cost !== undefined ? element('span', {}, dollars(row.cost)) : null,
    row.latency !== undefined ? element('span', {}, seconds(row.latency)) : null,
    sizesLine(pair),
  ];
  return element('p', {class: 'figures'}, figures);
}

/** What became of a turn: with pictures it is edited; the first without has the row's status, the rest were not sent. */
function turnStatus(row, turn) {
  const made = (row.results || []).some((picture) => picture.turn === turn);
  if (made) return 'edited';
  if (row.status === 'edited') return 'edited';
  const reached = Math.max(-1, ...(row.results || []).map((picture) => picture.turn)) + 1;
  return turn === reached ? row.status : 'not_sent';
}

function instructionsOf(row) {
  const turns = row.turns || [];
  if (!turns.length) return element('p', {class: 'instruction none'}, row.status === 'invalid_input' ? 'No instruction that could be read' : 'A variation, without an instruction');
  if (turns.length === 1) return element('p', {class: 'instruction'}, turns[0]);
  return element('ol', {class: 'instruction turns'}, turns.map((text, turn) => {
    const status = turnStatus(row, turn);
    return element('li', {}, text, status === 'edited' ? null : [' ', statusMark(status)]);
  }));
}

/** Small pictures of all that a row has, to choose what is compared. */
function strip(row, pair, choose) {
  const pictures = [...(row.sources || []), ...(row.results || [])];
  if (pictures.length < 3) return null;
  return element('div', {class: 'strip', role: 'group', 'aria-label': `Pictures of row ${row.index}`},
    pictures.map((picture) => {
      const isResult = picture.turn !== undefined;
      const likeIt = pictures.filter((other) => other.turn === picture.turn);
      const number = isResult && likeIt.length > 1 ? `, image ${likeIt.indexOf(picture) + 1}` : '';
      const label = isResult ? `turn ${picture.turn + 1}${number}` : picture.label;
      return element('button', {
        type: 'button',
        class: isResult ? 'result' : 'source',
        'aria-pressed': String(picture === pair.before || picture === pair.after),
        'aria-label': `Compare ${label} of row ${row.index}`,
        onclick: () => choose(picture),
      }, picture.missing ? element('span', {class: 'missing-small'}, '?') : element('img', {src: thumbnail(picture), alt: '', loading: 'lazy'}),
      element('small', {}, label));
    }));
}

function makeCard(row, open) {
  const pair = firstPair(row);
  const card = element('article', {class: `card ${row.status}`, 'data-index': row.index, 'aria-label': `Row ${row.index}`});
  const render = () => {
    card.replaceChildren(...[
      compareFrame(row, pair.before, pair.after),
      strip(row, pair, (picture) => {
        pair[picture.turn === undefined ? 'before' : 'after'] = picture;
        render();
      }),
      element('div', {class: 'text'},
        element('div', {class: 'line'},
          element('button', {type: 'button', class: 'open', onclick: () => open(row), 'aria-label': `Open row ${row.index}`},
            `#${row.index}`, row.id ? element('span', {class: 'id'}, ` ${row.id}`) : null),
          statusMark(row.status)),
        instructionsOf(row),
        row.error ? element('p', {class: 'error'}, row.error) : null,
        figuresLine(row, pair)),
    ].filter(Boolean));
  };
  render();
  return card;
}
