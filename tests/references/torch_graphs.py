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


def shuffled(nn):
    """Half of the channels pass through untouched; then the halves are shuffled."""
    from torch import cat

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            inner = [normalized(nn, 3, 3, 3, groups=3), normalized(nn, 3, 3, 1, nn.PReLU(3))]
            self.branch = nn.Sequential(*inner)

        def forward(self, x):
            kept, taken = x.chunk(2, dim=1)
            x = cat((kept, self.branch(taken)), dim=1)
            return x.view(len(x), 2, 3, *x.shape[2:]).transpose(1, 2).reshape(x.shape)

    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)]
    return nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), Block(), Block(), *end)


def next_one(nn):
    """A depthwise convolution, then a normalization and two layers for each pixel, a scale, and the shortcut."""
    import torch

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.depthwise, self.norm = nn.Conv2d(4, 4, 5, padding=2, groups=4), nn.LayerNorm(4, eps=1e-6)
            self.grow, self.shrink = nn.Linear(4, 8), nn.Linear(8, 4)
            self.scale = nn.Parameter(torch.rand(4, 1, 1))

        def forward(self, x):
            y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
            y = self.shrink(nn.functional.gelu(self.grow(y)))
            return x + self.scale * y.permute(0, 3, 1, 2)

    return nn.Sequential(nn.Conv2d(3, 4, 2, stride=2), Block(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 3))


def hourglass(nn):
    """Down and up again, in two ways: with weights, and between pixels; what was there before is put beside it, and added."""
    from torch import cat

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.down1, self.down2 = nn.Conv2d(3, 4, 3, 2, padding=1), nn.Conv2d(4, 6, 3, 2, padding=1)
            self.up1, self.up2 = nn.ConvTranspose2d(6, 4, 3, 2, padding=1, output_padding=1), nn.Upsample(scale_factor=2, mode="bilinear")
            self.up3, self.end = nn.Upsample(scale_factor=4), nn.Conv2d(14, 2, 3, padding=1)

        def forward(self, x):
            first = self.down1(x).tanh()
            second = nn.functional.elu(self.down2(first))
            return self.end(cat([self.up2(first + self.up1(second).sigmoid()), self.up3(second), cat([x[:, 1:3], x[:, :2]], 1)], 1))

    return Network()


NETWORKS = {
    "residual": residual,
    "concatenating": concatenating,
    "gated": gated,
    "shuffled": shuffled,
    "next": next_one,
    "hourglass": hourglass,
}
