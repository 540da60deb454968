// A stack as a list, innermost frame first. Frames of the application stand out; runs of the JDK's,
// of frameworks', of the JVM's and of libc's are folded into one line that opens them.
import {
  baseName,
  framePlace,
  nativePlace,
  OWNERS,
  type Frame,
  type Owner,
  type Report,
} from './report';
import { count, data, element } from './text';

const OWNER_NAMES: Record<Owner, string> = {
  app: 'the application',
  framework: 'frameworks',
  jdk: 'the JDK',
  jvm: 'the JVM',
  libc: 'libc',
};

export function ownerName(owner: Owner): string {
  return OWNER_NAMES[owner];
}

function frameName(frame: Frame): HTMLElement {
  if (frame.isNative) {
    const where = nativePlace(frame);
    return frame.name === ''
      ? data(where, 'name')
      : element('span', {}, data(frame.name, 'name'), ' ', data(where, 'faint'));
  }
  if (frame.scope === '' && frame.name === '') {
    return element(
      'span',
      {},
      'unknown Java method',
      frame.reason === '' ? undefined : ': ',
      data(frame.reason),
    );
  }
  const dot = frame.scope.lastIndexOf('.') + 1;
  return element(
    'span',
    {},
    data(frame.scope.slice(0, dot), 'faint'),
    data(`${frame.scope.slice(dot)}.${frame.name}`, 'name'),
  );
}

/** A frame's name and place, in one line that may wrap. */
export function frameLine(frame: Frame, withOrigin = true): HTMLElement {
  const place = framePlace(frame);
  const line = element('span', { class: 'frame-line' }, frameName(frame));
  if (place !== '') line.append(' ', data(place, 'place'));
  if (frame.isHidden) line.append(' ', element('span', { class: 'faint' }, 'hidden'));
  if (withOrigin && !frame.isNative && frame.from !== '')
    line.append(' ', data(baseName(frame.from), 'faint'));
  return line;
}

function frameItem(frame: Frame, isCulprit: boolean): HTMLElement {
  const item = element(
    'li',
    { class: `frame owner-${frame.owner}${isCulprit ? ' culprit' : ''}` },
    frameLine(frame),
  );
  if (isCulprit) item.append(' ', element('span', { class: 'badge accent' }, 'look here first'));
  if (frame.hasGap) {
    item.append(
      element(
        'span',
        { class: 'gap' },
        'Frames are left out here: it could not be proven what they are.',
      ),
    );
  }
  return item;
}

function runLabel(frames: Frame[]): string {
  const parts = OWNERS.flatMap((owner) => {
    const size = frames.filter((frame) => frame.owner === owner).length;
    return size === 0 ? [] : [{ size, name: OWNER_NAMES[owner] }];
  });
  const all = count(frames.length, 'frame');
  if (parts.length === 1) return `${all} of ${parts[0].name}`;
  return `${all}: ${parts.map(({ size, name }) => `${size} of ${name}`).join(', ')}`;
}

/** The list, with a button for all its folds where there are any. */
export function stackView(
  report: Report,
  stack: number,
  isCulprit: (index: number) => boolean,
): HTMLElement {
  const frames = report.stack(stack).map((id) => report.frame(id));
  const list = element('ol', { class: 'stack' });
  const folds: { isOpen: () => boolean; open: (wanted: boolean) => void }[] = [];
  const stands = (index: number): boolean => frames[index].owner === 'app' || isCulprit(index);
  // Where nothing stands out, nothing is in its way. The innermost frame is never folded: it made
  // the call.
  const foldsAny = frames.some((_, index) => stands(index));
  for (let begin = 0; begin < frames.length; ) {
    let end = begin;
    while (foldsAny && end > 0 && end < frames.length && !stands(end)) end++;
    if (end - begin < 2) {
      list.append(frameItem(frames[begin], isCulprit(begin)));
      begin++;
      continue;
    }
    const run = frames.slice(begin, end);
    const inner = element('ol', { class: 'stack', hidden: true });
    const button = element(
      'button',
      { type: 'button', class: 'fold', 'aria-expanded': 'false' },
      runLabel(run),
    );
    const isOpen = (): boolean => !inner.hidden;
    const open = (wanted: boolean): void => {
      if (wanted && inner.childElementCount === 0)
        inner.append(...run.map((frame) => frameItem(frame, false)));
      inner.hidden = !wanted;
      button.setAttribute('aria-expanded', String(wanted));
    };
    button.addEventListener('click', () => open(!isOpen()));
    list.append(element('li', { class: 'folded' }, button, inner));
    folds.push({ isOpen, open });
    begin = end;
  }
  if (folds.length === 0) return list;
  const all = element('button', { type: 'button', class: 'quiet' }, 'Unfold all');
  all.addEventListener('click', () => {
    const wanted = !folds.every((fold) => fold.isOpen());
    for (const fold of folds) fold.open(wanted);
    all.textContent = wanted ? 'Fold all' : 'Unfold all';
  });
  return element('div', {}, list, all);
}
