// paint_openvino MODEL.xml|MODEL.onnx PHOTO.ppm PAINTING.ppm
// The model: exported with --samples uint8. The photo: PPM, binary, 8 bits.
#include <cstdint>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <openvino/openvino.hpp>

struct Image {
    size_t width = 0, height = 0;
    std::vector<uint8_t> samples;  // RGB, pixel by pixel
};

Image read_ppm(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    std::string kind;
    size_t top = 0;
    Image image;
    if (!(stream >> kind >> image.width >> image.height >> top) || kind != "P6" || top != 255)
        throw std::runtime_error(path + ": not a binary PPM of 8 bits");
    stream.get();
    image.samples.resize(3 * image.width * image.height);
    stream.read(reinterpret_cast<char*>(image.samples.data()), image.samples.size());
    if (!stream) throw std::runtime_error(path + ": truncated");
    return image;
}

void write_ppm(const std::string& path, const Image& image) {
    std::ofstream stream(path, std::ios::binary);
    stream << "P6\n" << image.width << ' ' << image.height << "\n255\n";
    stream.write(reinterpret_cast<const char*>(image.samples.data()), image.samples.size());
}

int main(int count, char** arguments) try {
    if (count != 4) throw std::runtime_error("usage: paint_openvino MODEL PHOTO.ppm PAINTING.ppm");
    ov::Core core;
    // f32: by itself OpenVINO takes bfloat16 where the processor has it, see docs/export.md
    ov::CompiledModel model =
        core.compile_model(arguments[1], "CPU", ov::hint::inference_precision(ov::element::f32));
    const Image photo = read_ppm(arguments[2]);
    const size_t pixels = photo.width * photo.height;

    ov::Tensor input(ov::element::u8, {1, 3, photo.height, photo.width});
    for (size_t color = 0; color < 3; ++color)  // one colour after the other
        for (size_t pixel = 0; pixel < pixels; ++pixel)
            input.data<uint8_t>()[color * pixels + pixel] = photo.samples[3 * pixel + color];

    ov::InferRequest request = model.create_infer_request();
    request.set_tensor("image", input);
    request.infer();
    const ov::Tensor output = request.get_tensor("output");

    Image painting;
    painting.height = output.get_shape()[2];  // larger, if the model enlarges
    painting.width = output.get_shape()[3];
    const size_t painted = painting.width * painting.height;
    painting.samples.resize(3 * painted);
    for (size_t color = 0; color < 3; ++color)
        for (size_t pixel = 0; pixel < painted; ++pixel)
            painting.samples[3 * pixel + color] = output.data<const uint8_t>()[color * painted + pixel];
    write_ppm(arguments[3], painting);
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
}
