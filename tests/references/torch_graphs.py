"""Tiny networks with branches in PyTorch, for make_onnx_references."""


def normalized(nn, channels, filters, size, activation=None, **options):
    """A convolution, a batch normalization and a nonlinearity."""
    layers = [nn.Conv2d(channels, filters, size, padding=size // 2, bias=False, **options), nn.BatchNorm2d(filters)]
    return nn.Sequential(*layers, *([activation] if activation else []))


def residual(nn):
    """Two blocks, one of them with a convolution in its shortcut."""

    class Block(nn.Module):
        def __init__(self, channels, filters, stride):
            super().__init__()
            self.conv1 = normalized(nn, channels, filters, 3, nn.ReLU(), stride=stride)
            self.conv2 = normalized(nn, filters, filters, 3)
            self.downsample = normalized(nn, channels, filters, 1, stride=stride) if stride > 1 else nn.Identity()

        def forward(self, x):
            return (self.downsample(x) + self.conv2(self.conv1(x))).relu()

    stem = [normalized(nn, 3, 4, 3, nn.ReLU()), nn.MaxPool2d(3, 2, padding=1)]
    return nn.Sequential(*stem, Block(4, 4, 1), Block(4, 6, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))


def concatenating(nn):
    """What each layer finds is put beside what it was given; between two blocks a pool that rounds up."""
    from torch import cat

    class Layer(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.norm, self.conv = nn.BatchNorm2d(channels), nn.Conv2d(channels, 2, 3, padding=1)

        def forward(self, x):
            return cat([x, self.conv(self.norm(x).relu())], 1)

    pool = nn.AvgPool2d(2, (2, 5), ceil_mode=True)
    end = [nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 4 * 3, 3)]
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), Layer(4), pool, Layer(6), *end)


def gated(nn):
    """An inverted bottleneck: to more channels, each by itself, a gate, and back; with the shortcut around it."""

    class Gate(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.pool, self.fc1, self.fc2 = nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)

        def forward(self, x):
            return x * self.fc2(nn.functional.silu(self.fc1(self.pool(x)))).sigmoid()

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.expand = normalized(nn, channels, 6, 1, nn.SiLU())
            self.depthwise = normalized(nn, 6, 6, 5, nn.Hardswish(), groups=6)
            self.gate, self.project = Gate(6), normalized(nn, 6, channels, 1)

        def forward(self, x):
            return x + self.project(self.gate(self.depthwise(self.expand(x))))

    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(4, 3)]
    return nn.Sequential(normalized(nn, 3, 4, 3, nn.ReLU6(), stride=2), Block(4), *end)


NETWORKS = {"residual": residual, "concatenating": concatenating, "gated": gated}
