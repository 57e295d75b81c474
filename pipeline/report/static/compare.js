'use strict';
// Comparing: two pictures in one frame, and a slider that says how much is seen of each.

function thumbnail(picture) {
  return `thumbnails/${picture.sha.slice(0, 2)}/${picture.sha}.webp`;
}

function describe(picture, row) {
  if (picture.turn === undefined) return `Row ${row.index}, source: ${picture.label}`;
  const instruction = row.turns ? `: ${cut(row.turns[picture.turn] || '', 120)}` : '';
  return `Row ${row.index}, after turn ${picture.turn + 1}${instruction}`;
}

/** A picture, or why there is none. `isLarge`: the file itself, not its thumbnail. */
function showPicture(picture, row, isLarge = false) {
  if (picture.missing && !isLarge) return placeholder(picture.missing);
  const isOwn = isLarge && picture.link && !picture.link.includes('://');
  const image = element('img', {
    src: isOwn ? picture.link : thumbnail(picture),
    alt: describe(picture, row),
    loading: isLarge ? null : 'lazy',
    decoding: 'async',
    draggable: 'false',
  });
  image.addEventListener('error', () => {
    if (isOwn && !picture.missing && image.getAttribute('src') === picture.link) image.src = thumbnail(picture);
    else image.replaceWith(placeholder(picture.missing || 'the picture can not be opened'));
  });
  return image;
}

function placeholder(reason) {
  return element('div', {class: 'missing', role: 'img', 'aria-label': `No picture: ${reason}`},
    element('span', {}, 'No picture'), element('small', {}, cut(reason, 160)));
}

/** A frame with `before` under `after`; the slider is a range input that covers it, so keys and fingers work. */
function compareFrame(row, before, after, isLarge = false) {
  const frame = element('div', {class: 'frame'});
  if (!before && !after) {
    frame.classList.add('empty');
    frame.append(placeholder('none was read and none was made'));
    return frame;
  }
  if (!before || !after) {
    const only = after || before;
    frame.append(showPicture(only, row, isLarge), element('span', {class: after ? 'tag after' : 'tag before'}, after ? 'After' : 'Before'));
    return frame;
  }
  const top = element('div', {class: 'layer'}, showPicture(after, row, isLarge));
  const slider = element('input', {
    type: 'range', min: '0', max: '100', value: '50', step: '1', class: 'slider',
    'aria-label': `Row ${row.index}: how much of the picture before is seen, in per cent`,
  });
  const place = () => frame.style.setProperty('--split', `${slider.value}%`);
  slider.addEventListener('input', place);
  place();
  frame.append(
    element('div', {class: 'layer'}, showPicture(before, row, isLarge)),
    element('div', {class: 'layer clipped'}, top),
    element('div', {class: 'handle', 'aria-hidden': 'true'}),
    element('span', {class: 'tag before', 'aria-hidden': 'true'}, 'Before'),
    element('span', {class: 'tag after', 'aria-hidden': 'true'}, 'After'),
    slider,
  );
  return frame;
}
