// Writes vega.min.js: the runtime in one file, with the licences of everything in it at its head.
// In this folder: npm ci --ignore-scripts && npm run build
import {build} from 'esbuild';
import {readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {createHash} from 'node:crypto';

const {outputFiles, metafile} = await build({
  entryPoints: ['entry.js'],
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: 'iife',
  globalName: 'vega',
  target: 'es2022',
  charset: 'ascii',
  legalComments: 'none',
  // Vega-Lite asks the whole of Vega for four helpers, which vega-util holds too.
  alias: {vega: 'vega-util'}
});

const packages = new Set(
  Object.entries(Object.values(metafile.outputs)[0].inputs)
    .filter(([path, {bytesInOutput}]) => path.startsWith('node_modules/') && bytesInOutput > 0)
    .map(([path]) => path.split('node_modules/').pop().split('/')[0])
);
const licences = new Map();
for (const name of [...packages].sort()) {
  const folder = `node_modules/${name}`;
  const {version, license} = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const file = readdirSync(folder).find(each => /^licen[cs]e/i.test(each));
  if (!file) throw new Error(`${name} ships no licence`);
  const text = readFileSync(`${folder}/${file}`, 'utf8').replaceAll('\r', '').trim();
  licences.set(text, [...(licences.get(text) ?? []), `${name} ${version} (${license})`]);
}
const notice = [...licences]
  .map(([text, names]) => `${names.join(', ')}\n\n${text}`)
  .join(`\n\n${'-'.repeat(80)}\n\n`);
if (notice.includes('*/') || /[^\x00-\x7f]/.test(notice)) throw new Error('unfit for a comment');
const script = `/*!\n${notice}\n*/\n${outputFiles[0].text}`;
writeFileSync('vega.min.js', script);
writeFileSync('LICENSES.txt', `Licences of what vega.min.js holds.\n\n${notice}\n`);
console.log(script.length, 'bytes, SHA-256', createHash('sha256').update(script).digest('hex'));
