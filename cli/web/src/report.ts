// The report as `fdorigin html` puts it into the page (cli/html/page_data.h writes it and says what
// each column is), and the questions that the page asks of it. Nothing here touches the document.
//
// Text of the report is data that somebody else chose. It leaves this file as strings; only text.ts
// puts strings into the document.

/** Who a frame belongs to, by the numbers that page_data.cc writes. */
export const OWNERS = ['app', 'framework', 'jdk', 'jvm', 'libc'] as const;
export type Owner = (typeof OWNERS)[number];

const NATIVE = 1;
const NATIVE_METHOD = 2;
const HIDDEN = 4;
const GAP = 8;

const BLOCKING = 1;
const UNVERIFIED = 2;
const HISTORY_CUT = 4;

/** An index into the column it is named after; -1 stands for "there is none". */
type Column = number[];

interface Columns {
  format: number;
  tool: string;
  createdAt: string;
  trigger: {
    kind: string;
    thread: string;
    exception?: {
      class: string;
      message: string;
      causes: { class: string; message: string }[];
      suppressed: { class: string; message: string; fd: number }[];
    };
  };
  process: {
    pid: number;
    hostname: string;
    startedAt: string;
    commandLine: string[];
    jvm: { name: string; version: string; vendor: string };
  };
  coverage: {
    since: string;
    libraries: number;
    dropped: number;
    refused: { what: string; reason: string }[];
  };
  strings: string[];
  frames: {
    owner: Column;
    bits: Column;
    scope: Column;
    name: Column;
    signature: Column;
    file: Column;
    line: Column;
    from: Column;
    offset: Column;
    reason: Column;
  };
  stacks: number[][];
  threads: { name: Column; tid: Column; kind: Column; virtual: Column };
  arguments: number[][];
  calls: {
    name: Column;
    arguments: Column;
    at: Column;
    thread: Column;
    stack: Column;
    javaStack: Column;
    from: Column;
  };
  epoch: number;
  sockets: {
    family: Column;
    type: Column;
    protocol: Column;
    state: Column;
    local: Column;
    remote: Column;
    peerPid: Column;
    peerProcess: Column;
    peerFd: Column;
    peerInode: Column;
  };
  advice: { kind: Column; text: Column };
  failures: number[][];
  descriptors: {
    fd: Column;
    kind: Column;
    inode: Column;
    target: Column;
    flags: Column;
    attribution: Column;
    reason: Column;
    bits: Column;
    socket: Column;
    failures: Column;
    origin: Column;
    history: Column;
    historyCount: Column;
    culprit: Column;
    culpritStack: Column;
    culpritFrame: Column;
    advice: Column;
  };
}

export interface Frame {
  id: number;
  owner: Owner;
  isNative: boolean;
  isNativeMethod: boolean;
  isHidden: boolean;
  /** Frames that could not be proven are left out between this one and the next. */
  hasGap: boolean;
  /** A class, or empty. */
  scope: string;
  /** A method or a function; empty where it is not known. */
  name: string;
  signature: string;
  file: string;
  /** -1 where it is not known. */
  line: number;
  /** The jar or the ELF image. */
  from: string;
  /** In the ELF image, decimal; empty of a Java frame. */
  offset: string;
  reason: string;
}

export interface Call {
  name: string;
  arguments: [string, string][];
  /** Microseconds since 1970. */
  at: number;
  thread: { name: string; tid: number; kind: string; virtual: boolean };
  stack: number;
  javaStack: string;
  from: number;
}

export interface Socket {
  family: string;
  type: string;
  protocol: string;
  state: string;
  local: string;
  remote: string;
  peerPid: number;
  peerProcess: string;
  peerFd: number;
  /** Empty where it is not known. */
  peerInode: string;
}

export type Named = { class: string; message: string };

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Where a native frame is, for addr2line: `libnio.so+0x8826`. */
export function nativePlace(frame: Frame): string {
  const image = frame.from === '' ? 'generated code' : baseName(frame.from);
  return `${image}+0x${BigInt(frame.offset).toString(16)}`;
}

/** A frame without its line: what a flame graph adds up. */
export function frameFunction(frame: Frame): string {
  if (!frame.isNative) {
    return frame.scope === '' && frame.name === ''
      ? 'unknown Java method'
      : `${frame.scope}.${frame.name}`;
  }
  if (frame.name !== '') return frame.name;
  return nativePlace(frame);
}

/** Where a frame stands, as a stack trace says it: `Bakery.java:35`. */
export function framePlace(frame: Frame): string {
  if (frame.isNativeMethod) return 'native method';
  if (frame.file === '') return '';
  return frame.line < 0 ? frame.file : `${baseName(frame.file)}:${frame.line}`;
}

