"""Print the tensors of an npz or safetensors file, one a line: name, shape, values (repr of the floats).

NumPy reads the npz where it is installed, and numpy.frombuffer the safetensors; otherwise the standard library does:
zipfile checks the archive's checksums either way.
"""
import ast
import json
import struct
import sys
import zipfile

try:
    import numpy
except ImportError:
    numpy = None


def npy(data):
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    (n,) = struct.unpack("<H", data[8:10])
    assert (10 + n) % 64 == 0
    head = ast.literal_eval(data[10 : 10 + n].decode("latin1"))
    assert head["descr"] == "<f4" and head["fortran_order"] is False
    body = data[10 + n :]
    return head["shape"], struct.unpack("<%df" % (len(body) // 4), body)


def read_npz(path):
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        plain = {name[:-4]: npy(z.read(name)) for name in z.namelist()}
    if numpy is None:
        return plain
    with numpy.load(path) as z:
        assert list(z.files) == list(plain)
        out = {}
        for name in z.files:
            assert z[name].dtype == numpy.float32
            out[name] = (z[name].shape, tuple(z[name].ravel().tolist()))
        assert out == plain
        return out


def read_safetensors(path):
    data = open(path, "rb").read()
    (n,) = struct.unpack("<Q", data[:8])
    assert n % 8 == 0
    head = json.loads(data[8 : 8 + n])
    head.pop("__metadata__")
    out, end = {}, 0
    for name, t in head.items():
        a, b = t["data_offsets"]
        assert t["dtype"] == "F32" and a == end
        end = b
        body = data[8 + n + a : 8 + n + b]
        values = struct.unpack("<%df" % (len(body) // 4), body)
        if numpy is not None:
            array = numpy.frombuffer(body, dtype="<f4").reshape(t["shape"])
            assert tuple(array.ravel().tolist()) == values
        out[name] = (tuple(t["shape"]), values)
    assert 8 + n + end == len(data)
    return out


path = sys.argv[1]
tensors = read_npz(path) if path.endswith(".npz") else read_safetensors(path)
for name, (shape, values) in tensors.items():
    print(name, "x".join(map(str, shape)), *values)
