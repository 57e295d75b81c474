'use strict';
// Elements: everything on the page is made here, from texts that are never read as markup.

/** An element: `element('p', {class: 'a'}, 'text', child)`. A property that is null or false is left out. */
function element(name, properties = {}, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** As `element`, for the parts of a drawing. */
function shape(name, properties = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), properties, children);
}

function fill(made, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const numbers = new Intl.NumberFormat('en');

/** A count as people read it. */
function count(value) {
  return numbers.format(value);
}

/** A sum of money, to as many digits as tell it from another. */
function dollars(value) {
  if (value === 0) return '$0';
  const digits = value >= 100 ? 0 : value >= 1 ? 2 : value >= 0.1 ? 3 : 4;
  return `$${value.toLocaleString('en', {minimumFractionDigits: digits, maximumFractionDigits: digits})}`;
}

/** A time, given in seconds. */
function seconds(value) {
  if (value >= 7200) return `${(value / 3600).toFixed(1)} h`;
  if (value >= 120) return `${(value / 60).toFixed(1)} min`;
  return `${value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2)} s`;
}

/** A file's size. */
function bytes(value) {
  return value >= 1e6 ? `${(value / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(value / 1e3))} kB`;
}

/** The beginning of a text. */
function cut(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** A status as words. */
function words(status) {
  return status.replaceAll('_', ' ');
}
