// The page in a real browser, from a file, as a person has it. What must be there is known from the
// report that the test wrote; where things are and what is allowed, from the browser.
import { expect, test, type Page } from '@playwright/test';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from './browser';
import { call, descriptor, folder, harborReport, java, native, pageOf } from './sample';

test.skip(chromium === undefined, 'no Chromium: apt-get install chromium-headless-shell');

let harbor = '';
test.beforeAll(() => {
  harbor = pageOf(harborReport());
});

// Whatever a page does: nothing is asked of the network, nothing is thrown, no policy is broken.
let requests: string[] = [];
let complaints: string[] = [];
let provokes = false; // a test that has the browser complain
test.beforeEach(({ page, context }) => {
  requests = [];
  complaints = [];
  provokes = false;
  context.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => complaints.push(message.text()));
  page.on('dialog', (dialog) => complaints.push(dialog.message()));
});
test.afterEach(({ page }) => {
  if (provokes) return;
  expect(requests.filter((url) => url !== page.url())).toEqual([]);
  expect(complaints).toEqual([]);
});

async function open(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await expect(page.locator('#count')).not.toBeEmpty();
}

/** The numbers in the table, from the top; all of them, where they are few. */
async function shownNumbers(page: Page): Promise<number[]> {
  return page.locator('#rows [role=row]').evaluateAll((rows) =>
    rows
      .map((row) => ({
        at: Number(row.getAttribute('aria-rowindex')),
        fd: Number(row.firstElementChild!.textContent),
      }))
      .sort((a, b) => a.at - b.at)
      .map((row) => row.fd),
  );
}

const row = (page: Page, fd: number) =>
  page
    .locator('#rows [role=row]')
    .filter({ has: page.locator('.cell.fd').getByText(String(fd), { exact: true }) });
const detail = (page: Page) => page.locator('#detail');
const frame = (page: Page, name: string) =>
  page.locator('g.frame').filter({ has: page.locator(`title`, { hasText: name }) });

