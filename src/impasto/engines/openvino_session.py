from impasto.engines.openvino import OpenVinoStyle as OpenVinoStyle
