"""The tiny network of the weight-file references: with and without biases, normalized and not; what it flattens is not square."""


def tiny_network(torch, seed=0):
    """Build it with the given torch module; random, with statistics as after some training."""
    torch.manual_seed(seed)
    nn = torch.nn
    layers = {
        "features": nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 5, (3, 2), stride=(2, 1), padding=(1, 0), bias=False),
            nn.BatchNorm2d(5),
            nn.ReLU(),
        ),
        "flatten": nn.Flatten(),
        "classifier": nn.Sequential(nn.Linear(5 * 2 * 5, 6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 4)),
    }
    network = nn.Sequential()
    for name, layer in layers.items():
        network.add_module(name, layer)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                for tensor in (module.weight, module.bias, module.running_mean):
                    tensor.normal_()
                module.running_var.uniform_(0.5, 2)
    return network.eval()


#: The same network described for minicnn.
DESCRIPTION = """
name = "tiny"
input = [8, 12, 3]
layers = [
  {convolution = "conv1", filters = 4, size = 3, padding = 1},
  {batch_norm = "norm1"},
  {relu = "relu1"},
  {max_pool = "pool1", size = 2},
  {convolution = "conv2", filters = 5, size = [3, 2], stride = [2, 1], padding = [1, 0]},
  {batch_norm = "norm2"},
  {relu = "relu2"},
  {flatten = "flatten"},
  {dense = "fc1", units = 6},
  {relu = "relu3"},
  {dropout = "drop"},
  {dense = "fc2", units = 4},
]
"""