export function frameText(frame: Frame): string {
  const place = framePlace(frame);
  return place === '' ? frameFunction(frame) : `${frameFunction(frame)}(${place})`;
}

/** The IPv4 address of an IPv6 socket without its prefix. */
function address(text: string): string {
  return text.replace(/^\[::ffff:(\d+\.\d+\.\d+\.\d+)\]/, '$1');
}

export class Report {
  readonly size: number;
  readonly stackCount: number;
  private readonly descriptors: Columns['descriptors'];
  private readonly frameCache = new Map<number, Frame>();
  private readonly targets = new Map<number, string>();

  constructor(readonly columns: Columns) {
    if (columns.format !== 1) throw new Error(`data of the unknown format ${columns.format}`);
    this.descriptors = columns.descriptors;
    this.size = columns.descriptors.fd.length;
    this.stackCount = columns.stacks.length;
  }

  private string(index: number): string {
    return index < 0 ? '' : this.columns.strings[index];
  }

  /** A number of up to 64 bits, of which JavaScript's are exact to 53: larger ones come as texts. */
  private exact(value: number): string {
    if (value >= 0) return String(value);
    return value === -1 ? '' : this.string(-2 - value);
  }

  fd(row: number): number {
    return this.descriptors.fd[row];
  }
  kind(row: number): string {
    return this.string(this.descriptors.kind[row]);
  }
  inode(row: number): string {
    return this.exact(this.descriptors.inode[row]);
  }
  target(row: number): string {
    return this.string(this.descriptors.target[row]);
  }
  flags(row: number): string {
    return this.string(this.descriptors.flags[row]);
  }
  attribution(row: number): string {
    return this.string(this.descriptors.attribution[row]);
  }
  reason(row: number): string {
    return this.string(this.descriptors.reason[row]);
  }
  isBlocking(row: number): boolean {
    return (this.descriptors.bits[row] & BLOCKING) !== 0;
  }
  isUnverified(row: number): boolean {
    return (this.descriptors.bits[row] & UNVERIFIED) !== 0;
  }
  isHistoryCut(row: number): boolean {
    return (this.descriptors.bits[row] & HISTORY_CUT) !== 0;
  }

  /** The stack of the call that made the descriptor; -1 where there is none. */
  originStack(row: number): number {
    const call = this.descriptors.origin[row];
    return call < 0 ? -1 : this.columns.calls.stack[call];
  }
  originName(row: number): string {
    const call = this.descriptors.origin[row];
    return call < 0 ? '' : this.string(this.columns.calls.name[call]);
  }
  originAt(row: number): number {
    const call = this.descriptors.origin[row];
    return call < 0 ? -1 : this.columns.calls.at[call];
  }
  /** The same for descriptors that were opened by the same call from the same stack. */
  originPath(row: number): string {
    return `${this.originStack(row)} ${this.originName(row)}`;
  }
  originThread(row: number): string {
    const call = this.descriptors.origin[row];
    return call < 0 ? '' : this.threadName(this.columns.calls.thread[call]);
  }
  origin(row: number): Call | undefined {
    const call = this.descriptors.origin[row];
    return call < 0 ? undefined : this.call(call);
  }
  history(row: number): Call[] {
    const first = this.descriptors.history[row];
    return Array.from({ length: this.descriptors.historyCount[row] }, (_, i) =>
      this.call(first + i),
    );
  }

  culprit(row: number): Frame | undefined {
    const frame = this.descriptors.culprit[row];
    return frame < 0 ? undefined : this.frame(frame);
  }
  /** Whether the culprit stands there: the index of a frame in a stack. */
  isCulprit(row: number, stack: number, index: number): boolean {
    const { culpritStack, culpritFrame } = this.descriptors;
    return culpritStack[row] === stack && culpritFrame[row] === index;
  }

  advice(row: number): { kind: string; text: string } | undefined {
    const index = this.descriptors.advice[row];
    if (index < 0) return undefined;
    const { kind, text } = this.columns.advice;
    return { kind: this.string(kind[index]), text: this.string(text[index]) };
  }
  /** What the failed checkpoint said of it. */
  failures(row: number): Named[] {
    const index = this.descriptors.failures[row];
    const suppressed = this.columns.trigger.exception?.suppressed ?? [];
    return index < 0 ? [] : this.columns.failures[index].flatMap((i) => suppressed[i] ?? []);
  }

  socket(row: number): Socket | undefined {
    const index = this.descriptors.socket[row];
    if (index < 0) return undefined;
    const s = this.columns.sockets;
    return {
      family: this.string(s.family[index]),
      type: this.string(s.type[index]),
      protocol: this.string(s.protocol[index]),
      state: this.string(s.state[index]),
      local: this.string(s.local[index]),
      remote: this.string(s.remote[index]),
      peerPid: s.peerPid[index],
      peerProcess: this.string(s.peerProcess[index]),
      peerFd: s.peerFd[index],
      peerInode: this.exact(s.peerInode[index]),
    };
  }

