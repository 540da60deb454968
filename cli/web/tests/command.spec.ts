// The verb html as a shell has it, and what the compiler says of the page's sources. No browser.
import { expect, test } from '@playwright/test';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folder, harborReport, run, writeReport } from './sample';

test('overwrites a page only when told so, and says what to do next', () => {
  const report = writeReport(harborReport());
  const output = join(folder, 'once.html');
  const first = run('html', report, '-o', output);
  expect(first).toMatchObject({ status: 0, out: `${output}\n` });
  expect(first.error).toContain(`xdg-open ${output}`);
  writeFileSync(output, 'precious');
  expect(run('html', report, '-o', output)).toMatchObject({ status: 2, out: '' });
  expect(readFileSync(output, 'utf8')).toBe('precious');
  expect(run('html', report, '-f', '-o', output).status).toBe(0);
  expect(run('html', report, '-o', '-').out).toBe(readFileSync(output, 'utf8'));
});

test('makes no page of what is no report', () => {
  const bad = join(folder, 'bad.json');
  const output = join(folder, 'never.html');
  writeFileSync(bad, '{"schemaVersion": "1.0"');
  const { status, out, error } = run('html', bad, '-o', output);
  expect({ status, out }).toEqual({ status: 3, out: '' });
  expect(error.trim().split('\n')).toHaveLength(1);
  expect(existsSync(output)).toBe(false);
  expect(run('html', join(folder, 'missing.json'), '-o', output).status).toBe(3);
  expect(run('html', bad).status).toBe(2);
});

test('the sources of the page have no type errors', () => {
  const checked = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc'], {
    cwd: join(import.meta.dirname, '..'),
    encoding: 'utf8',
  });
  expect(checked.stdout).toBe('');
  expect(checked.status).toBe(0);
});