test.describe('the table', () => {
  test('shows what blocks first, then the others by number', async ({ page }) => {
    await open(page, harbor);
    await expect.poll(() => shownNumbers(page)).toEqual([7, 12, 0, 1, 5, 8, 9, 10, 11]);
    await expect(page.locator('#headline')).toHaveText(
      'The checkpoint failed: 2 of 9 open descriptors block it',
    );
    await expect(row(page, 7)).toContainText('ipv6/tcp listening on [::]:8080');
    await expect(row(page, 7)).toContainText('Quay.moor');
    await expect(row(page, 8)).toContainText('unix peer fd 9');
    await expect(row(page, 5)).toContainText('untraced');
  });

  test('is sorted by each column, upwards, downwards, and then as before', async ({ page }) => {
    await open(page, harbor);
    const header = (name: string) => page.getByRole('columnheader', { name });
    await header('fd').getByRole('button').click();
    await expect.poll(() => shownNumbers(page)).toEqual([0, 1, 5, 7, 8, 9, 10, 11, 12]);
    await expect(header('fd')).toHaveAttribute('aria-sort', 'ascending');
    await header('fd').getByRole('button').click();
    await expect.poll(() => shownNumbers(page)).toEqual([12, 11, 10, 9, 8, 7, 5, 1, 0]);
    await expect(header('fd')).toHaveAttribute('aria-sort', 'descending');
    await header('fd').getByRole('button').click();
    await expect.poll(() => shownNumbers(page)).toEqual([7, 12, 0, 1, 5, 8, 9, 10, 11]);
    await header('What').getByRole('button').click();
    // apple, manifest, zebra, /odd, ipv6, the pipes, and the pair by its other ends.
    await expect.poll(() => shownNumbers(page)).toEqual([11, 12, 10, 5, 7, 0, 1, 9, 8]);
    await header('Opened').getByRole('button').click();
    await expect.poll(() => shownNumbers(page)).toEqual([0, 1, 5, 11, 7, 8, 9, 10, 12]);
    await header('Kind').getByRole('button').click();
    await expect.poll(() => shownNumbers(page)).toEqual([12, 5, 10, 11, 0, 1, 7, 8, 9]);
    await header('Blocks').getByRole('button').click();
    await expect.poll(async () => (await shownNumbers(page)).slice(0, 2)).toEqual([7, 12]);
    await header('Blocks').getByRole('button').click();
    await expect.poll(async () => (await shownNumbers(page)).slice(-2)).toEqual([7, 12]);
  });

  test('finds words in paths, addresses, frames, threads and numbers', async ({ page }) => {
    await open(page, harbor);
    const words = page.getByRole('searchbox');
    const finds = async (text: string, numbers: number[]): Promise<void> => {
      await words.fill(text);
      await expect(page.locator('#count')).toHaveText(`${numbers.length} of 9 descriptors`);
      await expect.poll(() => shownNumbers(page)).toEqual(numbers);
    };
    await finds('zebra', [10]);
    await finds(':8080', [7]);
    await finds('quay.moor', [7]);
    await finds('Quay.fasten', [7]); // in the history only
    await finds('Worker.run', [12, 10, 11]);
    await finds('CRANE-1 apple', [11]);
    await finds('socketpair_of_ours', [8, 9]);
    await finds('fd:1', [1]);
    await finds('9012', [12]); // an inode
    await finds('bare system', [5]);
    await finds('no such thing', []);
    await expect(page.getByText('No descriptor is like that.').first()).toBeVisible();
    await page.getByRole('button', { name: 'Clear' }).click();
    await expect.poll(() => shownNumbers(page)).toHaveLength(9);
    await expect(words).toBeFocused();
  });

  test('is filtered by kind, by thread, and to what blocks', async ({ page }) => {
    await open(page, harbor);
    await page.getByRole('combobox', { name: 'Kind' }).selectOption('socket');
    await expect.poll(() => shownNumbers(page)).toEqual([7, 8, 9]);
    await page.getByRole('combobox', { name: 'Kind' }).selectOption('');
    await page.getByRole('combobox', { name: 'Thread' }).selectOption('crane-1');
    await expect.poll(() => shownNumbers(page)).toEqual([12, 10, 11]);
    await page.getByLabel('Blocking only').check();
    await expect.poll(() => shownNumbers(page)).toEqual([12]);
    await expect(page.locator('#count')).toHaveText('1 of 9 descriptors');
  });

  test('stays quick with 30,000 descriptors: only rows in sight are in the document', async ({
    page,
  }) => {
    const large = join(folder, 'large.json');
    const made = spawnSync('python3', [
      join(import.meta.dirname, '../../../bench/large-report'),
      large,
      '--descriptors',
      '30000',
    ]);
    expect(made.status).toBe(0);
    const descriptors = (
      JSON.parse(readFileSync(large, 'utf8')) as { descriptors: { fd: number; inode: number }[] }
    ).descriptors;
    await open(page, pageOf(large));
    await expect(page.locator('#count')).toHaveText('30,000 descriptors');
    expect(await page.locator('#rows [role=row]').count()).toBeLessThan(100);
    await page.getByRole('columnheader', { name: 'fd' }).getByRole('button').click();
    await page.getByRole('grid').press('End');
    const last = descriptors.at(-1)!;
    await expect(row(page, last.fd)).toBeInViewport();
    await expect(detail(page).getByRole('heading', { level: 2 })).toContainText(`fd ${last.fd}`);
    expect(await page.locator('#rows [role=row]').count()).toBeLessThan(100);
    await page.getByRole('searchbox').fill(`fd:${descriptors[17_000].fd}`);
    await expect(page.locator('#count')).toHaveText('1 of 30,000 descriptors');
    await expect.poll(() => shownNumbers(page)).toEqual([descriptors[17_000].fd]);
  });
});

