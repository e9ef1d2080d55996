"""docs/u-net.toml as a module of PyTorch, whose names are the same."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, channels, filters):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters)
        self.conv2, self.norm2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters)

    def forward(self, x):
        return self.norm2(self.conv2(self.norm1(self.conv1(x)).relu())).relu()


class Up(Block):
    def __init__(self, channels, filters):
        super().__init__(2 * filters, filters)
        self.transposed = nn.ConvTranspose2d(channels, filters, 2, stride=2)

    def forward(self, x, beside):
        return super().forward(torch.cat([beside, self.transposed(x)], dim=1))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2, self.bottom = Block(3, 16), Block(16, 32), Block(32, 64)
        self.up2, self.up1, self.classes = Up(64, 32), Up(32, 16), nn.Conv2d(16, 2, 1)

    def forward(self, x):
        down1 = self.down1(x)
        down2 = self.down2(nn.functional.max_pool2d(down1, 2))
        bottom = self.bottom(nn.functional.max_pool2d(down2, 2))
        return self.classes(self.up1(self.up2(bottom, down2), down1))
