// Reports for the tests, written key by key by docs/report.schema.json, and the pages that the
// command makes of them. Nothing here knows how the page has them inside.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

type Json = Record<string, unknown>;

export interface SampleReport extends Json {
  trigger: Json;
  process: Json;
  descriptors: Json[];
  stacks: { id: number; frames: Json[] }[];
}

const command =
  process.env.FDORIGIN_COMMAND ?? join(import.meta.dirname, '../../../build/dev/bin/fdorigin');
export const folder = mkdtempSync(join(tmpdir(), 'fdorigin-page-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

export function run(...words: string[]): { status: number | null; out: string; error: string } {
  const { status, stdout, stderr, error } = spawnSync(command, words, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) throw error;
  return { status, out: stdout, error: stderr };
}

let files = 0;

export function writeReport(report: SampleReport): string {
  const file = join(folder, `report-${++files}.json`);
  writeFileSync(file, JSON.stringify(report));
  return file;
}

/** The address of the page of a report, or of a file with one. */
export function pageOf(report: SampleReport | string): string {
  const file = typeof report === 'string' ? report : writeReport(report);
  const page = join(folder, `page-${++files}.html`);
  const { status, error } = run('html', file, '-o', page);
  if (status !== 0) throw new Error(`fdorigin html ended with ${status}: ${error}`);
  return pathToFileURL(page).href;
}

export function java(className: string, method: string, line: number, more: Json = {}): Json {
  return {
    kind: 'java',
    class: className,
    method,
    signature: '()V',
    file: `${className.slice(className.lastIndexOf('.') + 1)}.java`,
    line,
    ...more,
  };
}

export function native(symbol: string, module: string): Json {
  return { kind: 'native', symbol, module, offset: 4096 };
}

export function call(name: string, stack: number, more: Json = {}): Json {
  return {
    call: name,
    arguments: {},
    at: '2026-11-21T21:56:43.089411Z',
    thread: { name: 'main', tid: 101, kind: 'java', virtual: false },
    stack,
    javaStack: 'complete',
    ...more,
  };
}

export function thread(name: string, tid: number): Json {
  return { thread: { name, tid, kind: 'java', virtual: false } };
}

export function descriptor(fd: number, kind: string, target: string, more: Json = {}): Json {
  return {
    fd,
    kind,
    inode: 9000 + fd,
    target,
    flags: [],
    attribution: 'inherited',
    blocking: false,
    ...more,
  };
}

const JDK = '/opt/jdk/lib';

/** Nine descriptors: a listening socket, a pair, files of another thread, and what nobody saw. */
export function harborReport(): SampleReport {
  const outer = [
    java('com.example.harbor.Harbor', 'open', 41),
    java('com.example.harbor.Main', 'main', 7),
    native('JavaMain', `${JDK}/libjli.so`),
  ];
  const jdk = (method: string): Json[] => [
    native(`Java_sun_nio_ch_${method}`, `${JDK}/libnio.so`),
    java('sun.nio.ch.Net', method, 50, { native: true }),
    java('sun.nio.ch.Net', 'serverSocket', 60),
  ];
  const crane = [
    native('fileOpen', `${JDK}/libjava.so`),
    java('java.io.FileInputStream', 'open0', 1),
    java('com.example.harbor.Crane', 'lift', 88),
    java('io.netty.util.Worker', 'run', 30),
    java('java.lang.Thread', 'run', 840),
  ];
  const stacks = [
    { id: 1, frames: [...jdk('socket0'), java('com.example.harbor.Quay', 'moor', 12), ...outer] },
    { id: 2, frames: [...jdk('bind'), java('com.example.harbor.Quay', 'fasten', 19), ...outer] },
    { id: 3, frames: crane },
    { id: 4, frames: [native('socketpair_of_ours', '/srv/lib/libours.so'), ...outer] },
  ];
  const culprit = {
    stack: 1,
    frame: 3,
    class: 'com.example.harbor.Quay',
    method: 'moor',
    file: 'Quay.java',
    line: 12,
  };
  const craneCulprit = {
    stack: 3,
    frame: 2,
    class: 'com.example.harbor.Crane',
    method: 'lift',
    file: 'Crane.java',
    line: 88,
  };
  const lifted = (fd: number, path: string, at: string): Json =>
    descriptor(fd, 'file', path, {
      attribution: 'traced',
      origin: call('openat', 3, { ...thread('crane-1', 202), at }),
      history: [],
      culprit: craneCulprit,
    });
  const pair = (fd: number, other: number): Json =>
    descriptor(fd, 'socket', `socket:[${9000 + fd}]`, {
      socket: {
        family: 'unix',
        type: 'stream',
        protocol: 'unix',
        state: 'ESTABLISHED',
        local: '',
        remote: '',
        peer: { pid: 4711, process: 'java', fd: other, inode: 9000 + other },
      },
      attribution: 'traced',
      origin: call('socketpair', 4),
      history: [],
      culprit: {
        stack: 4,
        frame: 0,
        module: '/srv/lib/libours.so',
        symbol: 'socketpair_of_ours',
        offset: 4096,
      },
    });
  return {
    schemaVersion: '1.0',
    tool: { name: 'fdorigin', version: '0.1.0' },
    createdAt: '2026-11-21T22:10:09.726181Z',
    trigger: {
      kind: 'checkpoint-failure',
      thread: 'main',
      exception: {
        class: 'jdk.crac.CheckpointException',
        message: null,
        suppressed: [
          {
            class: 'jdk.crac.CheckpointOpenSocketException',
            message: 'tcp6 localPort 8080 names the quay',
            fd: 7,
            inode: 9007,
          },
          {
            class: 'jdk.crac.CheckpointOpenFileException',
            message: '/data/manifest.txt',
            fd: 12,
            inode: 9012,
          },
        ],
      },
    },
    process: {
      pid: 4711,
      ppid: 1,
      hostname: 'harbor',
      startedAt: '2026-11-21T21:00:00.000000Z',
      commandLine: ['java', '-jar', 'harbor.jar'],
      jvm: { name: 'OpenJDK 64-Bit Server VM', version: '17.0.15', vendor: 'Debian' },
    },
    coverage: {
      since: 'startup',
      libraries: 20,
      slots: 90,
      libcEntries: ['socket'],
      refused: [{ what: 'libodd.so', reason: 'its entry cannot be moved' }],
      dropped: 0,
      memoryBytes: 1118640,
      selfDescriptors: 0,
    },
    descriptors: [
      descriptor(0, 'pipe', 'pipe:[9000]'),
      descriptor(1, 'pipe', 'pipe:[9001]'),
      descriptor(5, 'file', '/odd/nobody', {
        attribution: 'untraced',
        reason: 'opened by a bare system call',
      }),
      descriptor(7, 'socket', 'socket:[9007]', {
        flags: ['nonblock'],
        socket: {
          family: 'ipv6',
          type: 'stream',
          protocol: 'tcp',
          state: 'LISTEN',
          local: '[::]:8080',
          remote: '',
        },
        attribution: 'traced',
        blocking: true,
        failures: [0],
        origin: call('socket', 1, {
          arguments: { domain: 'AF_INET6', type: 'SOCK_STREAM', protocol: 0 },
        }),
        history: [
          call('bind', 2, { arguments: { sockfd: 7, addr: '[::]:8080' } }),
          call('listen', 2, { arguments: { sockfd: 7, backlog: 50 } }),
        ],
        culprit,
        advice: { kind: 'resource', text: 'Let Quay register a Resource that closes the quay.' },
      }),
      pair(8, 9),
      pair(9, 8),
      lifted(10, '/data/zebra.txt', '2026-11-21T21:56:44.000000Z'),
      lifted(11, '/data/apple.txt', '2026-11-21T21:56:42.000000Z'),
      {
        ...lifted(12, '/data/manifest.txt', '2026-11-21T21:56:45.000000Z'),
        blocking: true,
        failures: [1],
        advice: { kind: 'policy', text: 'A rule for /data/manifest.txt can close it.' },
      },
    ],
    stacks,
  };
}
