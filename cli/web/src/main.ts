// The page of `fdorigin html`: reads the data element, then wires the views together. docs/page.md
// says what the page shows.
import { DetailView } from './detail';
import { EVERYTHING, fillChoices, Matcher, type Filter } from './filter';
import { FlameView } from './flame';
import { readReport, type Report } from './report';
import { showSummary } from './summary';
import { DescriptorTable } from './table';
import { byId, count, plainText } from './text';
import { startTheme } from './theme';
// Last, so that it has the last word over d3-flame-graph's own style sheet.
import './page.css';

function start(report: Report): void {
  byId('app').hidden = false;
  byId('loading').hidden = true;
  showSummary(report);
  const matcher = new Matcher(report);
  let filter: Filter = EVERYTHING;

  const words = byId('words') as HTMLInputElement;
  const kind = byId('kind') as HTMLSelectElement;
  const thread = byId('thread') as HTMLSelectElement;
  const blocking = byId('blocking-only') as HTMLInputElement;
  const clear = byId('clear') as HTMLButtonElement;
  const below = byId('below');
  const tabs = { table: byId('tab-table'), flame: byId('tab-flame') };
  const panels = { table: byId('panel-table'), flame: byId('panel-flame') };
  fillChoices(kind, report, (row) => report.kind(row));
  fillChoices(thread, report, (row) => report.originThread(row));

  const detail = new DetailView(byId('detail'), report, (row) => {
    if (!table.isShown(row)) apply(EVERYTHING);
    table.choose(row, true);
    table.reveal();
  });
  const isNarrow = window.matchMedia('(max-width: 1000px)');
  const table = new DescriptorTable(
    report,
    (row, byHand) => {
      if (row < 0) detail.showNothing('No descriptor is like that.');
      else detail.show(row);
      // Below the list, or it would not be noticed that anything has happened.
      if (byHand && isNarrow.matches) byId('detail').scrollIntoView();
    },
    () => byId('detail-title').focus(),
  );
  byId('detail').addEventListener('click', (event) => {
    if ((event.target as Element).id !== 'back') return;
    byId('grid').scrollIntoView({ block: 'nearest' });
    byId('grid').focus();
  });
  byId('detail').addEventListener('keydown', (event) => {
    if (event.key === 'Escape') byId('grid').focus();
  });

  const show = (name: 'table' | 'flame'): void => {
    for (const one of ['table', 'flame'] as const) {
      tabs[one].setAttribute('aria-selected', String(one === name));
      tabs[one].tabIndex = one === name ? 0 : -1;
      panels[one].hidden = one !== name;
    }
    if (name === 'flame') flame.appear();
  };
  const flame = new FlameView(report, (paths, below) => {
    apply({ ...filter, paths, below });
    show('table');
    byId('grid').focus();
  });

  function apply(wanted: Filter): void {
    filter = wanted;
    words.value = filter.words;
    kind.value = filter.kind;
    thread.value = filter.thread;
    blocking.checked = filter.blockingOnly;
    below.hidden = filter.paths === undefined;
    below.textContent = `Below ${plainText(filter.below)}`;
    clear.hidden =
      filter.words === '' &&
      filter.kind === '' &&
      filter.thread === '' &&
      !filter.blockingOnly &&
      filter.paths === undefined;
    const shown = matcher.match(filter);
    const size = shown.reduce((sum, one) => sum + one, 0);
    byId('count').textContent =
      size === report.size
        ? count(size, 'descriptor')
        : `${size.toLocaleString('en')} of ${count(report.size, 'descriptor')}`;
    table.filter(shown);
    flame.filter(shown);
  }

  // Typing goes on while a large report is searched: only the last words of a frame count.
  let pending = 0;
  words.addEventListener('input', () => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => apply({ ...filter, words: words.value }));
  });
  kind.addEventListener('change', () => apply({ ...filter, kind: kind.value }));
  thread.addEventListener('change', () => apply({ ...filter, thread: thread.value }));
  blocking.addEventListener('change', () => apply({ ...filter, blockingOnly: blocking.checked }));
  clear.addEventListener('click', () => {
    apply(EVERYTHING);
    words.focus();
  });

  tabs.table.addEventListener('click', () => show('table'));
  tabs.flame.addEventListener('click', () => show('flame'));
  byId('tabs').addEventListener('keydown', (event) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    const other = tabs.table.tabIndex === 0 ? 'flame' : 'table';
    show(other);
    tabs[other].focus();
  });
  document.addEventListener('keydown', (event) => {
    const isTyping =
      event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key !== '/' || isTyping || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    words.focus();
  });

  apply(EVERYTHING);
  performance.mark('fdorigin-ready');
}

startTheme();
readReport(byId('data').textContent ?? '').then(start, (error: unknown) => {
  byId('loading').textContent = `This page is damaged: ${plainText(String(error))}`;
});
