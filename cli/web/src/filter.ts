// Which descriptors are shown: by words, kind, thread, what blocks, and a frame of the flame graph.
// The table and the flame graph show the same ones.
import { frameText, type Report } from './report';
import { plainText } from './text';

export interface Filter {
  words: string;
  kind: string;
  thread: string;
  blockingOnly: boolean;
  /** Only descriptors with one of these origins (Report.originPath); `below` is what to call it. */
  paths: ReadonlySet<string> | undefined;
  below: string;
}

export const EVERYTHING: Filter = {
  words: '',
  kind: '',
  thread: '',
  blockingOnly: false,
  paths: undefined,
  below: '',
};

/** Each text is looked at once per word, however many descriptors have it. */
export class Matcher {
  private readonly lower: string[];
  private frames: string[] | undefined;

  constructor(private readonly report: Report) {
    this.lower = report.columns.strings.map((text) => text.toLowerCase());
  }

  /** One byte per descriptor: 1 where it is shown. */
  match(filter: Filter): Uint8Array {
    const { report } = this;
    const shown = new Uint8Array(report.size);
    const words = filter.words
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const tests = words.map((word) => this.wordTest(word));
    for (let row = 0; row < report.size; row++) {
      shown[row] =
        (!filter.blockingOnly || report.isBlocking(row)) &&
        (filter.kind === '' || report.kind(row) === filter.kind) &&
        (filter.thread === '' || report.originThread(row) === filter.thread) &&
        (filter.paths === undefined || filter.paths.has(report.originPath(row))) &&
        tests.every((test) => test(row))
          ? 1
          : 0;
    }
    return shown;
  }

  /** A word may be part of any text of the descriptor, its calls, threads, peer or frames. */
  private wordTest(word: string): (row: number) => boolean {
    const { columns } = this.report;
    const exact = /^fd:(\d+)$/.exec(word);
    if (exact !== null) {
      const fd = Number(exact[1]);
      return (row) => columns.descriptors.fd[row] === fd;
    }
    this.frames ??= Array.from({ length: this.report.frameCount }, (_, id) =>
      frameText(this.report.frame(id)).toLowerCase(),
    );
    const strings = Uint8Array.from(this.lower, (text) => (text.includes(word) ? 1 : 0));
    const frames = Uint8Array.from(this.frames, (text) => (text.includes(word) ? 1 : 0));
    const has = (index: number): boolean => index >= 0 && strings[index] === 1;
    const stacks = Uint8Array.from(columns.stacks, (ids) =>
      ids.some((id) => frames[id] === 1) ? 1 : 0,
    );
    const s = columns.sockets;
    const sockets = Uint8Array.from(s.local, (_, i) =>
      [s.family, s.type, s.protocol, s.state, s.local, s.remote, s.peerProcess].some((column) =>
        has(column[i]),
      )
        ? 1
        : 0,
    );
    const { name, stack, thread, javaStack } = columns.calls;
    const calls = Uint8Array.from(name, (text, i) =>
      has(text) ||
      has(javaStack[i]) ||
      has(columns.threads.name[thread[i]]) ||
      stacks[stack[i]] === 1
        ? 1
        : 0,
    );
    const d = columns.descriptors;
    const number = /^\d+$/.test(word) ? Number(word) : -1;
    return (row) => {
      if (number >= 0 && (d.fd[row] === number || this.report.inode(row) === word)) return true;
      if (has(d.kind[row]) || has(d.target[row]) || has(d.attribution[row]) || has(d.reason[row]))
        return true;
      if (d.socket[row] >= 0 && sockets[d.socket[row]] === 1) return true;
      if (d.origin[row] >= 0 && calls[d.origin[row]] === 1) return true;
      for (let i = 0; i < d.historyCount[row]; i++)
        if (calls[d.history[row] + i] === 1) return true;
      return false;
    };
  }
}

/** Distinct values with how often they are there, the most frequent first. */
function tally(report: Report, value: (row: number) => string): [string, number][] {
  const counts = new Map<string, number>();
  for (let row = 0; row < report.size; row++) {
    const text = value(row);
    if (text !== '') counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

// A list of ten thousand threads is nobody's help, and slow; the search finds the others.
const MOST_OPTIONS = 500;

/** The choices of a list, behind the one that is there: "all". */
export function fillChoices(
  list: HTMLSelectElement,
  report: Report,
  value: (row: number) => string,
): void {
  for (const [text, size] of tally(report, value).slice(0, MOST_OPTIONS)) {
    list.append(new Option(`${plainText(text)} (${size.toLocaleString('en')})`, text));
  }
}
