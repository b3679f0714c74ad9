// node paint.mjs MODEL.onnx PHOTO.png PAINTING.png
import { readFile, writeFile } from "node:fs/promises";
import * as ort from "onnxruntime-web";
import { PNG } from "pngjs";
import { paint } from "./painting.mjs";

const [model, photo, painting] = process.argv.slice(2);
if (painting === undefined) {
  console.error("usage: node paint.mjs MODEL.onnx PHOTO.png PAINTING.png");
  process.exit(2);
}

ort.env.wasm.numThreads = Number(process.env.THREADS ?? 0); // 0: as many as there are cores
const session = await ort.InferenceSession.create(await readFile(model), {
  executionProviders: ["wasm"],
});
const start = performance.now();
const { data, width, height } = await paint(ort, session, PNG.sync.read(await readFile(photo)));
const seconds = (performance.now() - start) / 1000;
const png = Object.assign(new PNG({ width, height }), { data: Buffer.from(data) });
await writeFile(painting, PNG.sync.write(png));
console.log(`${width} x ${height} px in ${seconds.toFixed(2)} s`);
