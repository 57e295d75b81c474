'use strict';
// The panel: totals, filters by status and reason, and the plots.

/** What the whole run came to. */
function totalsList(totals) {
  const {summary} = totals;
  const cost = summary.cost_usd_of_all_rows;
  const tokens = summary.tokens_of_all_rows ? summary.tokens_of_all_rows.total : 0;
  const list = [
    ['Rows', count(totals.rows)],
    ['Images', count(summary.images || 0)],
    ['Cost over all runs', cost === null || cost === undefined ? 'not known' : dollars(cost)],
    ['Calls in the last run', count(summary.calls || 0)],
    summary.possibly_double_billed_of_all_rows ? ['Possibly billed twice', count(summary.possibly_double_billed_of_all_rows)] : null,
    tokens ? ['Tokens', count(tokens)] : null,
    summary.wall_s ? ['Time of the last run', seconds(summary.wall_s)] : null,
    totals.models.length ? ['Model', totals.models.join(', ')] : null,
  ].filter(Boolean);
  return element('dl', {class: 'totals'}, list.map(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]));
}

function filterButton({label, amount, isOn, mark, toggle}) {
  return element('button', {type: 'button', class: 'filter', 'aria-pressed': String(isOn), onclick: toggle},
    mark, element('span', {class: 'label'}, label), element('span', {class: 'amount'}, count(amount)));
}

/** Draws the panel anew. `change` takes what is to be different of the state. */
function renderPanel(totals, state, change) {
  const statuses = totals.statuses.filter(({count: amount}) => amount);
  const reasons = totals.reasons
    .map((reason, number) => ({...reason, number}))
    .filter((reason) => !state.status || !reason.status || state.status === reason.status)
    .sort((one, other) => other.count - one.count);
  const status = element('section', {'aria-label': 'Filter by status'}, element('h2', {}, 'Status'),
    statuses.map(({name, count: amount}) => filterButton({
      label: words(name), amount, isOn: state.status === name,
      mark: element('i', {class: `dot ${name}`, 'aria-hidden': 'true'}),
      toggle: () => change({status: state.status === name ? '' : name, reason: -1}),
    })),
    totals.drifted ? filterButton({
      label: 'shape has changed', amount: totals.drifted, isOn: state.drift,
      mark: element('i', {class: 'dot drifted', 'aria-hidden': 'true'}),
      toggle: () => change({drift: !state.drift}),
    }) : null);
  const failures = reasons.length ? element('section', {class: 'reasons', 'aria-label': 'Failures by reason'},
    element('h2', {}, 'Failures by reason'),
    reasons.map(({text, status: of, count: amount, number}) => filterButton({
      label: text, amount, isOn: state.reason === number,
      mark: element('i', {class: `dot ${of}`, 'aria-hidden': 'true'}),
      toggle: () => change({reason: state.reason === number ? -1 : number}),
    }))) : null;
  document.getElementById('panel-content').replaceChildren(...[
    status, failures,
    element('section', {id: 'plots'}, element('h2', {}, 'Latency and cost')),
    element('section', {}, element('h2', {}, 'Totals'), totalsList(totals)),
  ].filter(Boolean));
}

/** Draws the plots of the rows at `positions`. */
function renderPlots(index, positions) {
  const values = (column) => Array.from(positions, (position) => column[position]);
  document.getElementById('plots').replaceChildren(
    element('h2', {}, 'Latency and cost'),
    histogram('Latency', values(index.latency), seconds),
    histogram('Cost', values(index.cost), dollars));
}