  /** The descriptor at the other end of a socket, where this process holds it; else -1. */
  peerRow(row: number): number {
    const socket = this.socket(row);
    if (socket === undefined || socket.peerFd < 0 || socket.peerPid !== this.columns.process.pid)
      return -1;
    return this.rowOf(socket.peerFd);
  }
  rowOf(fd: number): number {
    return this.descriptors.fd.indexOf(fd);
  }

  peer(socket: Socket): string {
    if (socket.peerFd >= 0 && socket.peerPid === this.columns.process.pid)
      return `peer fd ${socket.peerFd}`;
    if (socket.peerPid < 0) return '';
    const fd = socket.peerFd < 0 ? '' : ` fd ${socket.peerFd}`;
    return `peer ${socket.peerProcess} (pid ${socket.peerPid}${fd})`;
  }

  /** What a descriptor is, in a line: a socket's addresses, a file's path. */
  what(row: number): string {
    let text = this.targets.get(row);
    if (text === undefined) {
      text = this.makeWhat(row);
      this.targets.set(row, text);
    }
    return text;
  }
  private makeWhat(row: number): string {
    const socket = this.socket(row);
    if (socket === undefined) return this.target(row);
    const words: string[] = [];
    if (socket.family !== '') {
      words.push(
        socket.family === socket.protocol ? socket.family : `${socket.family}/${socket.protocol}`,
      );
    }
    const local = address(socket.local);
    const remote = address(socket.remote);
    if (socket.state === 'LISTEN') words.push(`listening on ${local}`);
    else if (remote !== '') words.push(local === '' ? `to ${remote}` : `${local} → ${remote}`);
    else if (local !== '') words.push(local);
    const peer = this.peer(socket);
    if (peer !== '') words.push(peer);
    return words.length === 0 ? this.target(row) : words.join(' ');
  }

  thread(index: number): Call['thread'] {
    const { name, tid, kind, virtual } = this.columns.threads;
    return {
      name: this.string(name[index]),
      tid: tid[index],
      kind: this.string(kind[index]),
      virtual: virtual[index] === 1,
    };
  }
  private threadName(index: number): string {
    const name = this.string(this.columns.threads.name[index]);
    return name === '' ? `thread ${this.columns.threads.tid[index]}` : name;
  }

  private call(index: number): Call {
    const calls = this.columns.calls;
    const words = this.columns.arguments[calls.arguments[index]];
    const pairs: [string, string][] = [];
    for (let i = 0; i < words.length; i += 2)
      pairs.push([this.string(words[i]), this.string(words[i + 1])]);
    return {
      name: this.string(calls.name[index]),
      arguments: pairs,
      at: this.columns.epoch + calls.at[index],
      thread: this.thread(calls.thread[index]),
      stack: calls.stack[index],
      javaStack: this.string(calls.javaStack[index]),
      from: calls.from[index],
    };
  }

  get frameCount(): number {
    return this.columns.frames.owner.length;
  }
  /** The frames of a stack, innermost first, as numbers for frame(). */
  stack(index: number): number[] {
    return this.columns.stacks[index] ?? [];
  }
  frame(id: number): Frame {
    let frame = this.frameCache.get(id);
    if (frame === undefined) {
      const f = this.columns.frames;
      frame = {
        id,
        owner: OWNERS[f.owner[id]],
        isNative: (f.bits[id] & NATIVE) !== 0,
        isNativeMethod: (f.bits[id] & NATIVE_METHOD) !== 0,
        isHidden: (f.bits[id] & HIDDEN) !== 0,
        hasGap: (f.bits[id] & GAP) !== 0,
        scope: this.string(f.scope[id]),
        name: this.string(f.name[id]),
        signature: this.string(f.signature[id]),
        file: this.string(f.file[id]),
        line: f.line[id],
        from: this.string(f.from[id]),
        offset: this.exact(f.offset[id]),
        reason: this.string(f.reason[id]),
      };
      this.frameCache.set(id, frame);
    }
    return frame;
  }
}

/** Microseconds since 1970 as the clock says it, in UTC: `21:56:43.089`. */
export function clock(microseconds: number): string {
  return new Date(Math.floor(microseconds / 1000)).toISOString().slice(11, 23);
}

/** The data element's text: base64 of a zlib stream of the JSON of the columns. */
export async function readReport(base64: string): Promise<Report> {
  const binary = atob(base64.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Report((await new Response(inflated).json()) as Columns);
}
