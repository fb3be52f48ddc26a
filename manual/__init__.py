"""The manual: pages that are generated from the product itself, and the site they are built into (`make docs`)."""