test.describe('the chosen descriptor', () => {
  test('tells what it is, why it blocks, who is to blame and what can be done', async ({
    page,
  }) => {
    await open(page, harbor);
    await row(page, 12).click();
    await expect(row(page, 12)).toHaveAttribute('aria-selected', 'true');
    await row(page, 7).click();
    await expect(row(page, 12)).toHaveAttribute('aria-selected', 'false');
    await expect(detail(page).getByRole('heading', { level: 2 })).toHaveText('fd 7 socket');
    await expect(detail(page)).toContainText('blocks the checkpoint');
    await expect(detail(page)).toContainText('tcp6 localPort 8080 names the quay');
    await expect(detail(page).locator('.culprit-card')).toHaveText(
      /com\.example\.harbor\.Quay\.moor\s+Quay\.java:12/,
    );
    await expect(detail(page)).toContainText('Let Quay register a Resource that closes the quay.');
    await expect(detail(page)).toContainText(
      'socket(domain=AF_INET6, type=SOCK_STREAM, protocol=0)',
    );
    await expect(detail(page)).toContainText('21:56:43.089 UTC, thread main (tid 101)');
    await expect(detail(page)).toContainText('nonblock');
  });

  test('folds frames of the JDK and of frameworks, and unfolds them', async ({ page }) => {
    await open(page, harbor);
    const folds = detail(page).locator('button.fold');
    await expect(folds).toHaveText(['2 frames of the JDK']);
    await expect(detail(page).getByText('serverSocket')).toHaveCount(0);
    // The innermost frame is never folded, and one frame is no longer than its fold would be.
    await expect(detail(page).getByText('Java_sun_nio_ch_socket0')).toBeVisible();
    await expect(detail(page).getByText('JavaMain')).toBeVisible();
    await folds.click();
    await expect(folds).toHaveAttribute('aria-expanded', 'true');
    await expect(detail(page).getByText('serverSocket')).toBeVisible();
    await expect(detail(page).getByText('native method')).toBeVisible();
    await folds.click();
    await expect(detail(page).getByText('serverSocket')).toBeHidden();
    await row(page, 12).click();
    await expect(folds).toHaveText(['2 frames: 1 of frameworks, 1 of the JDK']);
    await detail(page).getByRole('button', { name: 'Unfold all' }).click();
    const lines = await detail(page).locator('.stack li.frame').allInnerTexts();
    expect(lines.map((line) => /\w+\.(lift|open0|run)|fileOpen/.exec(line)?.[0])).toEqual([
      'fileOpen',
      'FileInputStream.open0',
      'Crane.lift',
      'Worker.run',
      'Thread.run',
    ]);
    await expect(detail(page).locator('li.frame.culprit')).toContainText('Crane.lift');
  });

  test('has its history, each call with its own stack', async ({ page }) => {
    await open(page, harbor);
    const calls = detail(page).locator('.history summary');
    await expect(calls).toHaveText([
      'bind(sockfd=7, addr=[::]:8080)',
      'listen(sockfd=7, backlog=50)',
    ]);
    await expect(detail(page).getByText('Quay.fasten')).toHaveCount(0);
    await calls.first().click();
    await expect(detail(page).getByText('Quay.fasten')).toBeVisible();
  });

  test('leads to the other end of a pair', async ({ page }) => {
    await open(page, harbor);
    await page.getByRole('searchbox').fill('fd:8');
    await expect(row(page, 9)).toHaveCount(0);
    await row(page, 8).click();
    await detail(page).getByRole('button', { name: 'fd 9' }).click();
    await expect(detail(page).getByRole('heading', { level: 2 })).toHaveText('fd 9 socket');
    await expect(row(page, 9)).toHaveAttribute('aria-selected', 'true');
  });

  test('says why nobody is known', async ({ page }) => {
    await open(page, harbor);
    await row(page, 5).click();
    await expect(detail(page)).toContainText(
      'Nobody saw who opened it: opened by a bare system call',
    );
    await row(page, 0).click();
    await expect(detail(page)).toContainText('It was open before the agent came');
  });

  test('has inodes and offsets exactly, up to 64 bits', async ({ page }) => {
    const text = JSON.stringify(harborReport())
      .replace('"inode":9007,"target"', '"inode":18446744073709551615,"target"')
      .replaceAll('"offset":4096', '"offset":18446744073699065856');
    const file = join(folder, 'wide.json');
    writeFileSync(file, text);
    await open(page, pageOf(file));
    await page.getByRole('searchbox').fill('18446744073709551615');
    await expect(page.locator('#count')).toHaveText('1 of 9 descriptors');
    await expect(detail(page)).toContainText('18446744073709551615');
    await expect(detail(page)).toContainText('libnio.so+0xffffffffff600000');
  });

  test('marks gaps, kept-short histories and missing Java frames', async ({ page }) => {
    const report = harborReport();
    Object.assign(report.stacks[0].frames[3], { gap: true });
    const seven = report.descriptors[3];
    Object.assign(seven, { historyCut: true });
    Object.assign(seven.origin as object, { javaStack: 'the thread was at a safepoint' });
    await open(page, pageOf(report));
    await expect(detail(page)).toContainText(
      'Frames are left out here: it could not be proven what they are.',
    );
    await expect(detail(page)).toContainText('More calls than are kept came between.');
    await expect(detail(page)).toContainText(
      'Java frames are missing: the thread was at a safepoint',
    );
  });
});

