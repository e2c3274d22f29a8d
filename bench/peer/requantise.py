"""Writes a GGUF file again with its matrices in Q8_0, so that both servers can be compared with that type too.

Out of a file with fewer bits no better model comes, only a larger one: it is for measuring speed, at both servers with the
same file. Needs PyPI's gguf. `python3 requantise.py FROM TO`
"""

import sys

import gguf

FROM, TO = sys.argv[1:]
Q8_0 = gguf.GGMLQuantizationType.Q8_0
PLAIN = {gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.BF16}


def copy_facts(reader, writer):
    for key, field in reader.fields.items():
        # The writer counts for itself, and knows the architecture.
        if key.startswith("GGUF.") or key == gguf.Keys.General.ARCHITECTURE:
            continue
        value, kind = field.contents(), field.types[0]
        if key == gguf.Keys.General.FILE_TYPE:
            value = gguf.LlamaFileType.MOSTLY_Q8_0
        part = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, value, kind, sub_type=part)


def copy_tensors(reader, writer):
    for tensor in reader.tensors:
        kind = tensor.tensor_type
        if kind in PLAIN:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=kind)
        else:
            weights = gguf.quants.dequantize(tensor.data, kind)
            writer.add_tensor(tensor.name, gguf.quants.quantize(weights, Q8_0), raw_dtype=Q8_0)


reader = gguf.GGUFReader(FROM)
architecture = reader.fields[gguf.Keys.General.ARCHITECTURE].contents()
writer = gguf.GGUFWriter(TO, architecture)
copy_facts(reader, writer)
copy_tensors(reader, writer)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
