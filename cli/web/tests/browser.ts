// The browser of the tests, if there is one: FDORIGIN_CHROMIUM, or Debian's, which scripts/setup
// installs.
import { existsSync } from 'node:fs';

const named = process.env.FDORIGIN_CHROMIUM;
const debian = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];

export const chromium: string | undefined = (named === undefined ? debian : [named]).find((path) =>
  existsSync(path),
);