test.describe('the flame graph', () => {
  const width = async (page: Page, name: string): Promise<number> =>
    Number(await frame(page, name).locator('rect').first().getAttribute('width'));
  const show = async (page: Page): Promise<void> => {
    await page.getByRole('tab', { name: 'Flame graph' }).click();
    await settle(page);
  };
  // Frames grow for a moment; the outermost one is in the end as wide as the drawing.
  const settle = async (page: Page): Promise<void> => {
    const all = Number(await page.locator('#flame svg').getAttribute('width'));
    await expect.poll(() => width(page, 'traced descriptors')).toBe(all);
  };

  test('is as wide for a frame as the descriptors below it are many', async ({ page }) => {
    await open(page, harbor);
    await show(page);
    await expect(page.locator('g.frame title').first()).toHaveText(
      '6 traced descriptors: 6 descriptors, 100.0 %',
    );
    const all = await width(page, '6 traced descriptors');
    // Six origins: one moor, a pair of ours, three lifts.
    expect((await width(page, 'Crane.lift')) / all).toBeCloseTo(3 / 6, 2);
    expect((await width(page, 'Quay.moor')) / all).toBeCloseTo(1 / 6, 2);
    expect((await width(page, 'harbor.Main.main')) / all).toBeCloseTo(3 / 6, 2);
  });

  test('zooms into a frame, shows its descriptors in the table, and zooms out', async ({
    page,
  }) => {
    await open(page, harbor);
    await show(page);
    const all = await width(page, '6 traced descriptors');
    await frame(page, 'harbor.Main.main').click();
    await expect.poll(() => width(page, 'harbor.Main.main')).toBeCloseTo(all, 0);
    await expect.poll(async () => Math.round((3 * (await width(page, 'Quay.moor'))) / all)).toBe(1);
    await expect(frame(page, 'Crane.lift')).toHaveCount(0);
    await page.getByRole('button', { name: 'Reset zoom' }).click();
    await expect
      .poll(async () => Math.round((6 * (await width(page, 'Crane.lift'))) / all))
      .toBe(3);
    await frame(page, 'Crane.lift').click();
    await page.getByRole('button', { name: 'Show these 3 in the table' }).click();
    await expect.poll(() => shownNumbers(page)).toEqual([12, 10, 11]);
    await expect(page.locator('#below')).toHaveText('Below com.example.harbor.Crane.lift');
  });

  test('is of the descriptors that the filters leave', async ({ page }) => {
    await open(page, harbor);
    await show(page);
    await page.getByRole('combobox', { name: 'Kind' }).selectOption('socket');
    await expect(page.locator('g.frame title').first()).toHaveText(/^3 traced descriptors/);
    await expect(frame(page, 'Crane.lift')).toHaveCount(0);
    await page.getByRole('combobox', { name: 'Kind' }).selectOption('');
    await page.getByRole('combobox', { name: 'Thread' }).selectOption('crane-1');
    await expect(page.locator('g.frame title').first()).toHaveText(/^3 traced descriptors/);
    await expect(frame(page, 'Quay.moor')).toHaveCount(0);
    await expect(frame(page, 'Worker.run')).toHaveCount(1);
    await page.getByLabel('Application frames only').check();
    await expect(frame(page, 'Worker.run')).toHaveCount(0);
    await expect(frame(page, 'Crane.lift')).toHaveCount(1);
    await page.getByRole('combobox', { name: 'Thread' }).selectOption('');
    await page.getByRole('searchbox').fill('pipe');
    await expect(
      page.getByText('Nobody saw who opened the descriptors that are shown.'),
    ).toBeVisible();
  });

  test('goes from a call back to its own descriptors, and bears a stack without end', async ({
    page,
  }) => {
    const report = harborReport();
    const deep = Array.from({ length: 20_000 }, (_, i) => java('com.example.Deep', `f${i}`, i));
    report.stacks.push({ id: 5, frames: deep });
    (report.descriptors[6].origin as { stack: number }).stack = 5;
    (report.descriptors[7].origin as { call: string }).call = 'open64';
    await open(page, pageOf(report));
    await show(page);
    await frame(page, 'Deep.f19999').click();
    await page.getByRole('button', { name: 'Show it in the table' }).click();
    await expect.poll(() => shownNumbers(page)).toEqual([10]);
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByRole('tab', { name: 'Flame graph' }).click();
    // The same stack as openat() of 12.
    await frame(page, 'open64()').click();
    await page.getByRole('button', { name: 'Show it in the table' }).click();
    await expect.poll(() => shownNumbers(page)).toEqual([11]);
  });

  test('bundles a thousand narrow frames, so that none is out of reach', async ({ page }) => {
    const report = harborReport();
    report.stacks = [];
    report.descriptors = [];
    for (let i = 1; i <= 1000; i++) {
      report.stacks.push({
        id: i,
        frames: [native('open', '/lib/libc.so.6'), java(`com.example.Job${i}`, 'run', i)],
      });
      report.descriptors.push(
        descriptor(i, 'file', `/job/${i}`, {
          attribution: 'traced',
          origin: call('open', i),
          history: [],
        }),
      );
    }
    Object.assign(report.trigger, { kind: 'exit', exception: undefined });
    await open(page, pageOf(report));
    await show(page);
    await expect(frame(page, '40 more frames')).toHaveCount(25);
    await frame(page, '40 more frames').first().click();
    await expect(frame(page, 'com.example.Job')).toHaveCount(40);
  });
});

