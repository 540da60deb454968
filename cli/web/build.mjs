// Makes the page's template: one HTML file with style and script in it, and the marker @REPORT@
// where `fdorigin html` puts a report. The policy in its head allows this very style and this very
// script, by their hashes, and nothing else: no request, no other script, no plug-in.
//
//   node build.mjs OUTPUT
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

async function bundle() {
  const result = await build({
    entryPoints: [join(here, 'src/main.ts')],
    absWorkingDir: here,
    outdir: 'out', // nothing is written
    write: false,
    bundle: true,
    minify: true,
    metafile: true,
    format: 'iife',
    target: 'es2023',
    charset: 'ascii',
    legalComments: 'none', // the licences stand in the page whole
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  const text = (suffix) =>
    result.outputFiles.find((file) => file.path.endsWith(suffix)).text.trim();
  return { script: text('.js'), style: text('.css'), inputs: Object.keys(result.metafile.inputs) };
}

/** The licences of the packages that are in the bundle. */
async function licences(inputs) {
  const packages = new Set(
    inputs.flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  const texts = [];
  for (const name of [...packages].sort()) {
    const folder = join(here, 'node_modules', name);
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license'].find((one) =>
      existsSync(join(folder, one)),
    );
    if (file === undefined) throw new Error(`${name} has no licence file`);
    texts.push(`${name} ${version}\n\n${(await readFile(join(folder, file), 'utf8')).trim()}`);
  }
  return `\nThis page contains these packages.\n\n${texts.join('\n\n----\n\n')}\n`;
}

function hash(text) {
  return `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;
}

const { script, style, inputs } = await bundle();
const parts = {
  STYLE: style,
  SCRIPT: script,
  LICENCES: await licences(inputs),
  POLICY: [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "connect-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; '),
};
for (const [name, text] of Object.entries(parts)) {
  if (/<\/(script|style)/i.test(text) || text.includes('@REPORT@')) {
    throw new Error(`the part ${name} would end its own element, or holds the marker`);
  }
}
const template = await readFile(join(here, 'src/page.html'), 'utf8');
const page = template.replace(/@(STYLE|SCRIPT|LICENCES|POLICY)@/g, (_, name) => parts[name]);
if (page.split('@REPORT@').length !== 2)
  throw new Error('the template has not exactly one @REPORT@');
await writeFile(process.argv[2], page);
