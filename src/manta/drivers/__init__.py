"""One file per make of device, and the road a report takes on its way in."""
