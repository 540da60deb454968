// The table of descriptors. TanStack's virtualizer says which rows are in sight, and only those are
// in the document; it leaves the elements to us, so the table is a grid as assistive technology
// knows it: one stop of the tab key, arrows choose a row.
import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from '@tanstack/virtual-core';
import { BLOCKING_FIRST, Sorter, type Order } from './order';
import { clock, framePlace, type Report } from './report';
import { byId, data, element } from './text';

interface Column {
  id: string;
  title: string;
  /** What is sorted by. */
  key: (row: number) => number | string;
  cell: (row: number) => Node | string | undefined;
}

const ROW_HEIGHT = 30; // pixels; page.css has the same
const NARROW_ROW_HEIGHT = 68;

function whatCell(text: string): Node {
  const slash = text.lastIndexOf('/') + 1;
  if (!text.startsWith('/') || slash === text.length) return data(text);
  return element('span', { class: 'path' }, data(text.slice(0, slash)), data(text.slice(slash)));
}

function columnsOf(report: Report): Column[] {
  const culprit = (row: number): string => {
    const frame = report.culprit(row);
    return frame === undefined ? '' : `${frame.scope}.${frame.name}`;
  };
  const culpritCell = (row: number): Node | undefined => {
    const frame = report.culprit(row);
    if (frame === undefined) return undefined;
    const scope = frame.scope.slice(frame.scope.lastIndexOf('.') + 1);
    const cell = element(
      'span',
      {},
      data(scope === '' ? frame.name || frame.from : `${scope}.${frame.name}`),
    );
    const place = framePlace(frame);
    if (place !== '') cell.append(' ', data(place, 'place'));
    return cell;
  };
  return [
    { id: 'fd', title: 'fd', key: (row) => report.fd(row), cell: (row) => String(report.fd(row)) },
    {
      id: 'blocking',
      title: 'Blocks',
      key: (row) => (report.isBlocking(row) ? 1 : 0),
      cell: (row) =>
        report.isBlocking(row) ? element('span', { class: 'badge blocking' }, 'blocks') : undefined,
    },
    {
      id: 'kind',
      title: 'Kind',
      key: (row) => report.kind(row),
      cell: (row) => data(report.kind(row)),
    },
    {
      id: 'what',
      title: 'What',
      key: (row) => report.what(row),
      cell: (row) => whatCell(report.what(row)),
    },
    { id: 'culprit', title: 'Culprit', key: culprit, cell: culpritCell },
    {
      id: 'call',
      title: 'Call',
      key: (row) => report.originName(row),
      cell: (row) =>
        report.originName(row) === ''
          ? element('span', { class: 'faint' }, report.attribution(row))
          : data(`${report.originName(row)}()`),
    },
    {
      id: 'thread',
      title: 'Thread',
      key: (row) => report.originThread(row),
      cell: (row) => data(report.originThread(row)),
    },
    {
      id: 'at',
      title: 'Opened',
      key: (row) => report.originAt(row),
      cell: (row) =>
        report.originAt(row) < 0
          ? ''
          : clock(report.columns.epoch + report.originAt(row)).slice(0, 8),
    },
  ];
}

export class DescriptorTable {
  private readonly columns: Column[];
  private readonly sorter: Sorter;
  private sorting: Order = BLOCKING_FIRST;
  private shown: Uint8Array;
  private readonly grid = byId('grid');
  private readonly body = byId('rows');
  private readonly narrow = window.matchMedia('(max-width: 700px)');
  private readonly virtualizer: Virtualizer<HTMLElement, HTMLElement>;
  private readonly elements = new Map<number, HTMLElement>();
  private chosen = -1; // a descriptor
  private order: Uint32Array = new Uint32Array(0);
  private readonly headers = new Map<string, HTMLElement>();

  constructor(
    report: Report,
    private readonly onChoose: (row: number, byHand: boolean) => void,
    private readonly onEnter: () => void,
  ) {
    this.columns = columnsOf(report);
    this.shown = new Uint8Array(report.size).fill(1);
    this.sorter = new Sorter(
      report,
      new Map(this.columns.map((column) => [column.id, column.key])),
    );
    this.virtualizer = new Virtualizer<HTMLElement, HTMLElement>(this.virtualizerOptions());
    this.virtualizer._didMount();
    this.makeHeader();
    this.reorder();

    this.grid.addEventListener('keydown', (event) => this.onKey(event));
    this.body.addEventListener('click', (event) => {
      const row = (event.target as Element).closest<HTMLElement>('[role=row]');
      if (row !== null) this.choose(Number(row.dataset.row), true);
    });
    this.narrow.addEventListener('change', () => {
      this.elements.forEach((row) => row.remove());
      this.elements.clear();
      this.resize();
      this.virtualizer.measure();
    });
  }

  private get rowHeight(): number {
    return this.narrow.matches ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
  }

  private virtualizerOptions() {
    return {
      count: this.order.length,
      getScrollElement: () => this.grid,
      estimateSize: () => this.rowHeight,
      overscan: 8,
      // The header stays at the top and covers that much.
      scrollPaddingStart: this.narrow.matches ? 0 : ROW_HEIGHT,
      scrollMargin: 0,
      observeElementRect,
      observeElementOffset,
      scrollToFn: elementScroll,
      onChange: () => this.draw(),
    };
  }

