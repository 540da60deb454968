// What the whole report says: the headline, why it was written, of which process, and what the
// agent could see, so that absence means something.
import type { Report } from './report';
import { byId, count, data, element, plainText } from './text';

const TRIGGERS: Record<string, string> = {
  'checkpoint-failure': 'a checkpoint failed',
  exit: 'the JVM ended',
  emfile: 'descriptor numbers ran out',
  signal: 'a signal asked for it',
  attach: 'the running JVM was asked for it',
  api: 'the program asked for it',
  force: 'made from outside the process',
};

function headline(report: Report, blocking: number): string {
  const open = count(report.size, 'open descriptor');
  if (report.columns.trigger.kind !== 'checkpoint-failure') return open;
  if (blocking === 0) return `The checkpoint failed and names none of ${open}`;
  const blocks = blocking === 1 ? 'blocks' : 'block';
  return `The checkpoint failed: ${blocking.toLocaleString('en')} of ${open} ${blocks} it`;
}

const MOST_MESSAGES = 1000; // in the list; those of a descriptor stand with it

function exceptionList(report: Report): HTMLElement | undefined {
  const exception = report.columns.trigger.exception;
  if (exception === undefined) return undefined;
  const all = [...exception.causes, ...exception.suppressed];
  const list = element('ul', { class: 'failures' });
  const details = element(
    'details',
    {},
    element('summary', {}, `What the checkpoint said (${count(all.length, 'message')})`),
    element(
      'p',
      {},
      data(exception.class),
      exception.message === '' ? undefined : data(`: ${exception.message}`),
    ),
    list,
  );
  details.addEventListener('toggle', () => {
    if (list.childElementCount > 0) return;
    for (const one of all.slice(0, MOST_MESSAGES)) {
      list.append(element('li', {}, data(one.class, 'faint'), ' ', data(one.message)));
    }
    const rest = all.length - MOST_MESSAGES;
    if (rest > 0) list.append(element('li', {}, `and ${rest.toLocaleString('en')} more`));
  });
  return details;
}

export function showSummary(report: Report): void {
  const { process, trigger, coverage, createdAt, tool } = report.columns;
  let blocking = 0;
  for (let row = 0; row < report.size; row++) if (report.isBlocking(row)) blocking++;
  const title = headline(report, blocking);
  document.title = plainText(`fdorigin: ${title}`);
  byId('headline').textContent = title;

  const facts = element('dl', { class: 'facts' });
  const add = (name: string, ...value: (Node | string | undefined)[]): void => {
    facts.append(
      element('div', { class: 'fact' }, element('dt', {}, name), element('dd', {}, ...value)),
    );
  };
  add(
    'Why',
    TRIGGERS[trigger.kind] ?? data(trigger.kind),
    ...(trigger.thread === '' ? [] : [', thread ', data(trigger.thread)]),
  );
  add('When', data(createdAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')));
  add('Process', `${process.pid} on `, data(process.hostname));
  add('JVM', data(`${process.jvm.name} ${process.jvm.version}`.trim()));
  const seen =
    coverage.since === 'attach'
      ? 'since the agent was attached; what was open before is inherited'
      : 'since the JVM started';
  const lost =
    coverage.dropped === 0 ? '' : `; ${count(coverage.dropped, 'event')} could not be recorded`;
  add('Watched', `${seen}${lost}`);
  byId('facts').replaceChildren(facts);

  const more = byId('more');
  const exceptions = exceptionList(report);
  if (exceptions !== undefined) more.append(exceptions);
  more.append(
    element(
      'details',
      {},
      element('summary', {}, 'Command line'),
      element('p', { class: 'command' }, data(process.commandLine.join(' '))),
    ),
  );
  if (coverage.refused.length > 0) {
    const list = element('ul', {});
    for (const one of coverage.refused)
      list.append(element('li', {}, data(one.what), ': ', data(one.reason)));
    more.append(
      element(
        'details',
        {},
        element('summary', {}, `What could not be watched (${coverage.refused.length})`),
        list,
      ),
    );
  }
  byId('tool').textContent = `Written by fdorigin ${plainText(tool)}`;
}
