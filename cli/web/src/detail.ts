// The chosen descriptor: what it is, why the checkpoint named it, who is to blame and what can be
// done, then the stack of the call that made it and what happened to it later.
import { clock, frameText, type Call, type Report } from './report';
import { frameLine, stackView } from './stack_view';
import { data, element, escaped } from './text';

function badge(text: string, className = ''): HTMLElement {
  return element('span', { class: `badge ${className}` }, text);
}

function threadText(call: Call): HTMLElement {
  const { name, tid, kind, virtual } = call.thread;
  const what = virtual
    ? 'virtual thread on'
    : kind === 'vm'
      ? "the JVM's own,"
      : kind === 'native'
        ? 'native,'
        : '';
  return element(
    'span',
    {},
    'thread ',
    data(name === '' ? 'without a name' : name),
    ` (${`${what} tid ${tid}`.trim()})`,
  );
}

function callLine(call: Call): HTMLElement {
  const line = element('span', { class: 'call' }, data(call.name, 'name'), '(');
  call.arguments.forEach(([name, value], i) => {
    line.append(i === 0 ? '' : ', ', data(name, 'faint'), '=', data(value));
  });
  line.append(')');
  if (call.from >= 0) line.append(` from fd ${call.from}`);
  return line;
}

function javaStackNote(call: Call): HTMLElement | undefined {
  if (call.javaStack === 'complete' || call.javaStack === '') return undefined;
  if (call.javaStack === 'none')
    return element('p', { class: 'note' }, 'The thread had no Java frames.');
  if (call.javaStack === 'truncated') {
    return element(
      'p',
      { class: 'note' },
      'The Java stack was deeper than what is kept: frames are left out.',
    );
  }
  return element('p', { class: 'note' }, 'Java frames are missing: ', data(call.javaStack));
}

function callText(call: Call): string {
  const words = call.arguments.map(([name, value]) => `${name}=${value}`).join(', ');
  return `${call.name}(${words}) at ${clock(call.at)} by thread ${call.thread.name}`;
}

/** The descriptor's story as plain text, for a ticket. */
export function storyText(report: Report, row: number): string {
  const lines = [`fd ${report.fd(row)} ${report.kind(row)} ${report.what(row)}`];
  for (const failure of report.failures(row))
    lines.push(`blocks: ${failure.class}: ${failure.message}`);
  const culprit = report.culprit(row);
  if (culprit !== undefined) lines.push(`culprit: ${frameText(culprit)}`);
  const advice = report.advice(row);
  if (advice !== undefined) lines.push(`advice: ${advice.text}`);
  const origin = report.origin(row);
  for (const call of origin === undefined
    ? report.history(row)
    : [origin, ...report.history(row)]) {
    lines.push('', callText(call));
    for (const id of report.stack(call.stack)) lines.push(`    at ${frameText(report.frame(id))}`);
  }
  return `${lines.map(escaped).join('\n')}\n`;
}

export class DetailView {
  constructor(
    private readonly root: HTMLElement,
    private readonly report: Report,
    private readonly choose: (row: number) => void,
  ) {}

  private facts(row: number): HTMLElement {
    const { report } = this;
    const list = element('dl', { class: 'facts' });
    const add = (name: string, ...value: (Node | string | undefined)[]): void => {
      list.append(element('dt', {}, name), element('dd', {}, ...value));
    };
    const socket = report.socket(row);
    if (socket !== undefined) {
      add(
        'Socket',
        data([socket.family, socket.type, socket.protocol].filter((word) => word !== '').join(' ')),
      );
      if (socket.state !== '') add('State', data(socket.state));
      if (socket.local !== '') add('Local', data(socket.local));
      if (socket.remote !== '') add('Remote', data(socket.remote));
      const peerRow = report.peerRow(row);
      if (peerRow >= 0) {
        add(
          'Other end',
          element(
            'button',
            { type: 'button', class: 'link', onclick: () => this.choose(peerRow) },
            `fd ${socket.peerFd}`,
          ),
          ' of this process',
        );
      } else if (socket.peerPid >= 0) {
        add('Other end', data(report.peer(socket).slice('peer '.length)));
      } else if (socket.peerInode !== '') {
        add('Other end', `inode ${socket.peerInode}`);
      }
    }
    if (report.target(row) !== '')
      add(socket === undefined ? 'Path' : 'Link', data(report.target(row)));
    add('Inode', report.inode(row));
    if (report.flags(row) !== '') add('Flags', data(report.flags(row)));
    return list;
  }

