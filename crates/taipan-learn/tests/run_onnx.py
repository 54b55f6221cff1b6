"""Runs each NAME.onnx of a folder on the inputs of NAME.inputs.json and writes its outputs to NAME.outputs.json.

Inputs are columns of numbers (null for a missing one) or of texts; `x` alone may hold rows. Outputs are lists.
"""

import json
import pathlib
import sys

import numpy as np
import onnxruntime

folder = pathlib.Path(sys.argv[1])
for path in sorted(folder.glob("*.onnx")):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = json.loads(path.with_suffix(".inputs.json").read_text())
    feed = {}
    for node in session.get_inputs():
        values = given[node.name]
        if node.type == "tensor(string)":
            feed[node.name] = np.array(values, dtype=object).reshape(-1, 1)
        else:
            feed[node.name] = np.array(values, dtype=np.float64).reshape(len(values), -1)
    names = [node.name for node in session.get_outputs()]
    outputs = {name: value.tolist() for name, value in zip(names, session.run(None, feed))}
    path.with_suffix(".outputs.json").write_text(json.dumps(outputs))
