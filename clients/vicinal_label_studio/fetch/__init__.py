"""Fetching images from addresses that strangers may have written.

Whoever may add a task to a labelling project chooses what this machine connects to, so an address is not
believed: `addresses` says which are refused, `network` resolves a name once and connects to what was
checked, `targets` reads URLs, `inline` decodes data: URLs, `fetcher` follows redirects and counts bytes.
"""

from vicinal_label_studio.fetch.errors import AddressRefused, FetchError, FetchFailed, TooLarge
from vicinal_label_studio.fetch.fetcher import ImageFetcher
from vicinal_label_studio.fetch.network import Resolver, resolve

__all__ = [
    "AddressRefused",
    "FetchError",
    "FetchFailed",
    "ImageFetcher",
    "Resolver",
    "TooLarge",
    "resolve",
]