test.describe('themes', () => {
  const brightness = (page: Page): Promise<number> =>
    page.evaluate(() => {
      const [red, green, blue] = getComputedStyle(document.body)
        .backgroundColor.match(/\d+/g)!
        .map(Number);
      return (red + green + blue) / 3;
    });

  test('the system chooses, until the reader does', async ({ page }) => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await open(page, harbor);
    expect(await brightness(page)).toBeLessThan(64);
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await brightness(page)).toBeGreaterThan(192);
    await page.getByLabel('Theme').selectOption('dark');
    expect(await brightness(page)).toBeLessThan(64);
    await page.reload();
    await expect(page.locator('#count')).not.toBeEmpty();
    expect(await brightness(page)).toBeLessThan(64);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.getByLabel('Theme').selectOption('light');
    expect(await brightness(page)).toBeGreaterThan(192);
  });
});

test.describe('by keyboard alone', () => {
  test('one finds, sorts, chooses, unfolds and comes back', async ({ page }) => {
    await open(page, harbor);
    const keys = page.keyboard;
    await keys.press('/');
    await expect(page.getByRole('searchbox')).toBeFocused();
    await keys.type('quay');
    await expect(page.locator('#count')).toHaveText('1 of 9 descriptors');
    await keys.press('Control+A');
    await keys.press('Delete');
    await expect(page.locator('#count')).toHaveText('9 descriptors');
    const grid = page.getByRole('grid');
    for (let i = 0; i < 12 && !(await grid.evaluate((one) => one === document.activeElement)); i++)
      await keys.press('Tab');
    await expect(grid).toBeFocused();
    await keys.press('ArrowDown');
    await keys.press('ArrowDown');
    await expect(row(page, 0)).toHaveAttribute('aria-selected', 'true');
    const active = await grid.getAttribute('aria-activedescendant');
    await expect(page.locator(`#${active}`)).toHaveAttribute('aria-selected', 'true');
    await keys.press('Home');
    await expect(row(page, 7)).toHaveAttribute('aria-selected', 'true');
    await keys.press('Enter');
    await expect(detail(page).getByRole('heading', { level: 2 })).toBeFocused();
    const fold = detail(page).locator('button.fold');
    for (let i = 0; i < 4 && !(await fold.evaluate((one) => one === document.activeElement)); i++)
      await keys.press('Tab');
    await keys.press('Enter');
    await expect(fold).toHaveAttribute('aria-expanded', 'true');
    await keys.press('Escape');
    await expect(grid).toBeFocused();
    await keys.press('Tab'); // the first header
    await keys.press('Enter');
    await expect.poll(() => shownNumbers(page)).toEqual([0, 1, 5, 7, 8, 9, 10, 11, 12]);
  });

  test('one walks through the flame graph and zooms', async ({ page }) => {
    await open(page, harbor);
    const keys = page.keyboard;
    await page.getByRole('tab', { name: 'Descriptors' }).focus();
    await keys.press('ArrowRight');
    await expect(page.getByRole('tab', { name: 'Flame graph' })).toBeFocused();
    const focused = (): Promise<string> =>
      page.evaluate(() => document.activeElement?.querySelector('title')?.textContent ?? '');
    await expect(page.locator('g.frame').first()).toBeVisible();
    for (let i = 0; i < 4 && !(await focused()).startsWith('6 traced'); i++)
      await keys.press('Tab');
    expect(await focused()).toMatch(/^6 traced/);
    await keys.press('ArrowDown');
    const first = await focused();
    await keys.press('ArrowRight');
    const second = await focused();
    expect([first, second].map((text) => text.replace(/:.*/, '')).sort()).toEqual([
      'JavaMain',
      'java.lang.Thread.run',
    ]);
    await keys.press('Enter');
    await expect(page.getByRole('button', { name: 'Reset zoom' })).toBeVisible();
    expect(await focused()).toBe(second);
    await keys.press('ArrowUp');
    expect(await focused()).toMatch(/^6 traced/);
    await keys.press('Escape');
    await expect(page.getByRole('button', { name: 'Reset zoom' })).toBeHidden();
    expect(await focused()).toMatch(/^6 traced/);
  });
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('nothing is wider than the screen, and a tap shows the story', async ({ page }) => {
    await open(page, harbor);
    const overflow = () =>
      page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(await overflow()).toBeLessThanOrEqual(0);
    expect(
      await page.getByRole('grid').evaluate((one) => one.scrollWidth - one.clientWidth),
    ).toBeLessThanOrEqual(0);
    for (const part of ['7', 'socket', 'blocks', 'listening on [::]:8080', 'Quay.moor']) {
      const box = await row(page, 7).getByText(part).first().boundingBox();
      expect(box!.x).toBeGreaterThanOrEqual(0);
      expect(box!.x + box!.width).toBeLessThanOrEqual(390);
    }
    await page.getByLabel('Sort by').selectOption('fd');
    await expect.poll(async () => (await shownNumbers(page)).slice(0, 3)).toEqual([0, 1, 5]);
    await row(page, 7).tap();
    const title = detail(page).getByRole('heading', { level: 2 });
    await expect(title).toHaveText('fd 7 socket');
    // It came to the top, where the list was.
    await expect.poll(async () => Math.abs((await title.boundingBox())!.y)).toBeLessThan(80);
    await detail(page).getByRole('button', { name: 'Unfold all' }).tap();
    expect(await overflow()).toBeLessThanOrEqual(0);
    await detail(page).getByRole('button', { name: 'Back to the list' }).tap();
    await expect(page.getByRole('grid')).toBeInViewport();
    await page.getByRole('tab', { name: 'Flame graph' }).tap();
    await expect(page.locator('g.frame').first()).toBeVisible();
    await frame(page, 'Crane.lift').tap();
    await expect(page.getByRole('button', { name: 'Show these 3 in the table' })).toBeVisible();
    expect(await overflow()).toBeLessThanOrEqual(0);
  });
});

