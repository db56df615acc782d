// What @sparkjsdev/spark finds in a file of splats, as rows of x y z, scales, w x y z, opacity and r g b:
//   node spark_reader.mjs FOLDER_OF_NODE_MODULES FILE TARGET.json
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [, , home, file, target] = process.argv;
const load = async (name) => import(pathToFileURL(createRequire(home + '/').resolve(name)).href);
const Worker = (await load('web-worker')).default;
globalThis.window = globalThis.self = globalThis;
// its workers come as text with a charset, which the package for Node does not know
globalThis.Worker = class extends Worker {
  constructor(url, options) {
    const text = decodeURIComponent(String(url).slice(String(url).indexOf(',') + 1));
    super('data:text/javascript;base64,' + Buffer.from(text).toString('base64'), options);
  }
};
URL.createObjectURL = undefined;
const { ExtSplats } = await import(pathToFileURL(home + '/node_modules/@sparkjsdev/spark/dist/spark.module.js').href);
const splats = new ExtSplats({ fileBytes: new Uint8Array(fs.readFileSync(file)), fileName: file });
await splats.initialized;
const rows = [];
splats.forEachSplat((_, c, s, q, opacity, rgb) =>
  rows.push([c.x, c.y, c.z, s.x, s.y, s.z, q.w, q.x, q.y, q.z, opacity, rgb.r, rgb.g, rgb.b]));
fs.writeFileSync(target, JSON.stringify(rows));
process.exit(0);
