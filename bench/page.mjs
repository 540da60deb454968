// Measures a page in a headless Chromium: how long until something is painted, until the table is
// there, and what searching, sorting and the flame graph take, from the event to the frame that
// shows it. Prints one JSON object of milliseconds for each round.
//
//   node page.mjs PAGE ROUNDS CHROMIUM
//
// Called by bench/compare.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../cli/web/package.json', import.meta.url));
const { chromium } = require('@playwright/test');
const [page, rounds, executablePath] = process.argv.slice(2);

// In the page: from an action until the second frame after it, which shows what it did.
function measure(action) {
  return new Promise((done) => {
    requestAnimationFrame(() => {
      const begin = performance.now();
      action();
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begin)));
    });
  });
}

const actions = {
  search: () => {
    const words = document.getElementById('words');
    words.value = 'moor7 cargo';
    words.dispatchEvent(new Event('input'));
  },
  clear: () => document.getElementById('clear').click(),
  'sort by a text': () => document.querySelector('#header .what button').click(),
  'sort by a number': () => document.querySelector('#header .at button').click(),
  'flame graph': () => document.getElementById('tab-flame').click(),
};

for (let round = 0; round < Number(rounds); round++) {
  const browser = await chromium.launch({ executablePath });
  try {
    const tab = await browser.newPage();
    await tab.goto(pathToFileURL(page).href);
    await tab.waitForFunction(() => performance.getEntriesByName('fdorigin-ready').length > 0);
    const result = await tab.evaluate(() => ({
      'first paint': performance.getEntriesByName('first-contentful-paint')[0].startTime,
      'table there': performance.getEntriesByName('fdorigin-ready')[0].startTime,
    }));
    for (const [name, action] of Object.entries(actions)) {
      result[name] = await tab.evaluate(`(${measure})(${action})`);
    }
    console.log(JSON.stringify(result));
  } finally {
    await browser.close();
  }
}