  private attributionNote(row: number): HTMLElement | undefined {
    const { report } = this;
    switch (report.attribution(row)) {
      case 'traced':
        return report.isUnverified(row)
          ? element(
              'p',
              { class: 'note' },
              'The kernel could not be asked whether it is still open.',
            )
          : undefined;
      case 'inherited':
        return element(
          'p',
          { class: 'note' },
          'It was open before the agent came, so nobody saw who opened it.',
        );
      default:
        return element(
          'p',
          { class: 'note' },
          'Nobody saw who opened it: ',
          data(report.reason(row)),
        );
    }
  }

  private callSection(row: number, call: Call): (HTMLElement | undefined)[] {
    return [
      element('p', { class: 'call-line' }, callLine(call)),
      element('p', { class: 'faint' }, `${clock(call.at)} UTC, `, threadText(call)),
      javaStackNote(call),
      call.stack < 0
        ? element('p', { class: 'note' }, 'No stack was recorded.')
        : stackView(this.report, call.stack, (index) =>
            this.report.isCulprit(row, call.stack, index),
          ),
    ];
  }

  show(row: number): void {
    const { report } = this;
    const children: (HTMLElement | undefined)[] = [];
    const failures = report.failures(row);
    children.push(
      element(
        'header',
        {},
        element(
          'h2',
          { id: 'detail-title', tabindex: -1 },
          `fd ${report.fd(row)} `,
          data(report.kind(row)),
        ),
        report.isBlocking(row) && badge('blocks the checkpoint', 'blocking'),
        badge(report.attribution(row)),
        element(
          'button',
          { type: 'button', class: 'quiet narrow-only', id: 'back' },
          'Back to the list',
        ),
      ),
      element('p', { class: 'address' }, data(report.what(row))),
    );
    if (failures.length > 0) {
      children.push(element('h3', {}, 'Why it blocks'));
      const list = element('ul', { class: 'failures' });
      for (const failure of failures) {
        list.append(element('li', {}, data(failure.class, 'faint'), ' ', data(failure.message)));
      }
      children.push(list);
    }
    const culprit = report.culprit(row);
    if (culprit !== undefined) {
      children.push(
        element('h3', {}, 'Culprit'),
        element('p', { class: 'culprit-card' }, frameLine(culprit)),
      );
    }
    const advice = report.advice(row);
    if (advice !== undefined) {
      children.push(
        element('h3', {}, 'What can be done'),
        element('p', { class: 'advice' }, data(advice.text)),
      );
    }
    const origin = report.origin(row);
    children.push(element('h3', {}, 'Opened by'), this.attributionNote(row));
    if (origin !== undefined) children.push(...this.callSection(row, origin));
    const history = report.history(row);
    if (history.length > 0) {
      children.push(element('h3', {}, 'What happened to it later'));
      const list = element('ol', { class: 'history' });
      history.forEach((call, i) => {
        if (report.isHistoryCut(row) && i === history.length - 1) {
          list.append(element('li', { class: 'note' }, 'More calls than are kept came between.'));
        }
        const body = element('div', { class: 'history-body' });
        const entry = element('details', {}, element('summary', {}, callLine(call)), body);
        entry.addEventListener('toggle', () => {
          if (entry.open && body.childElementCount === 0) {
            body.append(
              ...this.callSection(row, call)
                .slice(1)
                .filter((part) => part !== undefined),
            );
          }
        });
        list.append(element('li', {}, entry));
      });
      children.push(list);
    }
    children.push(element('h3', {}, 'Details'), this.facts(row), this.copyButton(row));
    this.root.replaceChildren(...children.filter((child) => child !== undefined));
    this.root.scrollTop = 0;
  }

  showNothing(text: string): void {
    this.root.replaceChildren(element('p', { class: 'empty' }, text));
  }

  private copyButton(row: number): HTMLElement {
    const button = element('button', { type: 'button', class: 'quiet' }, 'Copy as text');
    button.addEventListener('click', () => {
      navigator.clipboard.writeText(storyText(this.report, row)).then(
        () => (button.textContent = 'Copied'),
        () => (button.textContent = 'The browser does not let pages copy'),
      );
    });
    return button;
  }
}
