"""Data for contextual bandits: images and tables with labels, and the songs of Starnes et al. 2023."""

from sb3_entropy_bandits.data.cifar10 import load_cifar10
from sb3_entropy_bandits.data.classification import ClassificationData
from sb3_entropy_bandits.data.digits import load_digits
from sb3_entropy_bandits.data.fashion_mnist import load_fashion_mnist
from sb3_entropy_bandits.data.load import load_classification
from sb3_entropy_bandits.data.mnist import load_mnist
from sb3_entropy_bandits.data.spotify import SpotifyData, load_spotify
from sb3_entropy_bandits.data.table import tabular

__all__ = [
    "ClassificationData",
    "SpotifyData",
    "load_cifar10",
    "load_classification",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "load_spotify",
    "tabular",
]
