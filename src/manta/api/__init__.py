"""The public face: a file per page of the product, the live stream, and what keeps strangers out."""