test.describe('axe finds nothing to complain about', () => {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  const violations = async (page: Page): Promise<string[]> => {
    await page.evaluate(axe);
    return page.evaluate(async () => {
      const axe = (
        window as unknown as {
          axe: {
            run: (
              options: object,
            ) => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
          };
        }
      ).axe;
      const { violations } = await axe.run({
        resultTypes: ['violations'],
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'],
      });
      return violations.map(
        (one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 150)).join(' | ')}`,
      );
    });
  };

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [device, viewport] of [
      ['desktop', { width: 1280, height: 900 }],
      ['phone', { width: 390, height: 844 }],
    ] as const) {
      test(`in ${colorScheme}, on a ${device}`, async ({ page }) => {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        await open(page, harbor);
        for (const summary of await page.locator('summary').all()) await summary.click();
        await detail(page).getByRole('button', { name: 'Unfold all' }).first().click();
        expect(await violations(page)).toEqual([]);
        await row(page, 5).click();
        expect(await violations(page)).toEqual([]);
        await page.getByRole('tab', { name: 'Flame graph' }).click();
        await frame(page, 'Crane.lift').click();
        await expect(page.getByRole('button', { name: 'Reset zoom' })).toBeVisible();
        expect(await violations(page)).toEqual([]);
      });
    }
  }
});

test.describe('names that mean harm', () => {
  const MARKUP =
    '</script><script>window.hacked=1</script><img src=x onerror="window.hacked=1"><svg onload=window.hacked=1>';
  const CONTROLS =
    '\u001b[31m\u001b]0;hacked\u0007\r\n\u009b2J\u202egnp.exe\u2066\u200f\ufeff\u{e0041}';
  const EVIL = `${MARKUP}${CONTROLS}@REPORT@__proto__`;
  const RIGHT_TO_LEFT = '/tmp/\u05d0\u05d1\u05d2/1/x';

  function hostileReport() {
    const report = harborReport();
    for (const stack of report.stacks) {
      for (const one of stack.frames) {
        for (const key of ['class', 'method', 'file', 'symbol', 'module', 'jar'])
          if (key in one) one[key] = `${String(one[key])}${EVIL}`;
      }
    }
    for (const one of report.descriptors) {
      one.target = `${String(one.target)}${EVIL}`;
      for (const made of [one.origin, ...((one.history as object[] | undefined) ?? [])]) {
        if (made === undefined) continue;
        const its = made as {
          call: string;
          arguments: object;
          thread: { name: string };
          javaStack: string;
        };
        its.call += EVIL;
        its.arguments = { [EVIL]: EVIL, constructor: 'constructor' };
        its.thread.name += EVIL;
        its.javaStack = EVIL;
      }
      if (one.socket !== undefined)
        Object.assign(one.socket as object, { local: EVIL, remote: EVIL });
      if (one.reason !== undefined) one.reason = EVIL;
      if (one.advice !== undefined) Object.assign(one.advice as object, { text: EVIL });
    }
    const exception = report.trigger.exception as {
      class: string;
      message: string;
      suppressed: { class: string; message: string }[];
    };
    exception.class = exception.message = EVIL;
    for (const one of exception.suppressed) one.class = one.message = EVIL;
    report.trigger.thread = EVIL;
    Object.assign(report.process, {
      hostname: EVIL,
      commandLine: ['java', EVIL],
      jvm: { name: EVIL, version: EVIL, vendor: EVIL },
    });
    Object.assign(report.coverage as object, { refused: [{ what: EVIL, reason: EVIL }] });
    report.descriptors.push(descriptor(20, 'file', RIGHT_TO_LEFT));
    return report;
  }

  test('run nothing, make no element, and show what cannot be seen', async ({ page }) => {
    await open(page, pageOf(hostileReport()));
    for (const summary of await page.locator('summary').all()) await summary.click();
    const folded = detail(page).getByRole('button', { name: 'Unfold all' });
    while ((await folded.count()) > 0) await folded.first().click();
    for (const fd of [5, 12, 8]) await row(page, fd).click();
    await page.getByRole('tab', { name: 'Flame graph' }).click();
    await frame(page, 'Crane').first().hover();
    await frame(page, 'Crane').first().click();
    await page.getByRole('button', { name: /^Show these/ }).click();

    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(
      await page.locator('img, iframe, object, embed, a, link, svg[onload], [onerror]').count(),
    ).toBe(0);
    // The policy's, the data and the licences: no script came with a name.
    expect(await page.locator('script').count()).toBe(3);
    const unseen = await page.evaluate(() => {
      document.querySelectorAll('script, style').forEach((one) => one.remove());
      const text = `${document.title}${document.documentElement.textContent}`;
      const attributes = [...document.querySelectorAll('*')].flatMap((one) =>
        [...one.attributes].map((attribute) => attribute.value),
      );
      // Option values are not shown; the isolates are the page's own.
      const shown = [text, ...attributes.filter((value) => !value.includes('hacked'))].join('');
      return [
        ...new Set(
          shown.match(
            /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066\u2067\ufeff\u{e0000}-\u{e007f}]/gu,
          ) ?? [],
        ),
      ];
    });
    expect(unseen).toEqual([]);
    await expect(page.locator('#panel-table')).toContainText('\\u{202e}gnp.exe');
    await expect(page.locator('#panel-table')).toContainText('\\x1b[31m');
  });

  test('do not change the order of what is read', async ({ page }) => {
    const report = harborReport();
    report.descriptors = [
      descriptor(20, 'file', RIGHT_TO_LEFT),
      descriptor(21, 'file', '/tmp/a\u202egnp.exe'),
    ];
    Object.assign(report.trigger, { kind: 'exit', exception: undefined });
    await open(page, pageOf(report));
    // Where the browser puts each character of the address line, in the text's own order.
    const places = (): Promise<[string, number][]> =>
      page.evaluate(() => {
        const result: [string, number][] = [];
        const walker = document.createTreeWalker(
          document.querySelector('#detail .address')!,
          NodeFilter.SHOW_TEXT,
        );
        while (walker.nextNode()) {
          const text = walker.currentNode.textContent!;
          for (let i = 0; i < text.length; i++) {
            const range = document.createRange();
            range.setStart(walker.currentNode, i);
            range.setEnd(walker.currentNode, i + 1);
            result.push([text[i], range.getBoundingClientRect().left]);
          }
        }
        return result;
      });
    await row(page, 20).click();
    const hebrew = await places();
    expect(hebrew.map(([letter]) => letter).join('')).toBe(RIGHT_TO_LEFT);
    const latin = hebrew.filter(([letter]) => letter < '\u0100').map(([, x]) => x);
    expect(latin).toEqual([...latin].sort((a, b) => a - b));
    const run = hebrew.filter(([letter]) => letter >= '\u0100').map(([, x]) => x);
    expect(run).toEqual([...run].sort((a, b) => b - a));
    expect(Math.min(...run)).toBeGreaterThan(latin[4]);
    expect(Math.max(...run)).toBeLessThan(latin[5]);
    await row(page, 21).click();
    const overridden = await places();
    expect(overridden.map(([letter]) => letter).join('')).toBe('/tmp/a\\u{202e}gnp.exe');
    const at = overridden.map(([, x]) => x);
    expect(at).toEqual([...at].sort((a, b) => a - b));
  });
});

test('the policy in the page lets nothing run, load or be sent that is not the page itself', async ({
  page,
}) => {
  provokes = true;
  await open(page, harbor);
  await page.evaluate(() => {
    const seen = new Set<string>();
    Object.assign(window, { seen });
    document.addEventListener('securitypolicyviolation', (event) =>
      seen.add(event.effectiveDirective),
    );
    const add = (tag: string, set: Record<string, string>, text = ''): void => {
      const one = document.createElement(tag);
      for (const [name, value] of Object.entries(set)) one.setAttribute(name, value);
      one.textContent = text;
      document.body.append(one);
    };
    add('script', {}, 'window.hacked = 1');
    add('style', {}, 'body { display: none }');
    add('img', { src: 'data:image/gif;base64,R0lGODlhAQABAAAAACw=' });
    add('iframe', { src: 'data:text/html,x' });
    add('p', { onclick: 'window.hacked = 1' }, 'x');
    (document.body.lastElementChild as HTMLElement).click();
    fetch('data:,x').catch(() => undefined);
  });
  await expect
    .poll(() => page.evaluate(() => [...(window as unknown as { seen: Set<string> }).seen].sort()))
    .toEqual([
      'connect-src',
      'frame-src',
      'img-src',
      'script-src-attr',
      'script-src-elem',
      'style-src-elem',
    ]);
  expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
});

test('a page that lost a part says so', async ({ page }) => {
  const file = fileURLToPath(harbor);
  const broken = join(folder, 'broken.html');
  writeFileSync(broken, readFileSync(file, 'utf8').replace(/(id="data">[^<]{200})[^<]*/, '$1'));
  await page.goto(`file://${broken}`);
  await expect(page.getByText(/^This page is damaged/)).toBeVisible();
});
