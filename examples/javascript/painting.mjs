// Pixels in, pixels out: what Node and browsers share. `ort` is onnxruntime-web.

// RGBA bytes, row by row, through the model -> {data, width, height}, RGBA bytes. Alpha is lost:
// fill what is hidden beforehand. The model takes float32 in [0, 1] or, exported with
// `--samples uint8`, bytes.
export async function paint(ort, session, { data, width, height }) {
  const [{ name, type }] = session.inputMetadata;
  const image = new ort.Tensor(type, planes(data, type, width * height), [1, 3, height, width]);
  const output = (await session.run({ [name]: image }))[session.outputNames[0]];
  const [, , outputHeight, outputWidth] = output.dims; // larger, if the model enlarges
  const pixels = bytes(output.data, type, outputWidth * outputHeight);
  image.dispose();
  output.dispose();
  return { data: pixels, width: outputWidth, height: outputHeight };
}

// One colour after the other, as networks have it.
function planes(rgba, type, count) {
  const values = type === "uint8" ? new Uint8Array(3 * count) : new Float32Array(3 * count);
  const scale = type === "uint8" ? 1 : 1 / 255;
  for (let color = 0; color < 3; color++) {
    for (let pixel = 0; pixel < count; pixel++) {
      values[color * count + pixel] = rgba[4 * pixel + color] * scale;
    }
  }
  return values;
}

function bytes(values, type, count) {
  const rgba = new Uint8ClampedArray(4 * count).fill(255);
  const scale = type === "uint8" ? 1 : 255;
  for (let color = 0; color < 3; color++) {
    for (let pixel = 0; pixel < count; pixel++) {
      rgba[4 * pixel + color] = values[color * count + pixel] * scale; // it rounds, too
    }
  }
  return rgba;
}
