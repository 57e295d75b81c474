'use strict';
// The viewer: one row as large as the window, with the files themselves instead of thumbnails.

const viewer = (() => {
  const dialog = () => document.getElementById('viewer');
  let step = () => {};

  function choice(label, pictures, chosen, choose) {
    const select = element('select', {'aria-label': label}, pictures.map((picture, number) =>
      element('option', {value: number, selected: picture === chosen}, nameOf(picture))));
    select.addEventListener('change', () => choose(pictures[Number(select.value)]));
    return element('label', {class: 'field'}, element('span', {}, label), select);
  }

  function nameOf(picture) {
    return picture.turn === undefined ? `${picture.label}` : `turn ${picture.turn + 1}, ${sizeOf(picture)}`;
  }

  function linkTo(picture) {
    const facts = [picture.mime, picture.bytes ? bytes(picture.bytes) : null, `${sizeOf(picture)} (${picture.ratio})`].filter(Boolean).join(', ');
    const name = picture.link
      ? element('a', {href: picture.link, target: '_blank', rel: 'noopener noreferrer'}, picture.name)
      : element('span', {}, picture.name);
    return element('li', {}, element('b', {}, picture.turn === undefined ? picture.label : `turn ${picture.turn + 1}`), ' ', name,
      element('small', {}, facts), picture.drift ? driftMark(picture) : null,
      picture.missing ? element('small', {class: 'error failed'}, picture.missing) : null);
  }

  function facts(row) {
    const list = [
      ['Model', row.model],
      ['Cost', row.cost === undefined ? null : dollars(row.cost)],
      ['Latency', row.latency === undefined ? null : seconds(row.latency)],
      ['Calls sent', row.attempts],
      ['Possibly billed twice', row.twice],
      ['Tokens', row.tokens ? count(row.tokens) : null],
      ['Finish reason', row.finish],
      ['Converted before sending', row.changes ? row.changes.join('; ') : null],
    ].filter(([, value]) => value);
    return element('dl', {}, list.map(([name, value]) => [element('dt', {}, name), element('dd', {}, String(value))]));
  }

  function render(row, pair) {
    const pictures = [...(row.sources || []), ...(row.results || [])];
    const again = (changed) => render(row, {...pair, ...changed});
    const choices = pictures.length > 2 ? [
      choice('Before', pictures, pair.before, (before) => again({before})),
      choice('After', pictures, pair.after, (after) => again({after})),
    ] : [];
    dialog().replaceChildren(
      element('div', {class: 'stage'}, compareFrame(row, pair.before, pair.after, true)),
      element('div', {class: 'about'},
        element('div', {class: 'line'},
          element('h2', {}, `Row ${row.index}`, row.id ? element('small', {}, ` ${row.id}`) : null), statusMark(row.status)),
        element('div', {class: 'buttons'},
          element('button', {type: 'button', onclick: () => step(-1)}, 'Previous'),
          element('button', {type: 'button', onclick: () => step(1)}, 'Next'),
          element('button', {type: 'button', class: 'close', onclick: () => dialog().close()}, 'Close')),
        element('div', {class: 'choices'}, choices),
        row.error ? element('p', {class: `error ${row.status}`}, row.error) : null,
        row.system ? element('p', {class: 'system'}, element('b', {}, 'System'), ' ', row.system) : null,
        instructionsOf(row),
        facts(row),
        element('ul', {class: 'files'}, pictures.map(linkTo))),
    );
  }

  /** Shows a row; `goOn(1)` and `goOn(-1)` give the row after and before it, or null. */
  function open(row, goOn) {
    step = async (direction) => {
      const next = await goOn(row, direction);
      if (next) open(next, goOn);
    };
    render(row, firstPair(row));
    if (!dialog().open) dialog().showModal();
    const focused = dialog().querySelector('.slider') || dialog().querySelector('.close');
    focused.focus();
  }

  document.addEventListener('DOMContentLoaded', () => {
    dialog().addEventListener('keydown', (event) => {
      if (event.key === 'PageDown' || event.key === 'n') step(1);
      else if (event.key === 'PageUp' || event.key === 'p') step(-1);
      else return;
      event.preventDefault();
    });
    dialog().addEventListener('click', (event) => {
      if (event.target === dialog()) dialog().close();
    });
  });
  return {open};
})();
