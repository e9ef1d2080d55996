"""Networks of one's own, as a student describes them: with strides, odd sizes and gray input; batch normalization; a fixed size."""

GRAY = """
name = "gray"
input = [37, 45, 1]
classes = ["ant", "bee", "red fox", "crane"]
preprocessing = {colors = "gray", scale = 0.00392156862745098, mean = [0.45], std = [0.25]}

layers = [
  {convolution = "first", filters = 6, size = [5, 3], stride = [2, 1], padding = [2, 1]},
  {relu = "first-relu"},
  {average_pool = "halves", size = [3, 2], stride = 2, padding = [1, 0]},
  {convolution = "second", filters = 8, size = 3, stride = 2},
  {relu = "second-relu"},
  {convolution = "classes", filters = 4, size = 1},
  {global_average_pool = "gap"},
]
"""

NORMALIZED = """
name = "normalized"
input = [32, 32, 3]
classes = ["ant", "bee", "red fox", "crane"]
preprocessing = "cifar10"

layers = [
  {convolution = "conv1", filters = 6, size = 3, padding = 1},
  {batch_norm = "norm1"},
  {relu = "relu1"},
  {max_pool = "pool1", size = 2},
  {convolution = "conv2", filters = 8, size = 3, padding = 1},
  {batch_norm = "norm2", epsilon = 0.001},
  {relu = "relu2"},
  {global_average_pool = "gap"},
  {dense = "fc", units = 4},
]
"""

FIXED = """
name = "fixed"
input = [30, 38, 3]
classes = ["ant", "bee", "red fox", "crane"]
preprocessing = "torch"

layers = [
  {convolution = "conv1", filters = 6, size = 5, stride = 2, padding = 2},
  {relu = "relu1"},
  {max_pool = "pool1", size = 3, stride = 2},
  {convolution = "conv2", filters = 8, size = 3},
  {relu = "relu2"},
  {flatten = "flatten"},
  {dense = "fc1", units = 12},
  {relu = "relu3"},
  {dropout = "drop3", rate = 0.3},
  {dense = "fc2", units = 4},
]
"""

TEXTS = {"gray": GRAY, "normalized": NORMALIZED, "fixed": FIXED}
