// How the tests of the page run: in Debian's Chromium, from files, one after the other.
//
//   FDORIGIN_COMMAND=build/dev/bin/fdorigin npx playwright test
//
// FDORIGIN_COMMAND is the command that makes the pages; FDORIGIN_CHROMIUM another browser;
// FDORIGIN_PAGE_RESULTS where the JUnit report and what is left of a failed test go.
import { defineConfig } from '@playwright/test';
import { join } from 'node:path';
import { chromium } from './tests/browser';

const results =
  process.env.FDORIGIN_PAGE_RESULTS ?? join(import.meta.dirname, '../../build/page-tests');

export default defineConfig({
  testDir: 'tests',
  outputDir: join(results, 'failed'),
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  forbidOnly: process.env.CI !== undefined,
  reporter: [['list'], ['junit', { outputFile: join(results, 'page.xml') }]],
  use: {
    viewport: { width: 1280, height: 900 },
    launchOptions: { executablePath: chromium },
    contextOptions: { reducedMotion: 'reduce' },
    trace: 'off',
  },
});