  private makeHeader(): void {
    const header = byId('header');
    const list = byId('sort') as HTMLSelectElement;
    this.columns.forEach((column, i) => {
      const button = element(
        'button',
        { type: 'button', onclick: () => this.sortBy(column.id) },
        column.title,
      );
      const cell = element(
        'div',
        { role: 'columnheader', class: `cell ${column.id}`, 'aria-colindex': i + 1 },
        button,
      );
      this.headers.set(column.id, cell);
      header.append(cell);
      if (column.id !== 'blocking') list.append(new Option(column.title, column.id));
    });
    list.addEventListener('change', () => this.setOrder({ column: list.value, descending: false }));
    this.grid.setAttribute('aria-colcount', String(this.columns.length));
  }

  /** Upwards, downwards, then back to what blocks first. */
  private sortBy(column: string): void {
    // What blocks is what one looks for: it comes first at the first press.
    const first = column === 'blocking';
    if (this.sorting.column !== column) this.setOrder({ column, descending: first });
    else
      this.setOrder(
        this.sorting.descending === first ? { column, descending: !first } : BLOCKING_FIRST,
      );
  }

  private setOrder(order: Order): void {
    this.sorting = order;
    this.reorder();
    this.grid.scrollTop = 0;
  }

  private showOrder(): void {
    const { column, descending } =
      this.sorting.column === '' ? { column: 'blocking', descending: true } : this.sorting;
    for (const [id, cell] of this.headers) {
      if (id === column) cell.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      else cell.removeAttribute('aria-sort');
    }
    const list = byId('sort') as HTMLSelectElement;
    list.value = this.sorting.column;
    if (list.selectedIndex < 0) list.value = '';
  }

  filter(shown: Uint8Array): void {
    this.shown = shown;
    this.reorder();
    this.grid.scrollTop = 0;
  }

  private reorder(): void {
    this.order = this.sorter.sort(this.sorting, this.shown);
    this.showOrder();
    this.elements.forEach((row) => row.remove());
    this.elements.clear();
    this.grid.setAttribute('aria-rowcount', String(this.order.length + 1));
    byId('nothing').hidden = this.order.length > 0;
    this.resize();
    if (this.order.length === 0) this.choose(-1, false);
    else if (!this.order.includes(this.chosen)) this.choose(this.order[0], false);
    this.draw();
  }

  private resize(): void {
    this.virtualizer.setOptions(this.virtualizerOptions());
    this.virtualizer._willUpdate();
    this.body.style.height = `${this.virtualizer.getTotalSize()}px`;
  }

  private makeRow(index: number): HTMLElement {
    const descriptor = this.order[index];
    const row = element('div', {
      role: 'row',
      id: `row-${descriptor}`,
      'data-row': descriptor,
      'aria-rowindex': index + 2,
      'aria-selected': descriptor === this.chosen ? 'true' : 'false',
    });
    this.columns.forEach((column, i) => {
      const content = column.cell(descriptor);
      row.append(
        element(
          'div',
          { role: 'gridcell', class: `cell ${column.id}`, 'aria-colindex': i + 1 },
          content ?? '',
        ),
      );
    });
    row.style.top = `${index * this.rowHeight}px`;
    return row;
  }

  private draw(): void {
    const items = this.virtualizer.getVirtualItems();
    const wanted = new Set(items.map((item) => item.index));
    const chosen = this.order.indexOf(this.chosen);
    // The grid's aria-activedescendant has to be in the document.
    if (chosen >= 0) wanted.add(chosen);
    for (const [index, row] of this.elements) {
      if (!wanted.has(index)) {
        row.remove();
        this.elements.delete(index);
      }
    }
    for (const index of wanted) {
      if (!this.elements.has(index)) {
        const row = this.makeRow(index);
        this.elements.set(index, row);
        this.body.append(row);
      }
    }
  }

  /** The descriptor that the detail is about; -1 for none. */
  choose(descriptor: number, byHand: boolean): void {
    this.chosen = descriptor;
    this.draw();
    for (const row of this.elements.values()) {
      row.setAttribute('aria-selected', String(Number(row.dataset.row) === descriptor));
    }
    if (descriptor < 0) this.grid.removeAttribute('aria-activedescendant');
    else this.grid.setAttribute('aria-activedescendant', `row-${descriptor}`);
    this.onChoose(descriptor, byHand);
  }

  /** Brings the chosen row into sight. */
  reveal(): void {
    const index = this.order.indexOf(this.chosen);
    if (index >= 0) this.virtualizer.scrollToIndex(index, { align: 'auto' });
  }

  isShown(descriptor: number): boolean {
    return this.shown[descriptor] === 1;
  }

  private onKey(event: KeyboardEvent): void {
    if (event.target !== this.grid || this.order.length === 0) return;
    const page = Math.max(1, Math.floor(this.grid.clientHeight / this.rowHeight) - 2);
    const at = this.order.indexOf(this.chosen);
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: this.order.length - 1,
    };
    if (event.key === 'Enter') {
      event.preventDefault();
      this.onEnter();
      return;
    }
    const to = moves[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.choose(this.order[Math.min(Math.max(to, 0), this.order.length - 1)], false);
    this.reveal();
  }
}
