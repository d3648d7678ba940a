"""Which devices stand at which site, laid out so that array expressions can walk them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Layout:
    """Devices sorted by site; every site is one slice of the order."""

    order: NDArray[np.int32]
    """Device numbers, site by site."""
    first: NDArray[np.int64]
    """Where each site's slice begins; one entry more than there are sites."""

    @classmethod
    def of(cls, sites: int, device_no: NDArray[np.integer], site_no: NDArray[np.integer]) -> Layout:
        """Lay out some devices, given the site of each."""
        if len(site_no) and not (site_no.min() >= 0 and site_no.max() < sites):
            raise ValueError(f"a device stands at site {site_no.min()}..{site_no.max()} of {sites}")
        order = np.argsort(site_no, kind="stable")
        first = np.zeros(sites + 1, np.int64)
        np.cumsum(np.bincount(site_no, minlength=sites), out=first[1:])
        return cls(np.asarray(device_no, np.int32)[order], first)

    def at(self, site_nos: NDArray[np.integer]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the devices of some sites, and for each its site's place in what was asked."""
        begin = self.first[site_nos]
        count = self.first[site_nos + 1] - begin
        if (count == 1).all():
            return self.order[begin], np.arange(len(site_nos))
        place = np.repeat(np.arange(len(site_nos)), count)
        within = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
        return self.order[np.repeat(begin, count) + within], place

    def count(self) -> NDArray[np.int64]:
        """Return how many devices each site has."""
        return np.diff(self.first)
